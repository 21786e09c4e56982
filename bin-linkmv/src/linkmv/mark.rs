//! The marks by which another run recognises a link: during a move, and afterwards.

use nicon_rtnl::{Link, NetnsHandle};

/// How the alternative name of a link that is being moved begins.
const MARK: &str = "nicon.";

/// How the alternative name of a link that was moved begins, where its alias is not nicon's.
const TRACE: &str = "nicon-from.";

/// Where a link came from, as its marks say.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Origin {
    /// Inode number of the network namespace.
    pub(crate) netns: u64,
    /// The name that it had there.
    pub(crate) name: String,
    /// The ifindex that it had there, if the mark has it.
    pub(crate) ifindex: Option<u32>,
}

impl Origin {
    /// That of a link which is still there.
    pub(crate) fn of(place: &NetnsHandle, link: &Link) -> Self {
        Self { netns: place.ns.id().ino, name: link.name.clone(), ifindex: Some(link.ifindex) }
    }

    /// The alternative name that a link gets before its move, and loses when the move is complete. A run that is killed
    /// leaves it, and the next run of the same command finds the link by it, wherever the kernel has left it and whatever it
    /// is called.
    ///
    /// The root of the link's namespace can move the mark to another link: [`nicon_rtnl::sysfs`] has what identifies the link.
    pub(crate) fn mark(&self) -> String {
        self.altname(MARK)
    }

    /// What a moved link carries as its alias: by this a second run knows that there is nothing to do.
    pub(crate) fn note(&self) -> String {
        format!("nicon: {} from net:[{}]", self.name, self.netns)
    }

    /// What it carries as an alternative name instead, if its alias is not nicon's.
    pub(crate) fn trace(&self) -> String {
        self.altname(TRACE)
    }

    fn altname(&self, prefix: &str) -> String {
        format!("{prefix}{}.{}.{}", self.netns, self.ifindex.unwrap_or_default(), self.name)
    }
}

/// Whether an alternative name is the mark of a link that is being moved.
pub(crate) fn is_mark(altname: &str) -> bool {
    read_altname(MARK, altname).is_some()
}

/// Whether an alternative name records where a link came from.
pub(crate) fn is_trace(altname: &str) -> bool {
    read_altname(TRACE, altname).is_some()
}

/// Whether an alias records where a link came from.
pub(crate) fn is_note(alias: &str) -> bool {
    read_note(alias).is_some()
}

/// The mark that a link carries.
pub(crate) fn mark_of(link: &Link) -> Option<(&str, Origin)> {
    link.altnames.iter().find_map(|altname| Some((altname.as_str(), read_altname(MARK, altname)?)))
}

/// Where a link that was moved came from.
pub(crate) fn origin_of(link: &Link) -> Option<Origin> {
    read_note(&link.alias).or_else(|| link.altnames.iter().find_map(|altname| read_altname(TRACE, altname)))
}

fn read_altname(prefix: &str, altname: &str) -> Option<Origin> {
    let mut parts = altname.strip_prefix(prefix)?.splitn(3, '.');
    let (netns, ifindex, name) = (parts.next()?, parts.next()?, parts.next()?);
    // A journal is called like the mark, and alternative names may hold anything.
    if name.contains('/') {
        return None;
    }
    let ifindex = ifindex.parse().ok()?;
    Some(Origin { netns: netns.parse().ok()?, ifindex: Some(ifindex).filter(|n| *n > 0), name: name.to_owned() })
}

fn read_note(alias: &str) -> Option<Origin> {
    let (name, netns) = alias.strip_prefix("nicon: ")?.split_once(" from net:[")?;
    Some(Origin { netns: netns.strip_suffix(']')?.parse().ok()?, name: name.to_owned(), ifindex: None })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn marks_notes_and_traces_are_read_back() {
        let origin = Origin { netns: 4_026_531_840, name: "veth0.100".to_owned(), ifindex: Some(7) };
        assert_eq!(origin.mark(), "nicon.4026531840.7.veth0.100");
        let link =
            |alias: &str, altname: String| Link { alias: alias.to_owned(), altnames: vec![altname], ..Link::default() };
        assert_eq!(
            mark_of(&link("", origin.mark())),
            Some((&origin.mark()[..], read_altname(MARK, &origin.mark()).unwrap()))
        );
        assert_eq!(read_altname(MARK, &origin.mark()).as_ref(), Some(&origin));
        assert_eq!(origin_of(&link("uplink", origin.trace())).as_ref(), Some(&origin));
        for text in ["", "nicon.", "nicon.x.7.veth0", "nicon.1.veth0", "nicon.1.2./../x", "veth0", &origin.trace()] {
            assert!(!is_mark(text), "{text}");
        }
        let noted = Origin { ifindex: None, ..origin };
        assert_eq!(origin_of(&link(&noted.note(), "veth0".to_owned())).as_ref(), Some(&noted));
        assert_eq!(origin_of(&link("nicon: veth0 from", noted.mark())), None);
        // One whose ifindex is not known is known all the same.
        assert_eq!(read_altname(TRACE, &noted.trace()), Some(noted));
    }
}
