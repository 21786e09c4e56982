//! The VLANs of a bridge's ports.

use nicon_core::Result;
use nicon_core::link::PortVlan;
use nix::libc::{IFLA_AF_SPEC, IFLA_EXT_MASK, RTM_DELLINK, RTM_GETLINK, RTM_NEWLINK, RTM_SETLINK};
use rtnetlink::packet_core::{NLM_F_ACK, NLM_F_DUMP};

use crate::attribute::{attributes, push};
use crate::entry::LINK_HEADER;
use crate::error::NetlinkError;
use crate::netlink::Netlink;
use crate::raw::{BRIDGE, IFINDEX, NESTED, Raw};

/// Attributes of `linux/if_bridge.h`, within `IFLA_AF_SPEC`: a VLAN, or one end of a range of them; and the tunnels that they are
/// mapped to.
const IFLA_BRIDGE_VLAN_INFO: u16 = 2;
const IFLA_BRIDGE_VLAN_TUNNEL_INFO: u16 = 3;

/// Flags of a VLAN, there as well.
const PVID: u16 = 2;
const UNTAGGED: u16 = 4;
const RANGE_BEGIN: u16 = 8;
const RANGE_END: u16 = 16;

/// What a bridge gives to every port by default: VLAN 1.
const EVERY_PORTS: (u16, u16) = (PVID | UNTAGGED, 1);

/// The VLANs of one port, in the form in which the kernel reports and accepts them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Vlans(Raw);

impl Netlink {
    /// The VLANs of a port, as `bridge vlan show dev LINK` lists them; `None` if the kernel has none of them.
    ///
    /// # Errors
    /// If the kernel does not answer.
    pub fn vlans(&self, ifindex: u32) -> Result<Option<Vlans>> {
        /// `RTEXT_FILTER_BRVLAN_COMPRESSED`: ranges are reported by their ends.
        const RANGES: u32 = 4;
        let mut question = about(RTM_GETLINK, 0);
        push(&mut question.payload, IFLA_EXT_MASK, &RANGES.to_ne_bytes());
        let listed = self.requests.exchange::<Raw>(question, NLM_F_DUMP);
        let listed = listed.map_err(|error| error.context("list the VLANs of bridges"))?.entries;
        let is_it = |port: &&Raw| port.kind == RTM_NEWLINK && port.number_at(IFINDEX) == ifindex;
        let reported = listed.iter().find(is_it).and_then(|port| port.value(LINK_HEADER, IFLA_AF_SPEC));
        let Some(reported) = reported else { return Ok(None) };
        let mut vlans = Vec::new();
        for (kind, value) in attributes(reported) {
            match kind {
                IFLA_BRIDGE_VLAN_INFO => push(&mut vlans, kind, value),
                IFLA_BRIDGE_VLAN_TUNNEL_INFO => push(&mut vlans, kind | NESTED, value),
                _ => {}
            }
        }
        Ok(Some(Vlans(with(about(RTM_SETLINK, ifindex), &vlans))))
    }

    /// Gives a port these VLANs, and no others.
    ///
    /// # Errors
    /// The kernel's error.
    pub fn set_vlans(&self, vlans: &Vlans) -> Result<()> {
        let ifindex = vlans.0.number_at(IFINDEX);
        let present = self.vlans(ifindex)?.unwrap_or_else(|| Vlans::none(ifindex));
        if present == *vlans {
            return Ok(());
        }
        let only_vlans: Vec<u8> = present.infos().fold(Vec::new(), |mut bytes, info| {
            push(&mut bytes, IFLA_BRIDGE_VLAN_INFO, info);
            bytes
        });
        let remove = with(about(RTM_DELLINK, ifindex), &only_vlans);
        self.send_vlans(remove).map_err(|error| error.context("remove the VLANs that every port gets"))?;
        self.send_vlans(vlans.0.clone()).map_err(|error| error.context("set its VLANs"))
    }

    /// Gives a port these VLANs, and no others, without taking away one that it keeps.
    ///
    /// # Errors
    /// The kernel's error.
    pub fn change_vlans(&self, ifindex: u32, change: &VlanChange) -> Result<()> {
        let request = |kind, vlans: &[PortVlan]| {
            let specs = vlans.iter().fold(Vec::new(), |mut specs, vlan| {
                push(&mut specs, IFLA_BRIDGE_VLAN_INFO, &info(*vlan));
                specs
            });
            with(about(kind, ifindex), &specs)
        };
        let removed = self.send_vlans(request(RTM_DELLINK, &change.remove));
        removed.map_err(|error| error.context("remove VLANs"))?;
        let added = self.send_vlans(request(RTM_SETLINK, &change.add));
        added.map_err(|error| error.context("add VLANs"))
    }

