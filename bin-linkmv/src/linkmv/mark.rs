//! What a link carries while it is moved, and afterwards, so that another run knows it again.

use nicon_linkmv::{Link, Place};

/// How the alternative name of a link that is being moved begins.
const MARK: &str = "nicon.";

/// Where a link came from, as it tells itself.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Origin {
    /// Inode number of the network namespace.
    pub(crate) netns: u64,
    /// The name that it had there.
    pub(crate) name: String,
    /// The ifindex that it had there, where that is told.
    pub(crate) ifindex: Option<u32>,
}

/// The alternative name that a link gets before its move, and loses when the move is complete. A run that is killed leaves
/// it, and the next run of the same command finds the link by it, wherever the kernel has left it and whatever it is called.
pub(crate) fn mark(from: &Place, link: &Link) -> String {
    format!("{MARK}{}.{}.{}", from.ns.id().ino, link.ifindex, link.name)
}

/// Whether an alternative name is such a mark.
pub(crate) fn is_mark(altname: &str) -> bool {
    read_mark(altname).is_some()
}

/// The mark that a link carries.
pub(crate) fn mark_of(link: &Link) -> Option<(&str, Origin)> {
    link.altnames.iter().find_map(|altname| Some((altname.as_str(), read_mark(altname)?)))
}

fn read_mark(altname: &str) -> Option<Origin> {
    let mut parts = altname.strip_prefix(MARK)?.splitn(3, '.');
    let (netns, ifindex, name) = (parts.next()?, parts.next()?, parts.next()?);
    // A journal is called like the mark, and alternative names may hold anything.
    if name.contains('/') {
        return None;
    }
    Some(Origin { netns: netns.parse().ok()?, ifindex: Some(ifindex.parse().ok()?), name: name.to_owned() })
}

/// What a moved link carries as its alias, where it has none: by this a second run knows that there is nothing to do.
pub(crate) fn note(from: &Place, name: &str) -> String {
    format!("nicon: {name} from net:[{}]", from.ns.id().ino)
}

/// Where a link came from, by its alias.
pub(crate) fn noted(link: &Link) -> Option<Origin> {
    let (name, netns) = link.alias.strip_prefix("nicon: ")?.split_once(" from net:[")?;
    Some(Origin { netns: netns.strip_suffix(']')?.parse().ok()?, name: name.to_owned(), ifindex: None })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn marks_and_notes_are_read_back() {
        let origin = read_mark("nicon.4026531840.7.veth0.100").unwrap();
        assert_eq!((origin.netns, origin.ifindex, &origin.name[..]), (4_026_531_840, Some(7), "veth0.100"));
        for text in ["", "nicon.", "nicon.x.7.veth0", "nicon.1.veth0", "nicon.1.2./../x", "veth0"] {
            assert!(!is_mark(text), "{text}");
        }
        let alias = "nicon: veth0 from net:[4026531840]".to_owned();
        let origin = noted(&Link { alias, ..Link::default() }).unwrap();
        assert_eq!((origin.netns, &origin.name[..]), (4_026_531_840, "veth0"));
        assert_eq!(noted(&Link { alias: "nicon: veth0 from".to_owned(), ..Link::default() }), None);
    }
}
