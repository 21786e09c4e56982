//! Changes that some kernels allow only while a link is down.

use nicon_rtnl::netlink::about;
use nicon_rtnl::packet_route::link::{LinkFlags, LinkMessage};
use nicon_rtnl::{Link, NetlinkError, NetnsHandle};
use nix::errno::Errno;

/// Changes a link in place. Linux before 6.2 does not rename a link that is up, and some drivers do not change its hardware
/// address. If the kernel rejects the change for that reason, the link is taken down for it, which costs its routes.
///
/// # Errors
/// The kernel's error. A link that was up is up again.
pub(crate) fn change(netns: &NetnsHandle, link: &Link, message: LinkMessage) -> Result<(), NetlinkError> {
    let busy = match netns.netlink.set_link(message.clone()) {
        Err(error) if error.errno == Errno::EBUSY && link.is_up() => error,
        done => return done,
    };
    netns.netlink.set_link(set(about(link.ifindex), LinkFlags::empty())).map_err(|_| busy)?;
    let decides = message.header.change_mask.contains(LinkFlags::Up);
    let changed = netns.netlink.set_link(if decides { message } else { set(message, LinkFlags::Up) });
    if changed.is_err() {
        netns.netlink.set_link(set(about(link.ifindex), LinkFlags::Up))?;
    }
    changed
}

/// The message, extended to bring the link up or take it down.
fn set(mut message: LinkMessage, up: LinkFlags) -> LinkMessage {
    message.header.flags = message.header.flags & !LinkFlags::Up | up;
    message.header.change_mask |= LinkFlags::Up;
    message
}