    fn send_vlans(&self, request: Raw) -> std::result::Result<(), NetlinkError> {
        // The kernel does not accept an empty list.
        if request.value(LINK_HEADER, IFLA_AF_SPEC).is_none_or(<[u8]>::is_empty) {
            return Ok(());
        }
        self.requests.exchange::<Raw>(request, NLM_F_ACK).map(drop)
    }
}

/// How the VLANs of a port are to change.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct VlanChange {
    /// Those that go.
    pub remove: Vec<PortVlan>,
    /// Those that come, or become others.
    pub add: Vec<PortVlan>,
}

impl VlanChange {
    /// That from those which a port has to those which it is to have.
    #[must_use]
    pub fn between(present: &[PortVlan], wanted: &[PortVlan]) -> Self {
        let goes = |vlan: &&PortVlan| !wanted.iter().any(|other| other.vid == vlan.vid);
        let comes = |vlan: &&PortVlan| !present.contains(vlan);
        Self {
            remove: present.iter().filter(goes).copied().collect(),
            add: wanted.iter().filter(comes).copied().collect(),
        }
    }

    /// Whether nothing changes.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.remove.is_empty() && self.add.is_empty()
    }
}

impl Vlans {
    /// Those of a port that has none.
    #[must_use]
    pub fn none(ifindex: u32) -> Self {
        Self(with(about(RTM_SETLINK, ifindex), &[]))
    }

    /// The VLANs one by one.
    #[must_use]
    pub fn list(&self) -> Vec<PortVlan> {
        let (mut vlans, mut begin) = (Vec::new(), None);
        for (flags, vid) in self.infos().map(numbers) {
            if flags & RANGE_BEGIN != 0 {
                begin = Some(vid);
                continue;
            }
            let first = begin.take().filter(|_| flags & RANGE_END != 0).unwrap_or(vid);
            let vlan = |vid| PortVlan { vid, pvid: flags & PVID != 0, untagged: flags & UNTAGGED != 0 };
            vlans.extend((first..=vid).map(vlan));
        }
        vlans
    }

    /// The VLANs in short, as `bridge vlan` prints them, without the one that a bridge gives to every port by default.
    #[must_use]
    pub fn texts(&self) -> Vec<String> {
        let mut begin = None;
        let mut texts = Vec::new();
        for (flags, vid) in self.infos().map(numbers).filter(|vlan| *vlan != EVERY_PORTS) {
            if flags & RANGE_BEGIN != 0 {
                begin = Some(vid);
                continue;
            }
            let first = begin.take().filter(|_| flags & RANGE_END != 0).map(|first| format!("{first}-"));
            let (pvid, untagged) = (flags & PVID != 0, flags & UNTAGGED != 0);
            let words = if pvid { " PVID" } else { "" };
            let more = if untagged { " untagged" } else { "" };
            texts.push(format!("{}{vid}{words}{more}", first.unwrap_or_default()));
        }
        texts
    }

    /// The request for them in hexadecimal.
    #[must_use]
    pub fn to_hex(&self) -> String {
        self.0.to_hex()
    }

    /// Reads what [`Vlans::to_hex`] wrote, and addresses it to `ifindex`. `None` if it is anything else.
    #[must_use]
    pub fn from_hex(text: &str, ifindex: u32) -> Option<Self> {
        let mut request = Raw::from_hex(text)?;
        let header = about(RTM_SETLINK, request.number_at(IFINDEX));
        let specs = attributes(request.payload.get(LINK_HEADER..)?);
        let vlans = specs.filter(|(kind, _)| *kind == IFLA_AF_SPEC).flat_map(|(_, specs)| attributes(specs));
        let only_vlans = vlans
            .map(|(kind, _)| kind)
            .all(|kind| [IFLA_BRIDGE_VLAN_INFO, IFLA_BRIDGE_VLAN_TUNNEL_INFO].contains(&kind));
        let only_specs = request.has_only(LINK_HEADER, &[IFLA_AF_SPEC]);
        if !only_vlans || !only_specs || request.kind != header.kind || request.payload[..LINK_HEADER] != header.payload
        {
            return None;
        }
        request.set_number_at(IFINDEX, ifindex);
        Some(Self(request))
    }

