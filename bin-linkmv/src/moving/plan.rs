//! What a move would do, in the words of `ip`.

use std::fmt::Display;

use nicon_core::Result;
use nicon_core::link::LinkSpec;
use nicon_rtnl::Link;
use nicon_rtnl::packet_route::link::LinkAttribute;

use crate::link::diff;
use crate::link::spec;
use crate::link::tag::Origin;
use crate::moving::apply::Carried;
use crate::moving::job::Job;

/// The steps in order, as equivalent commands: nicon sends netlink messages, of which the first line is one.
pub(crate) fn plan(job: &Job<'_>, link: &Link, carried: &Carried) -> Vec<String> {
    let (spec, to) = (job.spec, &job.to.label);
    let name = spec.name.as_ref().map_or(link.name.as_str(), |name| name.as_str());
    let mut first = format!("link set {} netns [{to}] name {name}", link.name);
    for (word, value) in [
        ("mtu", spec.mtu.map(|mtu| mtu.to_string())),
        ("address", spec.mac.map(|mac| mac.to_string())),
        ("master", spec.master.as_ref().map(ToString::to_string)),
        ("alias", spec.alias.as_ref().map(|alias| alias.as_str().to_owned())),
    ] {
        first.extend(value.map(|value| format!(" {word} {value}")));
    }
    first.push_str(if spec.up { " up" } else { " down" });
    let mut steps = vec![first];
    let settings = carried.settings.names().into_iter();
    steps.extend(settings.map(|setting| format!("sysctl {setting} of {name}, as it is")));
    steps.extend(spec.altnames.iter().map(|altname| add_altname(name, altname.as_str())));
    let along = &carried.carry;
    let addresses = along.addresses().into_iter().chain(spec.addresses.iter().map(ToString::to_string));
    steps.extend(addresses.map(|address| add_address(name, &address)));
    let routes = along.routes().iter().map(ToString::to_string).collect::<Vec<_>>();
    let routes = routes.into_iter().chain(spec.routes.iter().map(ToString::to_string));
    steps.extend(routes.map(|route| add_route(name, &route)));
    steps
}

/// The steps that are left to do for a link that an earlier run moved from `origin`.
pub(crate) fn reconciling(job: &Job<'_>, link: &Link, origin: &Origin, master: Option<u32>) -> Result<Vec<String>> {
    let Job { spec, to, .. } = job;
    let name = &link.name;
    let mut steps: Vec<String> = set(spec, link, master, origin).into_iter().collect();
    steps.extend(diff::altnames(spec, link).into_iter().map(|altname| add_altname(name, altname)));
    let stale = diff::stale_origin_altnames(spec, link, origin).into_iter();
    steps.extend(stale.map(|altname| format!("link property del dev {name} altname {altname}")));
    if let Some(altname) = diff::origin_altname(spec, link, origin)
        && to.netlink.link(&altname)?.is_none()
    {
        steps.push(add_altname(name, &altname));
    }
    steps.extend(diff::addresses(&spec.addresses, link, to)?.into_iter().map(|address| add_address(name, address)));
    steps.extend(diff::routes(spec, link, to)?.into_iter().map(|route| add_route(name, route)));
    Ok(steps)
}

/// The step for the link's own attributes, which are set by one request, if any have to be set.
fn set(spec: &LinkSpec, link: &Link, master: Option<u32>, origin: &Origin) -> Option<String> {
    let request = spec::request(spec, link, master, origin);
    let mut words: Vec<String> = request.attributes.iter().filter_map(|attribute| word(attribute, spec)).collect();
    if !request.header.flags.is_empty() {
        words.push("up".to_owned());
    }
    (!words.is_empty()).then(|| format!("link set {} {}", link.name, words.join(" ")))
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

fn add_address(name: &str, address: impl Display) -> String {
    format!("address replace {address} dev {name}")
}

fn add_route(name: &str, route: impl Display) -> String {
    format!("route replace {route} dev {name}")
}
