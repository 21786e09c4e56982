//! What a move would do, in the words of `ip`.

use std::fmt::Display;

use nicon_core::Result;
use nicon_core::link::LinkSpec;
use nicon_rtnl::Link;
use nicon_rtnl::packet_route::link::LinkAttribute;

use crate::linkmv::dress::Luggage;
use crate::linkmv::lacking;
use crate::linkmv::mark::Origin;
use crate::linkmv::mover::Job;
use crate::linkmv::wish;

/// The steps, in order. Equivalents: nicon sends messages, and the first line is one of them.
pub(crate) fn plan(job: &Job<'_>, link: &Link, luggage: &Luggage) -> Vec<String> {
    let (wish, to) = (job.wish, &job.to.label);
    let name = wish.name.as_ref().map_or(link.name.as_str(), |name| name.as_str());
    let mut first = format!("link set {} netns [{to}] name {name}", link.name);
    for (word, value) in [
        ("mtu", wish.mtu.map(|mtu| mtu.to_string())),
        ("address", wish.mac.map(|mac| mac.to_string())),
        ("master", wish.master.as_ref().map(ToString::to_string)),
        ("alias", wish.alias.as_ref().map(|alias| alias.as_str().to_owned())),
    ] {
        first.extend(value.map(|value| format!(" {word} {value}")));
    }
    first.push_str(if wish.up { " up" } else { " down" });
    let mut steps = vec![first];
    let settings = luggage.settings.names().into_iter();
    steps.extend(settings.map(|setting| format!("sysctl {setting} of {name}, as it is")));
    steps.extend(wish.altnames.iter().map(|altname| add_altname(name, altname.as_str())));
    let along = &luggage.carry;
    let addresses = along.addresses().into_iter().chain(wish.addresses.iter().map(ToString::to_string));
    steps.extend(addresses.map(|address| add_address(name, &address)));
    let routes = along.routes().iter().map(ToString::to_string).collect::<Vec<_>>();
    let routes = routes.into_iter().chain(wish.routes.iter().map(ToString::to_string));
    steps.extend(routes.map(|route| add_route(name, &route)));
    steps
}

/// The steps that are left to do for a link that an earlier run moved from `origin`.
pub(crate) fn amendments(job: &Job<'_>, link: &Link, origin: &Origin, master: Option<u32>) -> Result<Vec<String>> {
    let Job { wish, to, .. } = job;
    let name = &link.name;
    let mut steps: Vec<String> = set(wish, link, master, origin).into_iter().collect();
    steps.extend(lacking::altnames(wish, link).into_iter().map(|altname| add_altname(name, altname)));
    let stale = lacking::stale_traces(wish, link, origin).into_iter();
    steps.extend(stale.map(|altname| format!("link property del dev {name} altname {altname}")));
    if let Some(trace) = lacking::trace(wish, link, origin)
        && to.netlink.link(&trace)?.is_none()
    {
        steps.push(add_altname(name, &trace));
    }
    steps.extend(lacking::addresses(wish, link, to)?.into_iter().map(|address| add_address(name, address)));
    steps.extend(lacking::routes(wish, link, to)?.into_iter().map(|route| add_route(name, route)));
    Ok(steps)
}

/// The step that the one request for the link's own attributes is, if there is anything to set.
fn set(wish: &LinkSpec, link: &Link, master: Option<u32>, origin: &Origin) -> Option<String> {
    let request = wish::request(wish, link, master, origin);
    let mut words: Vec<String> = request.attributes.iter().filter_map(|attribute| word(attribute, wish)).collect();
    if !request.header.flags.is_empty() {
        words.push("up".to_owned());
    }
    (!words.is_empty()).then(|| format!("link set {} {}", link.name, words.join(" ")))
}

fn word(attribute: &LinkAttribute, wish: &LinkSpec) -> Option<String> {
    Some(match attribute {
        LinkAttribute::IfName(name) => format!("name {name}"),
        LinkAttribute::IfAlias(alias) => format!("alias {alias}"),
        LinkAttribute::Mtu(mtu) => format!("mtu {mtu}"),
        LinkAttribute::Address(_) => format!("address {}", wish.mac?),
        LinkAttribute::Controller(_) => format!("master {}", wish.master.as_ref()?),
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
