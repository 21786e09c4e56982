//! Changes that the kernel allows only while a link is down.

use nicon_rtnl::netlink::about;
use nicon_rtnl::packet_route::link::{LinkAttribute, LinkFlags, LinkMessage};
use nicon_rtnl::{Carry, Link, NetlinkError, NetnsHandle};
use nix::errno::Errno;

/// Changes a link in place. A bond or a team takes no port that is up, Linux before 6.2 does not rename such a link, and some
/// drivers do not change its hardware address. The kernel decides: if it rejects the change for that reason, the link is taken
/// down for it, and gets back the addresses and routes that this costs.
///
/// # Errors
/// The kernel's error. A link that was up is up again.
pub(crate) fn change(netns: &NetnsHandle, link: &Link, mut message: LinkMessage) -> Result<(), NetlinkError> {
    let brings_up = message.header.flags.contains(LinkFlags::Up);
    let enslaves = message.attributes.iter().any(|attribute| matches!(attribute, LinkAttribute::Controller(_)));
    if brings_up && enslaves && !link.is_up() {
        // Linux before 6.8 brings a link up before it makes it a port, whatever their order in the message is.
        set_up(&mut message, LinkFlags::empty());
        netns.netlink.set_link(message)?;
        return set(netns, link, LinkFlags::Up);
    }
    let rejected = match netns.netlink.set_link(message.clone()) {
        // A bond says EPERM of a port that is up, all others EBUSY.
        Err(error) if link.is_up() && (error.errno == Errno::EBUSY || enslaves && error.errno == Errno::EPERM) => error,
        done => return done,
    };
    let Ok(carry) = Carry::read(&netns.netlink, link.ifindex) else { return Err(rejected) };
    set(netns, link, LinkFlags::empty()).map_err(|_| rejected)?;
    let stays_down = message.header.change_mask.contains(LinkFlags::Up) && !brings_up;
    set_up(&mut message, LinkFlags::empty());
    let changed = netns.netlink.set_link(message);
    if changed.is_ok() && stays_down {
        return Ok(());
    }
    set(netns, link, LinkFlags::Up)?;
    carry.requests().try_for_each(|(request, _)| netns.netlink.put(request))?;
    changed
}

/// Brings a link up, or takes it down.
fn set(netns: &NetnsHandle, link: &Link, up: LinkFlags) -> Result<(), NetlinkError> {
    let mut message = about(link.ifindex);
    set_up(&mut message, up);
    netns.netlink.set_link(message)
}

/// Extends a message to bring its link up or take it down.
fn set_up(message: &mut LinkMessage, up: LinkFlags) {
    message.header.flags = message.header.flags & !LinkFlags::Up | up;
    message.header.change_mask |= LinkFlags::Up;
}
