//! Makes a pair: the kernel creates both ends in place with one message. If a later step fails, they are deleted.

use std::os::fd::{AsFd, AsRawFd};

use nicon_core::{Error, Result};
use nicon_rtnl::netlink::about;
use nicon_rtnl::packet_route::link::{InfoData, InfoKind, InfoVeth, LinkAttribute, LinkFlags, LinkInfo, LinkMessage};
use nicon_rtnl::{Link, NetnsHandle, address};
use nix::errno::Errno;

use crate::link::diff;
use crate::link::taken::name_taken;
use crate::veth::end::End;

/// Where the two ends lie.
pub(crate) type Namespaces<'a> = [&'a NetnsHandle; 2];

/// A pair.
pub(crate) struct Made {
    /// Its ends, as they are now.
    pub(crate) links: [Link; 2],
    /// False where all was there already.
    pub(crate) changed: bool,
    /// What identifies the ends of a pair that is new (see [`nicon_rtnl::sysfs`]), as far as that can be found out. `None`
    /// where the pair was there already.
    pub(crate) inodes: Option<[Option<u64>; 2]>,
}

/// Makes a pair, or completes the one that is there.
///
/// # Errors
/// Nothing is left behind.
pub(crate) fn make(namespaces: Namespaces<'_>, ends: &[End; 2]) -> Result<Made> {
    if namespaces[0].is(namespaces[1]) && ends[0].name == ends[1].name {
        return Err(Error::failed(format!("both ends would be called {} in one namespace", ends[0].name)));
    }
    // A missing master should be noticed before anything is done.
    namespaces.iter().zip(ends).try_for_each(|(netns, end)| master(netns, end).map(drop))?;
    match look(namespaces, ends)? {
        [Some(first), Some(second)] if are_one_pair(namespaces, [&first, &second])? => {
            let changed = complete(namespaces, ends, &[first, second])?;
            Ok(Made { links: both(namespaces, ends)?, changed, inodes: None })
        }
        [None, None] => {
            create(namespaces, ends)?;
            let links = both(namespaces, ends)?;
            let made = complete(namespaces, ends, &links).and_then(|_| {
                let inodes = [namespaces[0].inode(&links[0])?, namespaces[1].inode(&links[1])?];
                Ok(Made { links: both(namespaces, ends)?, changed: true, inodes: Some(inodes) })
            });
            match made {
                Ok(made) => Ok(made),
                Err(error) => {
                    let deleted = namespaces[0].netlink.delete_link(links[0].ifindex);
                    deleted.map_err(|failure| failure.context("delete the pair again").prefix(&error))?;
                    Err(error)
                }
            }
        }
        found => {
            let taken = usize::from(found[0].is_none());
            Err(name_taken(ends[taken].name.as_str(), namespaces[taken]))
        }
    }
}

/// The links that have the ends' names.
fn look(namespaces: Namespaces<'_>, ends: &[End; 2]) -> Result<[Option<Link>; 2]> {
    Ok([namespaces[0].netlink.link(ends[0].name.as_str())?, namespaces[1].netlink.link(ends[1].name.as_str())?])
}

fn both(namespaces: Namespaces<'_>, ends: &[End; 2]) -> Result<[Link; 2]> {
    match look(namespaces, ends)? {
        [Some(first), Some(second)] => Ok([first, second]),
        _ => Err(Error::no(format!("{} and {} have vanished again", ends[0].name, ends[1].name))),
    }
}

/// Each end reports the other's ifindex and namespace, which identifies the pair of an earlier run, complete or not.
fn are_one_pair(namespaces: Namespaces<'_>, links: [&Link; 2]) -> Result<bool> {
    let veths = links.iter().all(|link| link.kind.as_deref() == Some("veth"));
    let mutual = links[0].lower == Some(links[1].ifindex) && links[1].lower == Some(links[0].ifindex);
    let nsid = if namespaces[0].is(namespaces[1]) { None } else { namespaces[0].netlink.nsid_of(&namespaces[1].ns)? };
    Ok(veths && mutual && links[0].lower_nsid == nsid)
}

/// Equivalent to `ip link add NAME up type veth peer name PEER netns ...`, sent from the first end's namespace.
fn create(namespaces: Namespaces<'_>, ends: &[End; 2]) -> Result<()> {
    let mut peer = LinkMessage::default();
    peer.attributes = ends[1].attributes();
    peer.attributes.push(LinkAttribute::NetNsFd(namespaces[1].ns.as_fd().as_raw_fd()));
    let mut message = up(0);
    message.attributes = ends[0].attributes();
    message.attributes.push(LinkAttribute::LinkInfo(vec![
        LinkInfo::Kind(InfoKind::Veth),
        LinkInfo::Data(InfoData::Veth(InfoVeth::Peer(peer))),
    ]));
    namespaces[0].netlink.create_link(message).map_err(|error| match error.errno {
        // One of the names was taken meanwhile; the kernel does not say which.
        Errno::EEXIST => Error::no(format!(
            "{} in {} or {} in {} already exists",
            ends[0].name, namespaces[0].label, ends[1].name, namespaces[1].label
        )),
        _ => error.context(&format!("wire {} and {}", namespaces[0].label, namespaces[1].label)),
    })
}

/// Adds what a pair is missing, and returns whether there was anything. A new pair is missing what the kernel cannot set while
/// creating it: the second end up (which fails with ENOTCONN), masters and addresses.
fn complete(namespaces: Namespaces<'_>, ends: &[End; 2], links: &[Link; 2]) -> Result<bool> {
    let mut changed = false;
    for ((netns, end), link) in namespaces.iter().zip(ends).zip(links) {
        changed |= set(netns, end, link)?;
        changed |= give_addresses(netns, end, link)?;
        netns.check_alive()?;
    }
    Ok(changed)
}

/// Brings an end up and sets its attributes, and returns whether there was anything to do.
fn set(netns: &NetnsHandle, end: &End, link: &Link) -> Result<bool> {
    let mut message = up(link.ifindex);
    let mac = end.mac.filter(|mac| link.mac != Some(mac.to_string()));
    message.attributes.extend(mac.map(|mac| LinkAttribute::Address(mac.bytes())));
    let mtu = end.mtu.filter(|mtu| link.mtu != Some(*mtu));
    message.attributes.extend(mtu.map(LinkAttribute::Mtu));
    let master = master(netns, end)?.filter(|master| link.master != Some(*master));
    message.attributes.extend(master.map(LinkAttribute::Controller));
    if link.is_up() && message.attributes.is_empty() {
        return Ok(false);
    }
    let set = netns.netlink.set_link(message);
    set.map_err(|error| error.context(&format!("set {} in {} up", end.name, netns.label)))?;
    Ok(true)
}

/// The ifindex of an end's master.
fn master(netns: &NetnsHandle, end: &End) -> Result<Option<u32>> {
    end.master.as_ref().map(|name| netns.master(name)).transpose()
}

/// Adds the addresses that an end is missing, and returns whether there were any.
fn give_addresses(netns: &NetnsHandle, end: &End, link: &Link) -> Result<bool> {
    let mut given = false;
    for cidr in diff::addresses(&end.addresses, link, netns)? {
        let put = netns.netlink.put(address::request(cidr, link.ifindex));
        put.map_err(|error| error.context(&format!("give {cidr} to {} in {}", end.name, netns.label)))?;
        given = true;
    }
    Ok(given)
}

fn up(ifindex: u32) -> LinkMessage {
    let mut message = about(ifindex);
    message.header.flags = LinkFlags::Up;
    message.header.change_mask = LinkFlags::Up;
    message
}
