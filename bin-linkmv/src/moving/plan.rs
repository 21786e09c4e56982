//! What a move would do, in the words of `ip`.

use nicon_core::Result;
use nicon_core::link::{RouteSpec, mac};
use nicon_rtnl::Link;
use nicon_rtnl::packet_route::link::{LinkAttribute, LinkFlags, LinkMessage};

use crate::configuring::carried::Carried;
use crate::configuring::steps::{add_route, replace_address, until_ready, words};
use crate::configuring::tuning::Tuning;
use crate::link::tag::Origin;
use crate::moving::check::Checked;
use crate::moving::job::{Job, Options};
use crate::moving::transfer::request;

/// The steps in order, as equivalent commands.
///
/// # Errors
/// If the kernel does not answer.
pub(crate) fn plan(
    job: &Job<'_>,
    options: &Options<'_>,
    link: &Link,
    checked: &Checked,
    carried: &Carried,
) -> Result<Vec<String>> {
    let (spec, to) = (job.spec, job.to);
    let name = spec.name.as_ref().map_or(link.name.as_str(), |name| name.as_str());
    let origin = Origin::of(&job.from.netns, link);
    let request = request(job, link, checked, carried);
    let mut words = words(&request, spec);
    words.push(if request.header.flags.is_empty() { "down" } else { "up" }.to_owned());
    let mut steps = vec![format!("link set {} netns [{}] {}", link.name, to.label, words.join(" "))];
    let settings = carried.settings.names().into_iter();
    steps.extend(settings.map(|setting| format!("sysctl {setting} of {name}, as it is")));
    let moved = after(&request, link);
    let tuning = Tuning::after_move(spec, link, &job.from.netns)?;
    steps.extend(job.configuration(checked.master, Some(&origin)).own(&moved, name, &tuning)?);
    let (addresses, routes) = (carried.carry.addresses(), carried.carry.routes());
    steps.extend(addresses.iter().map(|address| format!("address replace {address} dev {name}")));
    steps.extend(routes.iter().map(|route| format!("route replace {route} dev {name}")));
    let other = spec.addresses.iter().map(ToString::to_string).filter(|address| !addresses.contains(address));
    steps.extend(other.map(|address| replace_address(name, address, spec)));
    let comes_along = |asked: &RouteSpec| {
        let kept = addresses.iter().filter_map(|address| address.parse().ok());
        kept.chain(spec.addresses.iter().copied()).any(|address| asked.comes_with(&address))
    };
    let other = spec.routes.iter().filter(|asked| !routes.iter().any(|there| there.is(asked)) && !comes_along(asked));
    steps.extend(other.map(|route| add_route(name, route)));
    steps.extend(until_ready(&options.readiness, name));
    Ok(steps)
}

/// What a link is like once a request has moved it.
fn after(request: &LinkMessage, link: &Link) -> Link {
    let up = request.header.flags & LinkFlags::Up;
    let mut after = Link { flags: link.flags & !LinkFlags::Up | up, master: None, ..link.clone() };
    for attribute in &request.attributes {
        match attribute {
            // The kernel puts some number in the place of a pattern's.
            LinkAttribute::IfName(name) => after.name = name.replacen("%d", "0", 1),
            LinkAttribute::IfAlias(alias) => after.alias.clone_from(alias),
            LinkAttribute::Mtu(mtu) => after.mtu = Some(*mtu),
            LinkAttribute::Address(bytes) => after.mac = Some(mac::hex(bytes)),
            _ => {}
        }
    }
    after
}
