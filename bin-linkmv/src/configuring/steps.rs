//! What a link lacks, in the words of `ip`.

use std::fmt::Display;

use nicon_core::Result;
use nicon_core::link::LinkSpec;
use nicon_rtnl::Link;
use nicon_rtnl::packet_route::link::{LinkAttribute, LinkMessage};

use crate::configuring::configuration::Configuration;
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
        let name = &link.name;
        let mut steps = self.own(link, name)?;
        let addresses = diff::addresses(&spec.addresses, link, netns)?;
        steps.extend(addresses.iter().map(|address| replace_address(name, address)));
        let routes = diff::routes_beside(&addresses, spec, link, netns)?;
        steps.extend(routes.into_iter().map(|route| add_route(name, route)));
        Ok(steps)
    }

    /// The steps for what is the link's own: its attributes and alternative names.
    ///
    /// # Errors
    /// If the kernel does not answer.
    pub(crate) fn own(&self, link: &Link, name: &str) -> Result<Vec<String>> {
        let Self { spec, netns, master, origin } = *self;
        let request = spec::request(spec, link, master, origin);
        let mut words = words(&request, spec);
        words.extend((!request.header.flags.is_empty()).then(|| "up".to_owned()));
        let set = (!words.is_empty()).then(|| format!("link set {name} {}", words.join(" ")));
        let mut steps: Vec<String> = set.into_iter().collect();
        steps.extend(diff::altnames(spec, link).into_iter().map(|altname| add_altname(name, altname)));
        let Some(origin) = origin else { return Ok(steps) };
        let stale = diff::stale_origin_altnames(spec, link, origin).into_iter();
        steps.extend(stale.map(|altname| format!("link property del dev {name} altname {altname}")));
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

pub(crate) fn replace_address(name: &str, address: impl Display) -> String {
    format!("address replace {address} dev {name}")
}

pub(crate) fn add_route(name: &str, route: impl Display) -> String {
    format!("route add {route} dev {name}")
}
