//! What a link is to be like, as the command line and a record ask for it.

use nicon_core::link::{LinkSpec, NewName, RouteSpec};
use nicon_core::{Record, Result};

use crate::linkmv::args::Attributes;

/// The fields of a record that ask for a move, and for what the link is to be like.
pub(crate) const FIELDS: [&str; 13] =
    ["link", "name", "from", "addr", "gateway", "route", "mtu", "mac", "master", "alias", "altname", "up", "keep"];

/// Combines the options with the wishes of a record; an option wins.
pub(crate) fn read(record: &Record, name: Option<NewName>, args: &Attributes) -> Result<LinkSpec> {
    let mut asked = record.clone();
    asked.remove("name");
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
            asked.remove(field);
        }
    }
    let asked = LinkSpec::from_record(&asked)?;
    let by_gateways = args.gateway.iter().copied().map(RouteSpec::default_by);
    let spec = LinkSpec {
        name,
        mtu: args.mtu.or(asked.mtu),
        mac: args.mac.or(asked.mac),
        addresses: [&args.addr[..], &asked.addresses].concat(),
        routes: args.route.iter().cloned().chain(asked.routes).chain(by_gateways).collect(),
        master: args.master.clone().or(asked.master),
        alias: args.alias.clone().or(asked.alias),
        altnames: [&args.altname[..], &asked.altnames].concat(),
        up: asked.up && !args.no_up,
        keep: [&args.keep[..], &asked.keep].concat(),
    };
    spec.check()?;
    Ok(spec)
}
