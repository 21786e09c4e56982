//! Permanent neighbours. The others need not be restored, since the kernel discovers them again.

use nicon_core::Result;
use nicon_core::link::mac;
use rtnetlink::packet_route::RouteNetlinkMessage;
use rtnetlink::packet_route::neighbour::{NeighbourAddress, NeighbourAttribute, NeighbourMessage, NeighbourState};

use crate::netlink::Netlink;

impl Netlink {
    /// The permanent neighbours of a link. Equivalent to `ip neigh show nud permanent dev LINK`.
    ///
    /// # Errors
    /// If the kernel does not answer.
    pub(crate) fn neighbours(&self, ifindex: u32) -> Result<Vec<NeighbourMessage>> {
        let mut question = NeighbourMessage::default();
        question.attributes.push(NeighbourAttribute::IfIndex(ifindex));
        let answers = self.dump(RouteNetlinkMessage::GetNeighbour(question));
        let answers = answers.map_err(|error| error.context("list neighbours"))?;
        Ok(answers.into_iter().filter_map(|answer| permanent(answer, ifindex)).collect())
    }
}

/// A permanent neighbour, in a form that can be requested again.
fn permanent(answer: RouteNetlinkMessage, ifindex: u32) -> Option<NeighbourMessage> {
    let RouteNetlinkMessage::NewNeighbour(mut neighbour) = answer else { return None };
    if neighbour.header.ifindex != ifindex || neighbour.header.state != NeighbourState::Permanent {
        return None;
    }
    neighbour
        .attributes
        .retain(|attribute| !matches!(attribute, NeighbourAttribute::CacheInfo(_) | NeighbourAttribute::Probes(_)));
    Some(neighbour)
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
    ip + &lladdr
}
