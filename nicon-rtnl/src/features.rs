//! Offloads by their names, as `ethtool -K` takes them.

use std::collections::BTreeMap;

use nicon_core::link::OffloadSpec;
use nicon_core::{Error, Result, suggest};

use crate::ethtool::{Ethtool, Features};
use crate::handle::NetnsHandle;
use crate::link::Link;

/// The groups of `ethtool(8)`: name, short form, and the features of the kernel, of whose names `*` stands for a part.
const GROUPS: [(&str, &str, &str); 12] = [
    ("rx-checksumming", "rx", "rx-checksum"),
    ("tx-checksumming", "tx", "tx-checksum-*"),
    ("scatter-gather", "sg", "tx-scatter-gather*"),
    ("tcp-segmentation-offload", "tso", "tx-tcp*-segmentation"),
    ("udp-fragmentation-offload", "ufo", "tx-udp-fragmentation"),
    ("generic-segmentation-offload", "gso", "tx-generic-segmentation"),
    ("generic-receive-offload", "gro", "rx-gro"),
    ("large-receive-offload", "lro", "rx-lro"),
    ("rx-vlan-offload", "rxvlan", "rx-vlan-hw-parse"),
    ("tx-vlan-offload", "txvlan", "tx-vlan-hw-insert"),
    ("ntuple-filters", "ntuple", "rx-ntuple-filter"),
    ("receive-hashing", "rxhash", "rx-hashing"),
];

impl NetnsHandle {
    /// The features of a link of this namespace by the kernel's names: those that are on, and those that are off and can be
    /// switched. `None` if the kernel (before Linux 5.7) does not report them, or the link is gone.
    ///
    /// # Errors
    /// If we may not enter the namespace.
    pub fn features(&self, ifindex: u32) -> Result<Option<BTreeMap<String, bool>>> {
        let Some(ethtool) = self.ethtool()? else { return Ok(None) };
        let (Ok(features), Ok(names)) = (ethtool.features(ifindex), ethtool.names()) else { return Ok(None) };
        let tells = |bit: &usize| features.is_active(*bit) || features.can_be_switched(*bit);
        let bits = (0..names.len()).filter(tells);
        Ok(Some(bits.map(|bit| (names[bit].clone(), features.is_active(bit))).collect()))
    }

    /// Those of the requested offloads that a link of this namespace does not have as requested. A group is on if any of its features
    /// is, as `ethtool -k` shows it, and off if none is that can be switched.
    ///
    /// # Errors
    /// If the link has no such offload, cannot switch it, or two requests are about the same one.
    pub fn differing_offloads<'a>(&self, link: &Link, asked: &'a [OffloadSpec]) -> Result<Vec<&'a OffloadSpec>> {
        if asked.is_empty() {
            return Ok(Vec::new());
        }
        let differing = self.switches(link, asked)?;
        Ok(differing.into_iter().filter(|switch| switch.differs).map(|switch| switch.asked).collect())
    }

    /// Switches the requested offloads of a link of this namespace.
    ///
    /// # Errors
    /// As [`NetnsHandle::differing_offloads`], and where the kernel does not do all of it.
    pub fn switch_offloads(&self, link: &Link, asked: &[OffloadSpec]) -> Result<()> {
        let switches = self.switches(link, asked)?;
        let bits: Vec<_> = switches
            .iter()
            .filter(|switch| switch.differs)
            .flat_map(|switch| switch.bits.iter().map(|bit| (*bit, switch.asked.on)))
            .collect();
        if bits.is_empty() {
            return Ok(());
        }
        let done = self.require_ethtool(link)?.switch(link.ifindex, &bits);
        done.map_err(|error| error.context(&format!("switch offloads of {}", link.name)))?;
        match self.differing_offloads(link, asked)?.first() {
            Some(offload) => Err(Error::failed(format!(
                "switch offload {offload} of {}: the kernel does not do it (it may depend on another one)",
                link.name
            ))),
            None => Ok(()),
        }
    }

    fn switches<'a>(&self, link: &Link, asked: &'a [OffloadSpec]) -> Result<Vec<Switch<'a>>> {
        let ethtool = self.require_ethtool(link)?;
        let look = || Ok((ethtool.features(link.ifindex)?, ethtool.names()?));
        let (features, names) = look()
            .map_err(|error: crate::NetlinkError| error.context(&format!("look at the offloads of {}", link.name)))?;
        let switches = asked.iter().map(|asked| Switch::of(asked, &features, names));
        let switches: Vec<_> = switches.collect::<Result<_>>().map_err(|error| error.prefix(&link.name))?;
        for (index, one) in switches.iter().enumerate() {
            let opposes = |other: &&Switch<'_>| {
                other.asked.on != one.asked.on && other.bits.iter().any(|bit| one.bits.contains(bit))
            };
            if let Some(other) = switches[index..].iter().find(opposes) {
                return Err(Error::invalid(format!(
                    "offloads \"{}\" and \"{}\" oppose each other",
                    one.asked, other.asked
                )));
            }
        }
        Ok(switches)
    }

    fn require_ethtool(&self, link: &Link) -> Result<&Ethtool> {
        let without =
            || Error::failed(format!("{}: the kernel switches no offloads by netlink (before Linux 5.7)", link.name));
        self.ethtool()?.ok_or_else(without)
    }
}

