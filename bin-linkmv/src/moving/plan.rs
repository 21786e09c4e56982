//! What a move would do, in the words of `ip`.

use std::fmt::Display;

use nicon_core::Result;
use nicon_core::link::{LinkSpec, mac};
use nicon_rtnl::Link;
use nicon_rtnl::packet_route::link::{LinkAttribute, LinkFlags, LinkMessage};

use crate::link::diff;
use crate::link::spec;
use crate::link::tag::Origin;
use crate::moving::apply::Carried;
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
    (checked, carried): (&Checked, &Carried),
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
    steps.extend(set(spec, &moved, (checked.master, &origin), name));
    steps.extend(altnames(job, &moved, &origin, name)?);
    let (addresses, routes) = (carried.carry.addresses(), carried.carry.routes());
    steps.extend(addresses.iter().map(|address| replace_address(name, address)));
    steps.extend(routes.iter().map(|route| format!("route replace {route} dev {name}")));
    let other = spec.addresses.iter().map(ToString::to_string).filter(|address| !addresses.contains(address));
    steps.extend(other.map(|address| replace_address(name, address)));
    let other = spec.routes.iter().filter(|asked| !routes.iter().any(|there| there.is(asked)));
    steps.extend(other.map(|route| add_route(name, route)));
    steps.extend(until_ready(options, name));
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

/// The steps that come last, whatever was to be done before.
pub(crate) fn until_ready(options: &Options<'_>, name: &str) -> Vec<String> {
    let wait = options.readiness.wait.map(|limit| format!("wait up to {} s for {name}", limit.as_secs_f64()));
    let announce = options.readiness.announce.then(|| format!("announce the addresses of {name}"));
    wait.into_iter().chain(announce).collect()
}

/// The steps that are left to do for a link that an earlier run moved from `origin`.
pub(crate) fn reconciling(job: &Job<'_>, link: &Link, origin: &Origin, master: Option<u32>) -> Result<Vec<String>> {
    let Job { spec, to, .. } = job;
    let name = &link.name;
    let mut steps: Vec<String> = set(spec, link, (master, origin), name).into_iter().collect();
    steps.extend(altnames(job, link, origin, name)?);
    steps.extend(diff::addresses(&spec.addresses, link, to)?.into_iter().map(|address| replace_address(name, address)));
    steps.extend(diff::routes(spec, link, to)?.into_iter().map(|route| add_route(name, route)));
    Ok(steps)
}

/// The step for the attributes that the link itself lacks, if there are any.
fn set(spec: &LinkSpec, link: &Link, (master, origin): (Option<u32>, &Origin), name: &str) -> Option<String> {
    let request = spec::request(spec, link, master, origin);
    let mut words = words(&request, spec);
    words.extend((!request.header.flags.is_empty()).then(|| "up".to_owned()));
    (!words.is_empty()).then(|| format!("link set {name} {}", words.join(" ")))
}

/// The steps for its alternative names.
fn altnames(job: &Job<'_>, link: &Link, origin: &Origin, name: &str) -> Result<Vec<String>> {
    let mut steps: Vec<String> =
        diff::altnames(job.spec, link).into_iter().map(|altname| add_altname(name, altname)).collect();
    let stale = diff::stale_origin_altnames(job.spec, link, origin).into_iter();
    steps.extend(stale.map(|altname| format!("link property del dev {name} altname {altname}")));
    if let Some(altname) = diff::origin_altname(job.spec, link, origin)
        && job.to.netlink.link(&altname)?.is_none()
    {
        steps.push(add_altname(name, &altname));
    }
    Ok(steps)
}

/// What a request sets, an alias last: it may have spaces.
fn words(request: &LinkMessage, spec: &LinkSpec) -> Vec<String> {
    let (alias, others): (Vec<_>, Vec<_>) =
        request.attributes.iter().partition(|attribute| matches!(attribute, LinkAttribute::IfAlias(_)));
    others.into_iter().chain(alias).filter_map(|attribute| word(attribute, spec)).collect()
}

fn word(attribute: &LinkAttribute, spec: &LinkSpec) -> Option<String> {
    Some(match attribute {
        LinkAttribute::IfName(name) => format!("name {name}"),
        LinkAttribute::IfAlias(alias) => format!("alias {alias}"),
        LinkAttribute::Mtu(mtu) => format!("mtu {mtu}"),
        LinkAttribute::Address(_) => format!("address {}", spec.mac?),
        LinkAttribute::Controller(_) => format!("master {}", spec.master.as_ref()?),
        _ => return None,
    })
}

fn add_altname(name: &str, altname: &str) -> String {
    format!("link property add dev {name} altname {altname}")
}

fn replace_address(name: &str, address: impl Display) -> String {
    format!("address replace {address} dev {name}")
}

fn add_route(name: &str, route: impl Display) -> String {
    format!("route add {route} dev {name}")
}
