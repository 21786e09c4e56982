//! What the other ends of links are in, where their own records do not say: others may be of what has that namespace.

use std::collections::HashMap;

use crate::nest::{Nest, Node};

/// Names the places of peers after the first node that has their network namespace.
pub(crate) fn name(nest: &mut Nest) {
    let mut first = HashMap::new();
    for (index, node) in nest.nodes.iter().enumerate() {
        for netns in namespaces(node) {
            first.entry((node.machine, netns)).or_insert(index);
        }
    }
    let names: HashMap<_, _> = first.into_iter().map(|(place, index)| (place, nest.place_of(index))).collect();
    for peer in nest.nodes.iter_mut().flat_map(|node| &mut node.links).filter_map(|link| link.peer.as_mut()) {
        let name = peer.id.and_then(|(machine, netns, _)| names.get(&(machine, netns)));
        peer.target = peer.target.take().or_else(|| name.cloned());
    }
}

/// The network namespace of its process, and those that its links are in.
fn namespaces(node: &Node) -> impl Iterator<Item = u64> {
    let of_process = node.record.iter().flat_map(|record| record.integers("ns").unwrap_or_default());
    let of_process = of_process.filter(|(ns_type, _)| *ns_type == "net").map(|(_, netns)| netns);
    of_process.chain(node.links.iter().map(|link| link.id.1))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::nest::tests::record;
    use nicon_core::Record;

    #[test]
    fn what_has_a_namespace_names_it() {
        let mut nest = Nest::default();
        let link = |netns: u8, peer: &str| {
            format!(r#""nic":{{"name":"v","ifindex":2,"netns":{netns},"peer":{{"name":"w","ifindex":3,{peer}}}}}"#)
        };
        let records = [
            Record::parse(&format!(r#"{{"target":"host",{}}}"#, link(1, r#""netns":8"#))).unwrap(),
            record(&["a", "b"], &format!(r#","ns":{{"net":8}},{}"#, link(8, r#""netns":9,"target":"told""#))),
            // It has the namespace of another one, which was first.
            record(&["c"], &format!(r#","ns":{{"net":8}},{}"#, link(8, r#""netns":7"#))),
            record(&["d"], &format!(",{}", link(6, r#""netns":1"#))),
        ];
        for record in records {
            nest.add(record).unwrap();
        }
        name(&mut nest);
        let links = nest.nodes.iter().flat_map(|node| &node.links);
        let places: Vec<String> = links.map(|link| link.peer.as_ref().unwrap().place()).collect();
        assert_eq!(places, ["a.b", "told", "net:[7]", "host"]);
    }
}
