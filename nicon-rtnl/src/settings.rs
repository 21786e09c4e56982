//! What only the links of one kind have (`IFLA_LINKINFO`), in requests and in the kernel's reports.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use nicon_core::link::kind::{IpvlanMode, MacvlanMode, Settings, Vlan, VlanProtocol, Vxlan};
use rtnetlink::packet_route::link::{
    BridgeStpState, InfoBridge, InfoData, InfoIpVlan, InfoKind, InfoMacVlan, InfoMacVtap, InfoVlan, InfoVxlan,
    IpVlanMode, LinkAttribute, LinkInfo, MacVlanMode, VlanProtocol as Tag,
};

use crate::attribute::value;

/// What marks the outer one of two tags: `ETH_P_8021AD` of `linux/if_ether.h`.
const OUTER_TAG: u16 = 0x88a8;

// Of `linux/if_link.h`, within `IFLA_INFO_DATA`.
const IFLA_MACVLAN_MODE: u16 = 1;
const IFLA_IPVLAN_MODE: u16 = 1;
const IFLA_VLAN_ID: u16 = 1;
const IFLA_VLAN_PROTOCOL: u16 = 5;
const IFLA_VXLAN_ID: u16 = 1;
const IFLA_VXLAN_GROUP: u16 = 2;
const IFLA_VXLAN_LOCAL: u16 = 4;
const IFLA_VXLAN_LEARNING: u16 = 7;
const IFLA_VXLAN_PORT: u16 = 15;
const IFLA_VXLAN_GROUP6: u16 = 16;
const IFLA_VXLAN_LOCAL6: u16 = 17;
const IFLA_BR_STP_STATE: u16 = 5;
const IFLA_BR_VLAN_FILTERING: u16 = 7;

/// The attributes by which the kernel makes a link of a kind, on top of the one with the ifindex `lower`.
#[must_use]
pub fn request(settings: &Settings, lower: Option<u32>) -> Vec<LinkAttribute> {
    let (kind, data) = match settings {
        Settings::Macvlan(mode) => {
            (InfoKind::MacVlan, Some(InfoData::MacVlan(vec![InfoMacVlan::Mode(macvlan(*mode))])))
        }
        Settings::Macvtap(mode) => {
            (InfoKind::MacVtap, Some(InfoData::MacVtap(vec![InfoMacVtap::Mode(macvlan(*mode))])))
        }
        Settings::Ipvlan(mode) => {
            let mode = match mode {
                IpvlanMode::L2 => IpVlanMode::L2,
                IpvlanMode::L3 => IpVlanMode::L3,
                IpvlanMode::L3s => IpVlanMode::L3S,
            };
            (InfoKind::IpVlan, Some(InfoData::IpVlan(vec![InfoIpVlan::Mode(mode)])))
        }
        Settings::Vlan(Vlan { id, protocol }) => {
            let tag = match protocol {
                VlanProtocol::Ieee8021Q => Tag::Ieee8021Q,
                VlanProtocol::Ieee8021Ad => Tag::Ieee8021Ad,
            };
            (InfoKind::Vlan, Some(InfoData::Vlan(vec![InfoVlan::Id(*id), InfoVlan::Protocol(tag)])))
        }
        Settings::Vxlan(settings) => (InfoKind::Vxlan, Some(InfoData::Vxlan(vxlan(settings, lower)))),
        Settings::Bridge { vlan_filtering, stp } => {
            let filtering = vlan_filtering.map(InfoBridge::VlanFiltering);
            let stp = stp.map(|on| if on { BridgeStpState::KernelStp } else { BridgeStpState::Disabled });
            let data = filtering.into_iter().chain(stp.map(InfoBridge::StpState)).collect();
            (InfoKind::Bridge, Some(InfoData::Bridge(data)))
        }
        Settings::Dummy => (InfoKind::Dummy, None),
        Settings::Wireguard => (InfoKind::Wireguard, None),
    };
    let infos = [LinkInfo::Kind(kind)].into_iter().chain(data.map(LinkInfo::Data)).collect();
    let below = lower.filter(|_| !matches!(settings, Settings::Vxlan(_))).map(LinkAttribute::Link);
    below.into_iter().chain([LinkAttribute::LinkInfo(infos)]).collect()
}

