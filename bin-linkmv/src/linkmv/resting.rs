//! Changes that some kernels make only to links that are down.

use nicon_rtnl::netlink::about;
use nicon_rtnl::packet_route::link::{LinkFlags, LinkMessage};
use nicon_rtnl::{Link, NetlinkError, NetnsHandle};
use nix::errno::Errno;

/// Changes a link that stays where it is. Linux before 6.2 gives no name to one that is up, and some drivers no hardware
/// address: where the kernel refuses for that, the link is down for the moment of it, at the cost of its routes.
///
/// # Errors
/// The kernel's no; the link is then up if it was.
pub(crate) fn change(place: &NetnsHandle, link: &Link, message: LinkMessage) -> Result<(), NetlinkError> {
    let busy = match place.netlink.set_link(message.clone()) {
        Err(error) if error.errno == Errno::EBUSY && link.is_up() => error,
        done => return done,
    };
    place.netlink.set_link(set(about(link.ifindex), LinkFlags::empty())).map_err(|_| busy)?;
    let decides = message.header.change_mask.contains(LinkFlags::Up);
    let changed = place.netlink.set_link(if decides { message } else { set(message, LinkFlags::Up) });
    if changed.is_err() {
        place.netlink.set_link(set(about(link.ifindex), LinkFlags::Up))?;
    }
    changed
}

/// The message, which also brings the link up, or takes it down.
fn set(mut message: LinkMessage, up: LinkFlags) -> LinkMessage {
    message.header.flags = message.header.flags & !LinkFlags::Up | up;
    message.header.change_mask |= LinkFlags::Up;
    message
}
