//! Walks the attributes of a message without parsing those that are not used.

/// Length of an attribute's header, in bytes: its length and its type.
const HEADER: usize = 4;

/// Masks the flags out of a type: `NLA_TYPE_MASK` in `linux/netlink.h`.
const KIND: u16 = 0x3fff;

/// Attributes with their types and values, up to the first malformed one; see `netlink(7)`.
pub(crate) fn attributes(mut rest: &[u8]) -> impl Iterator<Item = (u16, &[u8])> {
    std::iter::from_fn(move || {
        let &[short, long, kind, flags] = rest.first_chunk::<HEADER>()?;
        let length = usize::from(u16::from_ne_bytes([short, long]));
        let value = rest.get(HEADER..length)?;
        rest = rest.get(length.next_multiple_of(4)..).unwrap_or_default();
        Some((u16::from_ne_bytes([kind, flags]) & KIND, value))
    })
}

/// The value of the first attribute of a type, if there is one.
pub(crate) fn value(bytes: &[u8], kind: u16) -> Option<&[u8]> {
    attributes(bytes).find(|(found, _)| *found == kind).map(|(_, value)| value)
}

/// Appends an attribute.
pub(crate) fn push(bytes: &mut Vec<u8>, kind: u16, value: &[u8]) {
    let length = u16::try_from(HEADER + value.len()).expect("an attribute of less than 64 KiB");
    bytes.extend(length.to_ne_bytes());
    bytes.extend(kind.to_ne_bytes());
    bytes.extend(value);
    bytes.resize(bytes.len().next_multiple_of(4), 0);
}

/// A zero-terminated text.
pub(crate) fn text(value: &[u8]) -> String {
    String::from_utf8_lossy(value.split(|&byte| byte == 0).next().unwrap_or_default()).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn attributes_are_read_up_to_the_first_that_is_none() {
        // 0x8000 marks nested attributes.
        let bytes = [5_u16.to_ne_bytes(), 0x8001_u16.to_ne_bytes(), [7, 0], [0, 0], [4, 0], [2, 0], [9, 0], [3, 0]];
        let bytes = bytes.concat();
        assert_eq!(attributes(&bytes).collect::<Vec<_>>(), [(1, &[7][..]), (2, &[])]);
        assert_eq!((value(&bytes, 1), value(&bytes, 2), value(&bytes, 3)), (Some(&[7][..]), Some(&[][..]), None));
        assert_eq!(attributes(&[0; 20]).count(), 0);
        assert_eq!(attributes(&bytes[..3]).count(), 0);
    }
}
