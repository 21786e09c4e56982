//! The VLANs of a bridge's ports.

use nicon_core::Result;
use rtnetlink::packet_route::link::{
    AfSpecBridge, BridgeVlanInfo, BridgeVlanInfoFlags, LinkAttribute, LinkExtentMask, LinkMessage,
};
use rtnetlink::packet_route::{AddressFamily, RouteNetlinkMessage};

use crate::netlink::Netlink;

impl Netlink {
    /// The VLANs of a port, as `bridge vlan show dev LINK` prints them, without the one that a bridge gives to every port by
    /// default.
    ///
    /// # Errors
    /// If the kernel does not answer.
    pub fn vlans(&self, ifindex: u32) -> Result<Vec<String>> {
        let mut question = LinkMessage::default();
        question.header.interface_family = AddressFamily::Bridge;
        question.attributes.push(LinkAttribute::ExtMask(vec![LinkExtentMask::Brvlan]));
        let answers = self.dump(RouteNetlinkMessage::GetLink(question));
        let answers = answers.map_err(|error| error.context("list the VLANs of bridges"))?;
        let of_this = answers.into_iter().filter_map(|answer| match answer {
            RouteNetlinkMessage::NewLink(port) if port.header.index == ifindex => Some(port.attributes),
            _ => None,
        });
        let specs = of_this.flatten().filter_map(|attribute| match attribute {
            LinkAttribute::AfSpecBridge(specs) => Some(specs),
            _ => None,
        });
        Ok(specs.flatten().filter_map(|spec| text(&spec)).collect())
    }
}

fn text(spec: &AfSpecBridge) -> Option<String> {
    const EVERY_PORTS: (u16, bool, bool) = (1, true, true);
    let AfSpecBridge::VlanInfo(BridgeVlanInfo { vid, flags, .. }) = spec else { return None };
    let (pvid, untagged) = (flags.contains(BridgeVlanInfoFlags::Pvid), flags.contains(BridgeVlanInfoFlags::Untagged));
    let words = format!("{vid}{}{}", if pvid { " PVID" } else { "" }, if untagged { " untagged" } else { "" });
    ((*vid, pvid, untagged) != EVERY_PORTS).then_some(words)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn vlans_as_bridge_prints_them() {
        // Flags and ID, of linux/if_bridge.h.
        let spec = |flags: u16, vid: u16| {
            let bytes = [flags.to_ne_bytes(), vid.to_ne_bytes()].concat();
            AfSpecBridge::VlanInfo(BridgeVlanInfo::try_from(&bytes[..]).unwrap())
        };
        let text = |flags, vid| text(&spec(flags, vid));
        assert_eq!(text(0, 77).as_deref(), Some("77"));
        assert_eq!(text(2 | 4, 78).as_deref(), Some("78 PVID untagged"));
        assert_eq!((text(2 | 4, 1), text(0, 1).as_deref()), (None, Some("1")));
    }
}
