//! The options of a link as a port, which it loses when it leaves its bridge or bond.

use nicon_core::{Error, Result};
use nicon_rtnl::hex::{from_hex, to_hex};
use nicon_rtnl::netlink::about;
use nicon_rtnl::packet_route::RouteNetlinkMessage;
use nicon_rtnl::packet_route::link::{
    InfoBondPort, InfoBridgePort, InfoPortData, InfoPortKind, LinkAttribute, LinkInfo, LinkMessage,
};

/// The request that restores them, in hexadecimal; `None` if the link is no port that has such options.
pub(crate) fn request(link: &LinkMessage) -> Option<String> {
    let infos = link.attributes.iter().find_map(|attribute| match attribute {
        LinkAttribute::LinkInfo(infos) => Some(infos),
        _ => None,
    })?;
    let (kind, options) = infos.iter().find_map(|info| match info {
        LinkInfo::PortData(InfoPortData::BridgePort(options)) => {
            let options = options.iter().filter(|option| is_option(option)).cloned().collect();
            Some((InfoPortKind::Bridge, InfoPortData::BridgePort(options)))
        }
        LinkInfo::PortData(InfoPortData::BondPort(options)) => {
            let options = options.iter().filter(|option| is_bond_option(option)).cloned().collect();
            Some((InfoPortKind::Bond, InfoPortData::BondPort(options)))
        }
        _ => None,
    })?;
    let mut message = about(link.header.index);
    message.attributes.push(LinkAttribute::LinkInfo(vec![LinkInfo::PortKind(kind), LinkInfo::PortData(options)]));
    Some(to_hex(RouteNetlinkMessage::NewLink(message)))
}

/// Reads what [`request`] wrote, for the link with this `ifindex`.
///
/// # Errors
/// If it is anything else.
pub(crate) fn read(text: &str, ifindex: u32) -> Result<LinkMessage> {
    let wrong = || Error::failed(format!("\"{text}\" sets no options of a port"));
    let Some(RouteNetlinkMessage::NewLink(mut message)) = from_hex(text) else { return Err(wrong()) };
    let harmless = message.attributes.iter().all(|attribute| match attribute {
        LinkAttribute::LinkInfo(infos) => infos.iter().all(|info| match info {
            LinkInfo::PortKind(kind) => [InfoPortKind::Bridge, InfoPortKind::Bond].contains(kind),
            LinkInfo::PortData(InfoPortData::BridgePort(options)) => options.iter().all(is_option),
            LinkInfo::PortData(InfoPortData::BondPort(options)) => options.iter().all(is_bond_option),
            _ => false,
        }),
        _ => false,
    });
    if !harmless || !message.header.flags.is_empty() || !message.header.change_mask.is_empty() {
        return Err(wrong());
    }
    message.header.index = ifindex;
    Ok(message)
}

/// Whether it can be set for a port of a bond. A priority of zero need not be, and not every mode has priorities.
fn is_bond_option(option: &InfoBondPort) -> bool {
    match option {
        InfoBondPort::QueueId(_) => true,
        InfoBondPort::Prio(priority) => *priority != 0,
        _ => false,
    }
}

/// Whether it can be set for a port of a bridge. The others follow from the bridge's own state.
fn is_option(option: &InfoBridgePort) -> bool {
    matches!(
        option,
        InfoBridgePort::Priority(_)
            | InfoBridgePort::Cost(_)
            | InfoBridgePort::HairpinMode(_)
            | InfoBridgePort::Guard(_)
            | InfoBridgePort::Protect(_)
            | InfoBridgePort::FastLeave(_)
            | InfoBridgePort::Learning(_)
            | InfoBridgePort::UnicastFlood(_)
            | InfoBridgePort::ProxyARP(_)
            | InfoBridgePort::ProxyARPWifi(_)
            | InfoBridgePort::MulticastRouter(_)
            | InfoBridgePort::MulticastFlood(_)
            | InfoBridgePort::MulticastToUnicast(_)
            | InfoBridgePort::VlanTunnel(_)
            | InfoBridgePort::BroadcastFlood(_)
            | InfoBridgePort::GroupFwdMask(_)
            | InfoBridgePort::NeighSupress(_)
            | InfoBridgePort::Isolated(_)
            | InfoBridgePort::Locked(_)
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_options_are_set_again() {
        let mut link = LinkMessage::default();
        link.header.index = 7;
        assert_eq!(request(&link), None);
        let port = |options| {
            LinkAttribute::LinkInfo(vec![
                LinkInfo::PortKind(InfoPortKind::Bridge),
                LinkInfo::PortData(InfoPortData::BridgePort(options)),
            ])
        };
        link.attributes.push(port(vec![InfoBridgePort::HairpinMode(true), InfoBridgePort::PortNumber(3)]));
        let read_back = read(&request(&link).unwrap(), 9).unwrap();
        assert_eq!(read_back.header.index, 9);
        assert_eq!(read_back.attributes, [port(vec![InfoBridgePort::HairpinMode(true)])]);

        let mut other = LinkMessage::default();
        other.attributes.push(LinkAttribute::IfName("lo".into()));
        assert!(read(&to_hex(RouteNetlinkMessage::NewLink(other)), 9).is_err());
        assert!(read("00", 9).is_err());
    }
}
