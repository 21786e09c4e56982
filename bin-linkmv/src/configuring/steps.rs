//! What a link lacks, in the words of `ip`.

use std::fmt::Display;

use nicon_core::Result;
use nicon_core::link::{LinkSpec, NewName};
use nicon_rtnl::Link;
use nicon_rtnl::packet_route::link::{LinkAttribute, LinkMessage};

use crate::configuring::configuration::Configuration;
use crate::configuring::tuning::Tuning;
use crate::link::diff;
use crate::link::spec;
use crate::link::wait_ready::Readiness;

impl Configuration<'_> {
    /// The steps that give a link what it lacks.
    ///
    /// # Errors
    /// If the kernel does not answer.
    pub(crate) fn steps(&self, link: &Link) -> Result<Vec<String>> {
        let Self { spec, netns, .. } = self;
        let is_there = link.ifindex > 0;
        let tuning = if is_there { Tuning::lacking(self, link)? } else { Tuning::of_new(spec) };
        let mut steps = self.own(link, &link.name, &tuning)?;
        let name = spec.name.as_ref().filter(|name| !name.fits(&link.name)).map_or(link.name.as_str(), NewName::as_str);
        let addresses = diff::addresses(&spec.addresses, link, netns)?;
        steps.extend(addresses.iter().map(|address| replace_address(name, address, spec)));
        let unasked = self.unasked(link)?;
        steps.extend(unasked.routes.routes().iter().map(|route| format!("route del {route} dev {name}")));
        let routes = diff::routes_beside(&addresses, spec, link, netns)?;
        steps.extend(routes.into_iter().map(|route| add_route(name, route)));
        steps.extend(unasked.addresses.addresses().iter().map(|address| format!("address del {address} dev {name}")));
        Ok(steps)
    }

    /// The steps for what is the link's own: how it works, its attributes and alternative names.
    ///
    /// # Errors
    /// If the kernel does not answer.
    pub(crate) fn own(&self, link: &Link, name: &str, tuning: &Tuning<'_>) -> Result<Vec<String>> {
        let Self { spec, netns, master, origin, .. } = *self;
        let request = spec::request(spec, link, master, origin);
        let mut words = words(&request, spec);
        let (up, last) = (spec::comes_up(spec, link), spec::comes_up_last(spec));
        words.extend((up && !last).then(|| "up".to_owned()));
        let [mut steps, _] = tuning.words(name);
        steps.extend((!words.is_empty()).then(|| format!("link set {name} {}", words.join(" "))));
        let renamed = request.attributes.iter().find_map(|attribute| match attribute {
            LinkAttribute::IfName(name) => Some(name.as_str()),
            _ => None,
        });
        let name = renamed.unwrap_or(name);
        let [_, after] = tuning.words(name);
        steps.extend(after);
        steps.extend((up && last).then(|| format!("link set {name} up")));
        steps.extend(self.altnames(link).iter().map(|altname| add_altname(name, altname)));
        if link.ifindex > 0 && self.is_being_made(link) {
            steps.push(format!("link set {name} group default"));
        }
        let Some(origin) = origin else { return Ok(steps) };
        let stale = diff::stale_origin_altnames(spec, link, origin).into_iter();
        steps.extend(stale.map(|altname| remove_altname(name, altname)));
        if let Some(altname) = diff::origin_altname(spec, link, origin)
            && netns.netlink.link(&altname)?.is_none()
        {
            steps.push(add_altname(name, &altname));
        }
        Ok(steps)
    }
}

/// The steps that come last, whatever was to be done before.
pub(crate) fn until_ready(readiness: &Readiness<'_>, name: &str) -> Vec<String> {
    let wait = readiness.wait.map(|limit| format!("wait up to {} s for {name}", limit.as_secs_f64()));
    let announce = readiness.announce.then(|| format!("announce the addresses of {name}"));
    wait.into_iter().chain(announce).collect()
}

/// What a request sets, an alias last: it may have spaces.
pub(crate) fn words(request: &LinkMessage, spec: &LinkSpec) -> Vec<String> {
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

pub(crate) fn remove_altname(name: &str, altname: &str) -> String {
    format!("link property del dev {name} altname {altname}")
}

pub(crate) fn replace_address(name: &str, address: impl Display, spec: &LinkSpec) -> String {
    let address = address.to_string();
    let nodad = if spec.nodad && address.contains(':') { " nodad" } else { "" };
    format!("address replace {address} dev {name}{nodad}")
}

pub(crate) fn add_route(name: &str, route: impl Display) -> String {
    format!("route add {route} dev {name}")
}
