//! All that is known of what an image shows, line by line.

use crate::compare::{Comparison, Owner};
use crate::link::Link;
use crate::nest::Nest;

/// Of a machine, a container, or what is beside it.
pub(super) fn node(nest: &Nest, comparison: &Comparison, index: usize) -> Vec<String> {
    let node = &nest.nodes[index];
    if node.is_machine() {
        return [nest.name(index)].into_iter().chain(notices(nest, comparison, index)).collect();
    }
    let inner = node.inner.map(|pid| format!(" ({pid} for its engine)")).unwrap_or_default();
    let mut lines = vec![nest.path(index), node.kind.clone()];
    lines.extend(node.pid.map(|pid| format!("PID {pid}{inner}")));
    lines.extend(Some(&node.id).filter(|id| !id.is_empty()).map(|id| format!("ID {id}")));
    lines.extend(notices(nest, comparison, index));
    lines
}

/// What is unusual about a node.
pub(super) fn notices(nest: &Nest, comparison: &Comparison, index: usize) -> Vec<String> {
    let node = &nest.nodes[index];
    if node.is_machine() {
        return nest.machines[node.machine].notices(&nest.machines);
    }
    if comparison.gone {
        return vec!["gone".to_owned()];
    }
    if let Some(same) = comparison.same {
        return vec![format!("the same as {}", nest.path(same))];
    }
    let share = |(owner, types): &(Owner, Vec<String>)| {
        let owner = match owner {
            Owner::Host => "host".to_owned(),
            Owner::Node(index) => nest.path(*index),
        };
        format!("shares {} with {owner}", types.join(" "))
    };
    comparison.shared.iter().map(share).collect()
}

/// Of a link of what is called so.
pub(super) fn link(link: &Link, place: &str) -> Vec<String> {
    let mut lines = vec![format!("{} in {place}", link.name), format!("{}, {}", link.kind, link.state)];
    lines.extend(Some(&link.mac).filter(|mac| !mac.is_empty()).map(|mac| format!("MAC {mac}")));
    lines.extend(link.addresses.iter().cloned());
    lines.extend(link.master.as_ref().map(|master| format!("master {}", master.name)));
    lines.extend(link.peer.as_ref().map(|peer| format!("peer {} in {}", peer.name, peer.place())));
    lines
}