fn macvlan(mode: MacvlanMode) -> MacVlanMode {
    match mode {
        MacvlanMode::Bridge => MacVlanMode::Bridge,
        MacvlanMode::Private => MacVlanMode::Private,
        MacvlanMode::Vepa => MacVlanMode::Vepa,
        MacvlanMode::Passthru => MacVlanMode::Passthrough,
        MacvlanMode::Source => MacVlanMode::Source,
    }
}

fn vxlan(settings: &Vxlan, lower: Option<u32>) -> Vec<InfoVxlan> {
    let mut data = vec![InfoVxlan::Id(settings.vni)];
    data.extend(settings.remote.map(|ip| match ip {
        IpAddr::V4(ip) => InfoVxlan::Group(ip),
        IpAddr::V6(ip) => InfoVxlan::Group6(ip),
    }));
    data.extend(settings.local.map(|ip| match ip {
        IpAddr::V4(ip) => InfoVxlan::Local(ip),
        IpAddr::V6(ip) => InfoVxlan::Local6(ip),
    }));
    data.extend(lower.map(InfoVxlan::Link));
    data.extend([InfoVxlan::Port(settings.dst_port), InfoVxlan::Learning(settings.learning)]);
    data
}

/// What the kernel reports of a link of a kind; `None` if nicon makes no such links, or it is not understood.
pub(crate) fn parse(kind: &str, data: &[u8]) -> Option<Settings> {
    let byte = |kind| value(data, kind)?.first().copied();
    let short = |kind| Some(u16::from_ne_bytes(value(data, kind)?.try_into().ok()?));
    let short_be = |kind| Some(u16::from_be_bytes(value(data, kind)?.try_into().ok()?));
    let number = |kind| Some(u32::from_ne_bytes(value(data, kind)?.try_into().ok()?));
    let v4 = |kind| Some(IpAddr::from(Ipv4Addr::from(<[u8; 4]>::try_from(value(data, kind)?).ok()?)));
    let v6 = |kind| Some(IpAddr::from(Ipv6Addr::from(<[u8; 16]>::try_from(value(data, kind)?).ok()?)));
    let macvlan = || {
        const MODES: [(u32, MacvlanMode); 5] = [
            (1, MacvlanMode::Private),
            (2, MacvlanMode::Vepa),
            (4, MacvlanMode::Bridge),
            (8, MacvlanMode::Passthru),
            (16, MacvlanMode::Source),
        ];
        let reported = number(IFLA_MACVLAN_MODE)?;
        MODES.iter().find(|(number, _)| *number == reported).map(|(_, mode)| *mode)
    };
    Some(match kind {
        "macvlan" => Settings::Macvlan(macvlan()?),
        "macvtap" => Settings::Macvtap(macvlan()?),
        "ipvlan" => {
            const MODES: [IpvlanMode; 3] = [IpvlanMode::L2, IpvlanMode::L3, IpvlanMode::L3s];
            Settings::Ipvlan(*MODES.get(usize::from(short(IFLA_IPVLAN_MODE)?))?)
        }
        "vlan" => {
            let is_outer = short_be(IFLA_VLAN_PROTOCOL) == Some(OUTER_TAG);
            let protocol = if is_outer { VlanProtocol::Ieee8021Ad } else { VlanProtocol::Ieee8021Q };
            Settings::Vlan(Vlan { id: short(IFLA_VLAN_ID)?, protocol })
        }
        "vxlan" => Settings::Vxlan(Vxlan {
            vni: number(IFLA_VXLAN_ID)?,
            remote: v4(IFLA_VXLAN_GROUP).or_else(|| v6(IFLA_VXLAN_GROUP6)),
            local: v4(IFLA_VXLAN_LOCAL).or_else(|| v6(IFLA_VXLAN_LOCAL6)),
            dst_port: short_be(IFLA_VXLAN_PORT)?,
            learning: byte(IFLA_VXLAN_LEARNING)? > 0,
        }),
        "bridge" => Settings::Bridge {
            vlan_filtering: byte(IFLA_BR_VLAN_FILTERING).map(|on| on > 0),
            stp: number(IFLA_BR_STP_STATE).map(|state| state > 0),
        },
        "dummy" => Settings::Dummy,
        "wireguard" => Settings::Wireguard,
        _ => return None,
    })
}
