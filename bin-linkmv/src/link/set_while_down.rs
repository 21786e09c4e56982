//! Changes that the kernel allows only while a link is down.

use nicon_rtnl::netlink::set_flags;
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
        set_flags(&mut message, LinkFlags::Up, false);
        netns.netlink.set_link(message)?;
        return netns.netlink.set_up(link.ifindex, true);
    }
    let rejected = match netns.netlink.set_link(message.clone()) {
        // A bond says EPERM of a port that is up, all others EBUSY.
        Err(error) if link.is_up() && (error.errno == Errno::EBUSY || enslaves && error.errno == Errno::EPERM) => error,
        done => return done,
    };
    let Ok(carry) = Carry::read(&netns.netlink, link.ifindex) else { return Err(rejected) };
    netns.netlink.set_up(link.ifindex, false).map_err(|_| rejected)?;
    let stays_down = message.header.change_mask.contains(LinkFlags::Up) && !brings_up;
    set_flags(&mut message, LinkFlags::Up, false);
    let changed = netns.netlink.set_link(message);
    if changed.is_ok() && stays_down {
        return Ok(());
    }
    netns.netlink.set_up(link.ifindex, true)?;
    carry.requests().try_for_each(|(request, _)| netns.netlink.put_entry(request))?;
    changed
}
