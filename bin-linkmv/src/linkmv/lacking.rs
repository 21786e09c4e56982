//! What a link does not have yet of what was asked for.

use nicon_core::Result;
use nicon_core::link::{AltName, Cidr, LinkSpec, RouteSpec};
use nicon_rtnl::{Carry, Link, NetnsHandle, address};

use crate::linkmv::mark::{Origin, is_trace};
use crate::linkmv::wish::is_noted;

/// The alternative names.
pub(crate) fn altnames<'a>(wish: &'a LinkSpec, link: &Link) -> Vec<&'a str> {
    let asked = wish.altnames.iter().map(AltName::as_str);
    asked.filter(|name| !link.altnames.iter().any(|has| has == name)).collect()
}

/// The alternative name that records the link's origin, if its alias does not.
pub(crate) fn trace(wish: &LinkSpec, link: &Link, origin: &Origin) -> Option<String> {
    let trace = needed_trace(wish, link, origin)?;
    Some(trace).filter(|trace| !link.altnames.contains(trace))
}

/// The alternative names that record the origins of earlier moves.
pub(crate) fn stale_traces<'a>(wish: &LinkSpec, link: &'a Link, origin: &Origin) -> Vec<&'a str> {
    let needed = needed_trace(wish, link, origin);
    let traces = link.altnames.iter().filter(|altname| is_trace(altname));
    traces.filter(|altname| Some(*altname) != needed.as_ref()).map(String::as_str).collect()
}

fn needed_trace(wish: &LinkSpec, link: &Link, origin: &Origin) -> Option<String> {
    (!is_noted(wish, link)).then(|| origin.trace())
}

/// The addresses.
pub(crate) fn addresses<'a>(wish: &'a LinkSpec, link: &Link, place: &NetnsHandle) -> Result<Vec<&'a Cidr>> {
    if wish.addresses.is_empty() {
        return Ok(Vec::new());
    }
    let present = place.netlink.addresses(link.ifindex)?;
    let present: Vec<Cidr> = present.iter().map(address::told).collect();
    Ok(wish.addresses.iter().filter(|cidr| !present.contains(cidr)).collect())
}

/// The routes.
pub(crate) fn routes<'a>(wish: &'a LinkSpec, link: &Link, place: &NetnsHandle) -> Result<Vec<&'a RouteSpec>> {
    if wish.routes.is_empty() {
        return Ok(Vec::new());
    }
    let present = Carry::read(&place.netlink, link.ifindex)?.routes();
    Ok(wish.routes.iter().filter(|asked| !present.iter().any(|there| there.is(asked))).collect())
}
