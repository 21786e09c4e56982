//! What a link is to be like as a port of a bridge.

use nicon_core::link::{LinkSpec, PortVlan};
use nicon_core::{Error, Result};
use nicon_rtnl::netlink::about;
use nicon_rtnl::packet_route::link::{
    InfoBridgePort, InfoPortData, InfoPortKind, LinkAttribute, LinkInfo, LinkMessage,
};
use nicon_rtnl::vlan::{VlanChange, Vlans};
use nicon_rtnl::{Link, NetnsHandle};

/// The VLAN of a port that nothing was asked of: a bridge's default.
const DEFAULT: PortVlan = PortVlan { vid: 1, pvid: true, untagged: true };

/// How the options of a port are to change.
#[derive(Default)]
pub(crate) struct PortChange {
    isolated: Option<bool>,
    vlans: VlanChange,
}

impl PortChange {
    /// What a link of this namespace lacks, once it is a port of the `master` that is asked for, if one is.
    ///
    /// # Errors
    /// If the kernel does not answer.
    pub(crate) fn of(spec: &LinkSpec, link: &Link, master: Option<u32>, netns: &NetnsHandle) -> Result<Self> {
        if spec.port.is_empty() {
            return Ok(Self::default());
        }
        if link.master.is_none() || master.is_some_and(|master| link.master != Some(master)) {
            return Ok(Self::of_new(spec));
        }
        let is_isolated = is_isolated(&netns.netlink.link_message(link.ifindex)?);
        let isolated = spec.port.isolated.filter(|isolated| *isolated != is_isolated);
        let vlans = match spec.port.port_vlans() {
            Some(wanted) => {
                let present = netns.netlink.vlans(link.ifindex)?.as_ref().map(Vlans::list).unwrap_or_default();
                VlanChange::between(&present, &wanted)
            }
            None => VlanChange::default(),
        };
        Ok(Self { isolated, vlans })
    }

    /// What a link lacks that only now becomes a port.
    pub(crate) fn of_new(spec: &LinkSpec) -> Self {
        let vlans = spec.port.port_vlans().map(|wanted| VlanChange::between(&[DEFAULT], &wanted));
        Self { isolated: spec.port.isolated.filter(|isolated| *isolated), vlans: vlans.unwrap_or_default() }
    }

    /// Changes them for a port.
    ///
    /// # Errors
    /// The kernel's error.
    pub(crate) fn give(&self, netns: &NetnsHandle, link: &Link) -> Result<()> {
        let context = |what: &str| format!("{what} {} in {}", link.name, netns.label);
        if let Some(isolated) = self.isolated {
            let mut message = about(link.ifindex);
            message.attributes.push(LinkAttribute::LinkInfo(vec![
                LinkInfo::PortKind(InfoPortKind::Bridge),
                LinkInfo::PortData(InfoPortData::BridgePort(vec![InfoBridgePort::Isolated(isolated)])),
            ]));
            netns.netlink.set_link_and_port(message).map_err(|error| error.context(&context("isolate")))?;
        }
        if self.vlans.is_empty() {
            return Ok(());
        }
        let changed = netns.netlink.change_vlans(link.ifindex, &self.vlans);
        changed.map_err(|error| error.prefix(context("set the VLANs of")))
    }

    /// The same in words.
    pub(crate) fn words(&self, name: &str) -> Vec<String> {
        let isolated = self.isolated.map(|isolated| {
            format!("link set {name} type bridge_slave isolated {}", if isolated { "on" } else { "off" })
        });
        let vlans = |verb: &str, vlans: &[PortVlan]| {
            runs(vlans).into_iter().map(|run| format!("bridge vlan {verb} dev {name} vid {run}")).collect::<Vec<_>>()
        };
        let bare: Vec<PortVlan> =
            self.vlans.remove.iter().map(|vlan| PortVlan { pvid: false, untagged: false, ..*vlan }).collect();
        let (removed, added) = (vlans("del", &bare), vlans("add", &self.vlans.add));
        isolated.into_iter().chain(removed).chain(added).collect()
    }
}

/// Makes sure that the options of a port have a bridge to be for, by its ifindex.
///
/// # Errors
/// If there is none.
pub(crate) fn check(spec: &LinkSpec, name: &str, master: Option<u32>, netns: &NetnsHandle) -> Result<()> {
    if spec.port.is_empty() {
        return Ok(());
    }
    let Some(ifindex) = master else {
        return Err(Error::failed(format!(
            "{name} is no port of a bridge, which --vlan, --pvid, --untagged and --isolated are about (--master makes it one)"
        )));
    };
    match netns.netlink.link_at(ifindex)? {
        Some(master) if master.kind.as_deref() != Some("bridge") => Err(Error::failed(format!(
            "{} in {} is no bridge: its ports have no VLANs, and none is isolated",
            master.name, netns.label
        ))),
        _ => Ok(()),
    }
}

fn is_isolated(port: &LinkMessage) -> bool {
    let infos = port.attributes.iter().filter_map(|attribute| match attribute {
        LinkAttribute::LinkInfo(infos) => Some(infos),
        _ => None,
    });
    infos.flatten().any(|info| match info {
        LinkInfo::PortData(InfoPortData::BridgePort(options)) => options.contains(&InfoBridgePort::Isolated(true)),
        _ => false,
    })
}

/// VLANs as `bridge` takes them: those of the same kind that follow each other as one range.
fn runs(vlans: &[PortVlan]) -> Vec<String> {
    let mut runs: Vec<(PortVlan, u16)> = Vec::new();
    for vlan in vlans {
        match runs.last_mut() {
            Some((first, last))
                if *last + 1 == vlan.vid
                    && !first.pvid
                    && (first.pvid, first.untagged) == (vlan.pvid, vlan.untagged) =>
            {
                *last = vlan.vid;
            }
            _ => runs.push((*vlan, vlan.vid)),
        }
    }
    let text = |(first, last): (PortVlan, u16)| {
        let range = if last > first.vid { format!("{}-{last}", first.vid) } else { first.vid.to_string() };
        let pvid = if first.pvid { " pvid" } else { "" };
        format!("{range}{pvid}{}", if first.untagged { " untagged" } else { "" })
    };
    runs.into_iter().map(text).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn changes_in_words() {
        let record = r#"{"vlan":["20-22",7],"pvid":8,"untagged":[7],"isolated":true}"#;
        let spec = LinkSpec::from_record(&nicon_core::Record::parse(record).unwrap()).unwrap();
        let words = PortChange::of_new(&spec).words("eth1");
        let expected = [
            "link set eth1 type bridge_slave isolated on",
            "bridge vlan del dev eth1 vid 1",
            "bridge vlan add dev eth1 vid 7 untagged",
            "bridge vlan add dev eth1 vid 8 pvid",
            "bridge vlan add dev eth1 vid 20-22",
        ];
        assert_eq!(words, expected);
    }
}
