//! Permanent neighbours, and those for which the kernel answers (proxy ARP). Of the others, the kernel discovers most again, and a
//! routing daemon those that it has learned.

use nicon_core::Result;
use nicon_core::link::mac;
use rtnetlink::packet_route::RouteNetlinkMessage;
use rtnetlink::packet_route::neighbour::{
    NeighbourAddress, NeighbourAttribute, NeighbourFlags, NeighbourMessage, NeighbourState,
};

use crate::netlink::Netlink;

impl Netlink {
    /// The permanent neighbours of a link, and its proxies. Equivalent to `ip neigh show nud permanent dev LINK` and `ip neigh
    /// show proxy dev LINK`.
    ///
    /// # Errors
    /// If the kernel does not answer.
    pub(crate) fn neighbours(&self, ifindex: u32) -> Result<Vec<NeighbourMessage>> {
        let mut neighbours = Vec::new();
        for flags in [NeighbourFlags::empty(), NeighbourFlags::Proxy] {
            let mut question = NeighbourMessage::default();
            question.header.flags = flags;
            question.attributes.push(NeighbourAttribute::IfIndex(ifindex));
            let answers = self.dump(RouteNetlinkMessage::GetNeighbour(question));
            let answers = answers.map_err(|error| error.context("list neighbours"))?;
            neighbours.extend(answers.into_iter().filter_map(|answer| configured(answer, ifindex)));
        }
        Ok(neighbours)
    }
}

/// A permanent neighbour or a proxy, in a form that can be requested again.
fn configured(answer: RouteNetlinkMessage, ifindex: u32) -> Option<NeighbourMessage> {
    let RouteNetlinkMessage::NewNeighbour(mut neighbour) = answer else { return None };
    let is_permanent = neighbour.header.state == NeighbourState::Permanent;
    if neighbour.header.ifindex != ifindex || !(is_proxy(&neighbour) || is_permanent) {
        return None;
    }
    neighbour
        .attributes
        .retain(|attribute| !matches!(attribute, NeighbourAttribute::CacheInfo(_) | NeighbourAttribute::Probes(_)));
    Some(neighbour)
}

fn is_proxy(neighbour: &NeighbourMessage) -> bool {
    neighbour.header.flags.contains(NeighbourFlags::Proxy)
}

/// A neighbour as `ip neigh` prints it, in short.
pub(crate) fn text(neighbour: &NeighbourMessage) -> String {
    let (mut ip, mut lladdr) = (String::new(), String::new());
    for attribute in &neighbour.attributes {
        match attribute {
            NeighbourAttribute::Destination(NeighbourAddress::Inet(address)) => ip = address.to_string(),
            NeighbourAttribute::Destination(NeighbourAddress::Inet6(address)) => ip = address.to_string(),
            NeighbourAttribute::LinkLayerAddress(bytes) => lladdr = format!(" lladdr {}", mac::hex(bytes)),
            _ => {}
        }
    }
    if is_proxy(neighbour) { ip + " proxy" } else { ip + &lladdr }
}
