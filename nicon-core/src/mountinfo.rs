//! Mounts, as /proc/PID/mountinfo lists them: see `proc_pid_mountinfo(5)`.
//!
//! A line is parsed without any copy, for programs that read the lists of thousands of processes.

use std::borrow::Cow;

/// A line of the list. Paths are escaped, as the kernel writes them: see [`unescape`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Mount<'a> {
    /// The mount's ID, unique among the mounts that exist.
    pub id: u64,
    /// The ID of the mount that it is mounted on, which may be one that this list does not have.
    pub parent: u64,
    /// The path within the file system that is the root of this mount, or the name of a namespace: `net:[4026531840]`.
    pub root: &'a [u8],
    /// Where it is mounted, below the root directory of the process whose list this is.
    pub point: &'a [u8],
    /// The type of the file system.
    pub fs_type: &'a [u8],
    /// The options of the file system, separated by commas.
    pub super_options: &'a [u8],
}

impl<'a> Mount<'a> {
    /// Parses a line, without its newline; `None` if it lacks the fields of a mount.
    #[must_use]
    pub fn parse(line: &'a [u8]) -> Option<Self> {
        let mut fields = line.split(|&byte| byte == b' ');
        let mut number = || std::str::from_utf8(fields.next()?).ok()?.parse().ok();
        let (id, parent) = (number()?, number()?);
        let (root, point) = (fields.nth(1)?, fields.next()?);
        // A separator ends the optional fields.
        let mut fields = fields.skip_while(|field| *field != b"-").skip(1);
        let fs_type = fields.next()?;
        Some(Self { id, parent, root, point, fs_type, super_options: fields.nth(1)? })
    }

    /// Whether the file system has this option.
    #[must_use]
    pub fn has_option(&self, option: &str) -> bool {
        self.super_options.split(|&byte| byte == b',').any(|other| other == option.as_bytes())
    }
}

/// The mounts of a whole list. Lines that are no mounts are left out.
pub fn mounts(list: &[u8]) -> impl DoubleEndedIterator<Item = Mount<'_>> {
    list.split(|&byte| byte == b'\n').filter_map(Mount::parse)
}

/// Undoes the escapes of white space and backslashes: a backslash and three octal digits.
#[must_use]
pub fn unescape(field: &[u8]) -> Cow<'_, [u8]> {
    if !field.contains(&b'\\') {
        return Cow::Borrowed(field);
    }
    let (mut plain, mut field) = (Vec::with_capacity(field.len()), field);
    while let [first, rest @ ..] = field {
        if let [b'\\', a @ b'0'..=b'3', b @ b'0'..=b'7', c @ b'0'..=b'7', rest @ ..] = field {
            plain.push((a - b'0') << 6 | (b - b'0') << 3 | (c - b'0'));
            field = rest;
        } else {
            plain.push(*first);
            field = rest;
        }
    }
    Cow::Owned(plain)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_parsed_whatever_optional_fields_they_have() {
        let netns = br"242 25 0:4 net:[4026532546] /run/netns/a\040b\134\012 rw shared:7 master:1 - nsfs nsfs rw,x=1";
        let mount = Mount::parse(netns).unwrap();
        assert_eq!((mount.id, mount.parent), (242, 25));
        assert_eq!((mount.root, mount.fs_type), (&b"net:[4026532546]"[..], &b"nsfs"[..]));
        assert_eq!(*unescape(mount.point), *b"/run/netns/a b\\\n");
        assert!(mount.has_option("rw") && mount.has_option("x=1") && !mount.has_option("x"));
        let proc = Mount::parse(b"22 27 0:21 / /proc rw,relatime - proc proc rw").unwrap();
        assert_eq!((proc.point, proc.super_options), (&b"/proc"[..], &b"rw"[..]));
        let no_numbers = [&b"x 27 0:21 / /proc rw - proc proc rw"[..], b"22 x 0:21 / /proc rw - proc proc rw"];
        for none in [&b"22 27"[..], b"", b"22 27 0:21 / /proc rw proc proc rw"].into_iter().chain(no_numbers) {
            assert_eq!(Mount::parse(none), None);
        }
    }

    #[test]
    fn all_lines_of_our_own_list_are_mounts() {
        let list = std::fs::read("/proc/self/mountinfo").unwrap();
        assert_eq!(mounts(&list).count(), String::from_utf8_lossy(&list).lines().count());
    }

    #[test]
    fn only_whole_escapes_are_undone() {
        assert_eq!(*unescape(br"a\040b\04\777\"), *br"a b\04\777\");
        assert!(matches!(unescape(b"plain"), Cow::Borrowed(_)));
    }
}