    fn infos(&self) -> impl Iterator<Item = &[u8]> {
        let specs = self.0.value(LINK_HEADER, IFLA_AF_SPEC).unwrap_or_default();
        attributes(specs).filter(|(kind, _)| *kind == IFLA_BRIDGE_VLAN_INFO).map(|(_, info)| info)
    }
}

/// The flags and the identifier in a `bridge_vlan_info`.
fn numbers(info: &[u8]) -> (u16, u16) {
    let number = |at: usize| info.get(at..at + 2).map_or(0, |two| u16::from_ne_bytes([two[0], two[1]]));
    (number(0), number(2))
}

/// A `bridge_vlan_info`.
fn info(vlan: PortVlan) -> Vec<u8> {
    let flag = |is_set: bool, flag: u16| if is_set { flag } else { 0 };
    let flags = flag(vlan.pvid, PVID) | flag(vlan.untagged, UNTAGGED);
    [flags.to_ne_bytes(), vlan.vid.to_ne_bytes()].concat()
}

/// A message about a port.
fn about(kind: u16, ifindex: u32) -> Raw {
    let mut message = Raw::about_link(kind, ifindex);
    message.payload[0] = BRIDGE;
    message
}

fn with(mut message: Raw, specs: &[u8]) -> Raw {
    push(&mut message.payload, IFLA_AF_SPEC | NESTED, specs);
    message
}

#[cfg(test)]
mod tests {
    use super::*;

    fn vlans(infos: &[(u16, u16)]) -> Vlans {
        let specs = infos.iter().fold(Vec::new(), |mut specs, (flags, vid)| {
            push(&mut specs, IFLA_BRIDGE_VLAN_INFO, &[flags.to_ne_bytes(), vid.to_ne_bytes()].concat());
            specs
        });
        Vlans(with(about(RTM_SETLINK, 7), &specs))
    }

    #[test]
    fn vlans_as_bridge_prints_them() {
        let texts = |flags, vid| vlans(&[(flags, vid)]).texts();
        assert_eq!(texts(0, 77), ["77"]);
        assert_eq!(texts(2 | 4, 78), ["78 PVID untagged"]);
        assert_eq!((texts(2 | 4, 1), texts(0, 1)), (vec![], vec!["1".to_owned()]));
        assert_eq!(vlans(&[(8, 10), (16, 20), (4, 30)]).texts(), ["10-20", "30 untagged"]);
    }

    #[test]
    fn only_what_differs_is_changed() {
        let vlan = |vid, pvid, untagged| PortVlan { vid, pvid, untagged };
        let present = vlans(&[(PVID | UNTAGGED, 1), (RANGE_BEGIN, 10), (RANGE_END, 12)]).list();
        assert_eq!(
            present,
            [vlan(1, true, true), vlan(10, false, false), vlan(11, false, false), vlan(12, false, false)]
        );
        let change =
            VlanChange::between(&present, &[vlan(10, false, false), vlan(11, true, false), vlan(20, false, true)]);
        assert_eq!(change.remove, [vlan(1, true, true), vlan(12, false, false)]);
        assert_eq!(change.add, [vlan(11, true, false), vlan(20, false, true)]);
        assert!(VlanChange::between(&present, &present).is_empty());
        let again: Vec<_> = present.iter().map(|vlan| numbers(&info(*vlan))).collect();
        assert_eq!(again, [(6, 1), (0, 10), (0, 11), (0, 12)]);
    }

    #[test]
    fn only_vlans_are_read_back() {
        let written = vlans(&[(0, 77)]);
        let read = Vlans::from_hex(&written.to_hex(), 9).unwrap();
        assert_eq!((read.texts(), read.0.number_at(IFINDEX)), (written.texts(), 9));
        let mut other = about(RTM_SETLINK, 7);
        push(&mut other.payload, nix::libc::IFLA_IFNAME, b"x\0");
        for text in ["", "00", &other.to_hex(), &with(about(RTM_DELLINK, 7), &[]).to_hex()] {
            assert!(Vlans::from_hex(text, 9).is_none(), "{text}");
        }
    }
}
