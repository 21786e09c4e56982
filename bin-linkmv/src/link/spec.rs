//! The request for a link's own attributes.

use nicon_core::link::LinkSpec;
use nicon_rtnl::Link;
use nicon_rtnl::netlink::about;
use nicon_rtnl::packet_route::link::{LinkAttribute, LinkMessage};

use crate::link::tag::{Origin, is_origin_alias};

/// Whether a link's origin goes into its alias: if no alias was requested, and it has none, or one from an earlier move.
pub(crate) fn takes_origin_alias(spec: &LinkSpec, link: &Link) -> bool {
    spec.alias.is_none() && (link.alias.is_empty() || is_origin_alias(&link.alias))
}

/// Whether a link comes up only when it has all else: IPv6 assigns addresses then according to the link's settings, and what it sends
/// must not pass by its VLANs or its netem.
pub(crate) fn comes_up_last(spec: &LinkSpec) -> bool {
    !spec.settings.is_empty() || !spec.port.is_empty() || spec.netem.is_some()
}

/// Whether a link is down that is to be up.
pub(crate) fn comes_up(spec: &LinkSpec, link: &Link) -> bool {
    spec.up && !link.is_up()
}

/// The request for the attributes that a link is missing, which leaves it up or down as it is. One that came from an `origin` is to
/// say so.
pub(crate) fn request(spec: &LinkSpec, link: &Link, master: Option<u32>, origin: Option<&Origin>) -> LinkMessage {
    let mut message = about(link.ifindex);
    if let Some(name) = spec.name.as_ref().filter(|name| !name.fits(&link.name)) {
        message.attributes.push(LinkAttribute::IfName(name.to_string()));
    }
    let alias = match &spec.alias {
        Some(alias) => Some(alias.as_str().to_owned()),
        None => origin.filter(|_| takes_origin_alias(spec, link)).map(Origin::alias),
    };
    if let Some(alias) = alias.filter(|alias| *alias != link.alias) {
        message.attributes.push(LinkAttribute::IfAlias(alias));
    }
    if let Some(mtu) = spec.mtu.filter(|mtu| link.mtu != Some(*mtu)) {
        message.attributes.push(LinkAttribute::Mtu(mtu));
    }
    if let Some(mac) = spec.mac.filter(|mac| link.mac != Some(mac.to_string())) {
        message.attributes.push(LinkAttribute::Address(mac.bytes()));
    }
    if let Some(master) = master.filter(|master| link.master != Some(*master)) {
        message.attributes.push(LinkAttribute::Controller(master));
    }
    message
}
