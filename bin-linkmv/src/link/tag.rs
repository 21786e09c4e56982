//! The names that nicon gives to a link, by which another run recognises it: the in-progress tag during a move, and its origin
//! afterwards, in its alias or in an alternative name.

use nicon_core::{Error, Result};
use nicon_rtnl::{Link, NetnsHandle};

/// How the alternative name of a link that is being moved begins.
const IN_PROGRESS: &str = "nicon.";

/// How the alternative name of a link that was moved begins, where its alias is not nicon's.
const ORIGIN: &str = "nicon-from.";

/// Where a link came from, as its names say.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Origin {
    /// Inode number of the network namespace.
    pub(crate) netns: u64,
    /// The name that it had there.
    pub(crate) name: String,
    /// The ifindex that it had there, if that is recorded.
    pub(crate) ifindex: Option<u32>,
}

impl Origin {
    /// That of a link which is still there.
    pub(crate) fn of(netns: &NetnsHandle, link: &Link) -> Self {
        Self { netns: netns.ns.id().ino, name: link.name.clone(), ifindex: Some(link.ifindex) }
    }

    /// The alternative name that a link gets before its move, and loses when the move is complete. A run that is killed
    /// leaves it, and the next run of the same command finds the link by it, wherever the kernel has left it and whatever it
    /// is called.
    ///
    /// The root of the link's namespace can give the tag to another link: [`nicon_rtnl::sysfs`] has what identifies the link.
    pub(crate) fn tag(&self) -> String {
        self.encode(IN_PROGRESS)
    }

    /// The alias that a moved link gets: by this a second run knows that there is nothing to do.
    pub(crate) fn alias(&self) -> String {
        format!("nicon: {} from net:[{}]", self.name, self.netns)
    }

    /// The alternative name that it gets instead, if it has an alias of its own.
    pub(crate) fn altname(&self) -> String {
        self.encode(ORIGIN)
    }

    fn encode(&self, prefix: &str) -> String {
        format!("{prefix}{}.{}.{}", self.netns, self.ifindex.unwrap_or_default(), self.name)
    }
}

/// Whether an alternative name is the tag of a link that is being moved.
pub(crate) fn is_tag(altname: &str) -> bool {
    read_altname(IN_PROGRESS, altname).is_some()
}

/// Whether a tag is that of a link which came from a network namespace under this name.
pub(crate) fn is_tag_of(tag: &str, netns: u64, name: &str) -> bool {
    read_altname(IN_PROGRESS, tag).is_some_and(|origin| origin.netns == netns && origin.name == name)
}

/// Whether an alternative name records where a link came from.
pub(crate) fn is_origin_altname(altname: &str) -> bool {
    read_altname(ORIGIN, altname).is_some()
}

/// Whether an alias records where a link came from.
pub(crate) fn is_origin_alias(alias: &str) -> bool {
    read_alias(alias).is_some()
}

/// The in-progress tag of a link, and the origin that it records.
pub(crate) fn tag_of(link: &Link) -> Option<(&str, Origin)> {
    link.altnames.iter().find_map(|altname| Some((altname.as_str(), read_altname(IN_PROGRESS, altname)?)))
}

/// Where a link that was moved came from.
pub(crate) fn origin_of(link: &Link) -> Option<Origin> {
    read_alias(&link.alias).or_else(|| link.altnames.iter().find_map(|altname| read_altname(ORIGIN, altname)))
}

/// Ends a move: removes the in-progress tag.
pub(crate) fn remove_tag(netns: &NetnsHandle, link: &Link, tag: &str) -> Result<()> {
    let Err(error) = netns.netlink.remove_altname(link.ifindex, tag) else { return Ok(()) };
    match netns.netlink.link_at(link.ifindex)? {
        None => Err(Error::failed(format!("{} has vanished from {}", link.name, netns.label))),
        Some(now) if now.altnames.iter().any(|altname| altname == tag) => {
            Err(error.context(&format!("remove the tag of {} in {}", now.name, netns.label)))
        }
        // Another run of the same command removed it first.
        Some(_) => Ok(()),
    }
}

/// Where a link came from, whether its move is complete or not.
pub(crate) fn recorded_origin(link: &Link) -> Option<Origin> {
    tag_of(link).map(|(_, origin)| origin).or_else(|| origin_of(link))
}

fn read_altname(prefix: &str, altname: &str) -> Option<Origin> {
    let mut parts = altname.strip_prefix(prefix)?.splitn(3, '.');
    let (netns, ifindex, name) = (parts.next()?, parts.next()?, parts.next()?);
    // A journal's file name is the tag, and an alternative name may contain anything.
    if name.contains('/') {
        return None;
    }
    let ifindex = ifindex.parse().ok()?;
    Some(Origin { netns: netns.parse().ok()?, ifindex: Some(ifindex).filter(|n| *n > 0), name: name.to_owned() })
}

fn read_alias(alias: &str) -> Option<Origin> {
    let (name, netns) = alias.strip_prefix("nicon: ")?.split_once(" from net:[")?;
    Some(Origin { netns: netns.strip_suffix(']')?.parse().ok()?, name: name.to_owned(), ifindex: None })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_read_back() {
        let origin = Origin { netns: 4_026_531_840, name: "veth0.100".to_owned(), ifindex: Some(7) };
        assert_eq!(origin.tag(), "nicon.4026531840.7.veth0.100");
        let link =
            |alias: &str, altname: String| Link { alias: alias.to_owned(), altnames: vec![altname], ..Link::default() };
        assert_eq!(
            tag_of(&link("", origin.tag())),
            Some((&origin.tag()[..], read_altname(IN_PROGRESS, &origin.tag()).unwrap()))
        );
        assert_eq!(read_altname(IN_PROGRESS, &origin.tag()).as_ref(), Some(&origin));
        assert_eq!(origin_of(&link("uplink", origin.altname())).as_ref(), Some(&origin));
        for text in ["", "nicon.", "nicon.x.7.veth0", "nicon.1.veth0", "nicon.1.2./../x", "veth0", &origin.altname()] {
            assert!(!is_tag(text), "{text}");
        }
        let noted = Origin { ifindex: None, ..origin };
        assert_eq!(origin_of(&link(&noted.alias(), "veth0".to_owned())).as_ref(), Some(&noted));
        assert_eq!(origin_of(&link("nicon: veth0 from", noted.tag())), None);
        // An origin without an ifindex is read back as well.
        assert_eq!(read_altname(ORIGIN, &noted.altname()), Some(noted));
    }
}