/// What a request means for the features of a link.
struct Switch<'a> {
    asked: &'a OffloadSpec,
    /// The bits of features that are switched for it.
    bits: Vec<usize>,
    differs: bool,
}

impl<'a> Switch<'a> {
    fn of(asked: &'a OffloadSpec, features: &Features, names: &[String]) -> Result<Self> {
        let group = GROUPS.iter().find(|(long, short, _)| asked.name == *long || asked.name == *short);
        let pattern = group.map_or(asked.name.as_str(), |(_, _, pattern)| pattern);
        let fit = names.iter().enumerate().filter(|(_, name)| fits(pattern, name));
        let all: Vec<usize> = fit.map(|(bit, _)| bit).collect();
        if all.is_empty() {
            return Err(unknown(&asked.name, names));
        }
        let bits: Vec<usize> = all.iter().copied().filter(|bit| features.can_be_switched(*bit)).collect();
        let is_on = |bits: &[usize]| bits.iter().any(|bit| features.is_active(*bit));
        let differs = if asked.on || bits.is_empty() { is_on(&all) != asked.on } else { is_on(&bits) };
        if differs && bits.is_empty() {
            let state = if asked.on { "off" } else { "on" };
            return Err(Error::failed(format!("offload {} cannot be switched: it is fixed, {state}", asked.name)));
        }
        Ok(Self { asked, bits, differs })
    }
}

fn unknown(name: &str, names: &[String]) -> Error {
    let groups = GROUPS.iter().flat_map(|(long, short, _)| [*long, *short]);
    let near = suggest::nearest(name, names.iter().map(String::as_str).chain(groups));
    let way_out =
        if near.is_empty() { "ethtool -k lists them".to_owned() } else { format!("similar: {}", near.join(", ")) };
    Error::no(format!("the kernel knows no offload \"{name}\" ({way_out})"))
}

/// Whether a name is that of a pattern, in which one `*` may stand for anything.
fn fits(pattern: &str, name: &str) -> bool {
    match pattern.split_once('*') {
        Some((front, back)) => name.strip_prefix(front).is_some_and(|rest| rest.ends_with(back)),
        None => name == pattern,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn groups_of_features() {
        let of = |group: &str| GROUPS.iter().find(|(long, short, _)| group == *long || group == *short).unwrap().2;
        assert!(fits(of("tso"), "tx-tcp-segmentation") && fits(of("tso"), "tx-tcp6-segmentation"));
        assert!(fits(of("tx-checksumming"), "tx-checksum-ipv4") && !fits(of("tx"), "rx-checksum"));
        assert!(fits(of("sg"), "tx-scatter-gather") && fits(of("sg"), "tx-scatter-gather-fraglist"));
        assert!(!fits(of("tso"), "tx-udp-segmentation"));
        let unknown = unknown("tx-chksumming", &[]).to_string();
        assert!(unknown.contains("similar: tx-checksumming"), "{unknown}");
    }
}
