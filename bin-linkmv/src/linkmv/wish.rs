//! What a link is to be like in its new place.

use nicon_core::link::{LinkSpec, NewName, RouteSpec};
use nicon_core::{Record, Result};
use nicon_rtnl::Link;
use nicon_rtnl::netlink::about;
use nicon_rtnl::packet_route::link::{LinkAttribute, LinkFlags, LinkMessage};

use crate::linkmv::args::Attributes;
use crate::linkmv::mark::{Origin, is_note};

/// The fields of a record that ask for a move, and for what the link is to be like.
pub(crate) const FIELDS: [&str; 13] =
    ["link", "name", "from", "addr", "gateway", "route", "mtu", "mac", "master", "alias", "altname", "up", "keep"];

/// What the command line says; where it says nothing, the record.
pub(crate) fn read(record: &Record, name: Option<NewName>, args: &Attributes) -> Result<LinkSpec> {
    let mut told = record.clone();
    told.remove("name");
    for (field, given) in [
        ("addr", !args.addr.is_empty()),
        ("gateway", !args.gateway.is_empty()),
        ("route", !args.route.is_empty()),
        ("mtu", args.mtu.is_some()),
        ("mac", args.mac.is_some()),
        ("master", args.master.is_some()),
        ("alias", args.alias.is_some()),
        ("altname", !args.altname.is_empty()),
        ("keep", !args.keep.is_empty()),
    ] {
        if given {
            told.remove(field);
        }
    }
    let told = LinkSpec::from_record(&told)?;
    let by_gateways = args.gateway.iter().copied().map(RouteSpec::default_by);
    let wish = LinkSpec {
        name,
        mtu: args.mtu.or(told.mtu),
        mac: args.mac.or(told.mac),
        addresses: [&args.addr[..], &told.addresses].concat(),
        routes: args.route.iter().cloned().chain(told.routes).chain(by_gateways).collect(),
        master: args.master.clone().or(told.master),
        alias: args.alias.clone().or(told.alias),
        altnames: [&args.altname[..], &told.altnames].concat(),
        up: told.up && !args.no_up,
        keep: [&args.keep[..], &told.keep].concat(),
    };
    wish.check()?;
    Ok(wish)
}

/// Whether a link is to have nicon's note as its alias: where it has none but that of an earlier move, and none was asked for.
pub(crate) fn is_noted(wish: &LinkSpec, link: &Link) -> bool {
    wish.alias.is_none() && (link.alias.is_empty() || is_note(&link.alias))
}

/// The request for what a link lacks that came from `origin`.
pub(crate) fn request(wish: &LinkSpec, link: &Link, master: Option<u32>, origin: &Origin) -> LinkMessage {
    let mut message = about(link.ifindex);
    if wish.up && !link.is_up() {
        message.header.flags = LinkFlags::Up;
        message.header.change_mask = LinkFlags::Up;
    }
    if let Some(name) = wish.name.as_ref().filter(|name| !name.fits(&link.name)) {
        message.attributes.push(LinkAttribute::IfName(name.to_string()));
    }
    let alias = match &wish.alias {
        Some(alias) => Some(alias.as_str().to_owned()),
        None => is_noted(wish, link).then(|| origin.note()),
    };
    if let Some(alias) = alias.filter(|alias| *alias != link.alias) {
        message.attributes.push(LinkAttribute::IfAlias(alias));
    }
    if let Some(mtu) = wish.mtu.filter(|mtu| link.mtu != Some(*mtu)) {
        message.attributes.push(LinkAttribute::Mtu(mtu));
    }
    if let Some(mac) = wish.mac.filter(|mac| link.mac != Some(mac.to_string())) {
        message.attributes.push(LinkAttribute::Address(mac.bytes()));
    }
    if let Some(master) = master.filter(|master| link.master != Some(*master)) {
        message.attributes.push(LinkAttribute::Controller(master));
    }
    message
}
