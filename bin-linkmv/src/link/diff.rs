//! The difference between what was requested and what a link has.

use nicon_core::Result;
use nicon_core::link::{AltName, Cidr, LinkSpec, RouteSpec};
use nicon_rtnl::{Link, NetnsHandle, address};

use crate::link::spec::takes_origin_alias;
use crate::link::tag::{Origin, is_origin_altname};

/// The alternative names.
pub(crate) fn altnames<'a>(spec: &'a LinkSpec, link: &Link) -> Vec<&'a str> {
    let asked = spec.altnames.iter().map(AltName::as_str);
    asked.filter(|name| !link.altnames.iter().any(|has| has == name)).collect()
}

/// The alternative name that records the link's origin, if its alias does not.
pub(crate) fn origin_altname(spec: &LinkSpec, link: &Link, origin: &Origin) -> Option<String> {
    let altname = needed_origin_altname(spec, link, origin)?;
    Some(altname).filter(|altname| !link.altnames.contains(altname))
}

/// The alternative names that record the origins of earlier moves.
pub(crate) fn stale_origin_altnames<'a>(spec: &LinkSpec, link: &'a Link, origin: &Origin) -> Vec<&'a str> {
    let needed = needed_origin_altname(spec, link, origin);
    let recorded = link.altnames.iter().filter(|altname| is_origin_altname(altname));
    recorded.filter(|altname| Some(*altname) != needed.as_ref()).map(String::as_str).collect()
}

fn needed_origin_altname(spec: &LinkSpec, link: &Link, origin: &Origin) -> Option<String> {
    (!takes_origin_alias(spec, link)).then(|| origin.altname())
}

/// The addresses.
pub(crate) fn addresses<'a>(asked: &'a [Cidr], link: &Link, netns: &NetnsHandle) -> Result<Vec<&'a Cidr>> {
    if asked.is_empty() {
        return Ok(Vec::new());
    }
    let present = netns.netlink.addresses(link.ifindex)?;
    let present: Vec<Cidr> = present.iter().map(address::cidr).collect();
    Ok(asked.iter().filter(|cidr| !present.contains(cidr)).collect())
}

/// The routes.
pub(crate) fn routes<'a>(spec: &'a LinkSpec, link: &Link, netns: &NetnsHandle) -> Result<Vec<&'a RouteSpec>> {
    if spec.routes.is_empty() {
        return Ok(Vec::new());
    }
    netns.netlink.lacking_routes(&spec.routes, link.ifindex)
}

/// The routes that it will lack once it has further `addresses`, since the kernel adds the route to an address's network.
pub(crate) fn routes_beside<'a>(
    addresses: &[&Cidr],
    spec: &'a LinkSpec,
    link: &Link,
    netns: &NetnsHandle,
) -> Result<Vec<&'a RouteSpec>> {
    let mut lacking = routes(spec, link, netns)?;
    lacking.retain(|asked| !addresses.iter().any(|address| asked.comes_with(address)));
    Ok(lacking)
}
