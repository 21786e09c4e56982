//! Compares the nodes with each other and with what is running now.

use std::collections::HashMap;

use nicon_core::{Process, Record, Result, Status};
use serde_json::{Map, Value};

use crate::nest::Nest;

/// The result for a node.
#[derive(Debug, Default, PartialEq)]
pub(crate) struct Comparison {
    /// Whether its process has ended, or is no longer the one in the record.
    pub(crate) gone: bool,
    /// An earlier node that is the same container, reached by another path.
    pub(crate) same: Option<usize>,
    /// The namespaces that it does not share with the container around it.
    pub(crate) changes: Vec<Change>,
    /// The namespaces that it shares with others, by those who had them first. What is seldom a container's own is told only if it is
    /// not that of the container around it.
    pub(crate) shared: Vec<(Owner, Vec<String>)>,
}

/// A namespace that a container does not share with the one around it.
#[derive(Debug, PartialEq)]
pub(crate) struct Change {
    pub(crate) ns_type: String,
    /// Whose namespace it is, if it is not the container's own.
    pub(crate) owner: Option<Owner>,
}

/// The first to have a namespace.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Owner {
    /// The machine; of ours, that is this program.
    Host,
    /// A node.
    Node(usize),
}

/// The namespaces that engines make for each container unless they are told otherwise.
const USUAL: [&str; 5] = ["net", "pid", "mnt", "ipc", "uts"];

/// The namespaces that every kernel begins with, as far as it always gives them these numbers (`linux/proc_ns.h`).
const INITIAL: [(&str, u64); 6] = [
    ("ipc", 0xEFFF_FFFF),
    ("uts", 0xEFFF_FFFE),
    ("user", 0xEFFF_FFFD),
    ("pid", 0xEFFF_FFFC),
    ("cgroup", 0xEFFF_FFFB),
    ("time", 0xEFFF_FFFA),
];

/// Compares all nodes.
///
/// # Errors
/// If our own namespaces cannot be read.
pub(crate) fn compare(nest: &Nest) -> Result<Vec<Comparison>> {
    let mut own = Record::default();
    Process::myself()?.write_to(&mut own)?;
    let owns: Vec<Record> = (0..nest.machines.len())
        .map(|machine| if nest.machines[machine].is_here { own.clone() } else { of_elsewhere(nest, machine) })
        .collect();
    let mut comparisons = compare_with(nest, &owns)?;
    for (node, comparison) in
        nest.nodes.iter().zip(&mut comparisons).filter(|(node, _)| nest.machines[node.machine].is_here)
    {
        // A process that may not be inspected is not gone.
        let gone = |record| Process::from_record(record).is_err_and(|error| error.status() == Status::No);
        comparison.gone = node.pid.is_some() && node.record.as_ref().is_some_and(gone);
    }
    Ok(comparisons)
}

/// What is known of another machine's own namespaces. Of the others it is assumed that each of its containers has one of its own.
fn of_elsewhere(nest: &Nest, machine: usize) -> Record {
    let mut namespaces: Map<String, Value> =
        INITIAL.iter().map(|(ns_type, ino)| ((*ns_type).to_owned(), (*ino).into())).collect();
    let root = nest.nodes.iter().find(|node| node.machine == machine && node.is_machine());
    if let Some((_, netns, _)) = root.and_then(|root| root.links.first()).map(|link| link.id) {
        namespaces.insert("net".to_owned(), netns.into());
    }
    let mut own = Record::default();
    own.set("ns", namespaces);
    own
}

/// Compares each node with the nearest container around it whose namespaces are known, the outermost with what its machine has of its own.
fn compare_with(nest: &Nest, owns: &[Record]) -> Result<Vec<Comparison>> {
    let mut owners: HashMap<(usize, &str, u64), Owner> = HashMap::new();
    for (machine, own) in owns.iter().enumerate() {
        owners.extend(own.integers("ns")?.into_iter().map(|(ns_type, ino)| ((machine, ns_type, ino), Owner::Host)));
    }
    let mut containers = HashMap::new();
    let mut comparisons = Vec::new();
    for (index, node) in nest.nodes.iter().enumerate() {
        let mut comparison = Comparison::default();
        if !node.id.is_empty() {
            let first = *containers.entry((node.machine, &node.id, node.pid)).or_insert(index);
            comparison.same = Some(first).filter(|&first| first != index);
        }
        let mut around = std::iter::successors(node.outer, |&outer| nest.nodes[outer].outer);
        let around =
            around.find_map(|outer| nest.nodes[outer].record.as_ref().filter(|_| !nest.nodes[outer].is_machine()));
        let around = around.unwrap_or(&owns[node.machine]).integers("ns")?;
        for ns in node.record.as_ref().map(|record| record.integers("ns")).transpose()?.unwrap_or_default() {
            let owner = *owners.entry((node.machine, ns.0, ns.1)).or_insert(Owner::Node(index));
            let is_new = !around.contains(&ns);
            let owner = Some(owner).filter(|&owner| owner != Owner::Node(index));
            if let Some(owner) = owner.filter(|_| is_new || USUAL.contains(&ns.0)) {
                comparison.share(owner, ns.0);
            }
            if is_new {
                comparison.changes.push(Change { ns_type: ns.0.to_owned(), owner });
            }
        }
        comparisons.push(comparison);
    }
    Ok(comparisons)
}

impl Comparison {
    fn share(&mut self, owner: Owner, ns_type: &str) {
        match self.shared.iter_mut().find(|(known, _)| *known == owner) {
            Some((_, types)) => types.push(ns_type.to_owned()),
            None => self.shared.push((owner, vec![ns_type.to_owned()])),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::nest::tests::record;

    #[test]
    fn a_namespace_is_new_shared_or_of_another_container() {
        let own = Record::parse(r#"{"ns":{"net":1,"pid":1,"mnt":1}}"#).unwrap();
        let mut nest = Nest::default();
        for (path, ns) in [
            (&["a"][..], r#"{"net":2,"pid":2,"mnt":1}"#),
            (&["a", "b", "c"], r#"{"net":2,"pid":3,"mnt":1}"#),
            (&["a", "d"], r#"{"net":1,"pid":3,"mnt":4}"#),
            (&["c"], r#"{"net":1,"pid":1,"mnt":1}"#),
        ] {
            nest.add(record(path, &format!(r#","ns":{ns}"#))).unwrap();
        }
        let comparisons = &compare_with(&nest, &[own]).unwrap()[1..];
        let changes: Vec<Vec<(&str, Option<Owner>)>> = comparisons
            .iter()
            .map(|comparison| comparison.changes.iter().map(|change| (change.ns_type.as_str(), change.owner)).collect())
            .collect();
        assert_eq!(
            changes,
            [
                vec![("net", None), ("pid", None)],
                vec![],
                vec![("pid", None)],
                vec![("net", Some(Owner::Host)), ("pid", Some(Owner::Node(3))), ("mnt", None)],
                vec![],
            ]
        );
        assert_eq!(comparisons.iter().map(|comparison| comparison.same).collect::<Vec<_>>(), [None; 5]);
    }

    #[test]
    fn a_container_that_is_found_twice_is_recognised() {
        let own = Record::parse(r#"{"ns":{}}"#).unwrap();
        let mut nest = Nest::default();
        let hop = |id: &str| format!(r#"{{"name":"{id}","id":"{id}","pid":7}}"#);
        for hops in [hop("a"), format!("{},{}", hop("b"), hop("a"))] {
            nest.add(Record::parse(&format!(r#"{{"hops":[{hops}]}}"#)).unwrap()).unwrap();
        }
        let same: Vec<_> = compare_with(&nest, &[own]).unwrap().iter().map(|comparison| comparison.same).collect();
        assert_eq!(same, [None, None, None, Some(1)]);
    }

    #[test]
    fn numbers_of_other_machines_are_other_namespaces() {
        let mut nest = Nest::default();
        for machine in ["lab1", "lab2"] {
            let more =
                format!(r#","machine":"{machine}","boot":"{machine}","ns":{{"uts":4026531838,"net":9,"mnt":8}}"#);
            nest.add(record(&["a"], &more)).unwrap();
        }
        nest.add(
            Record::parse(r#"{"target":"host","machine":"lab2","boot":"lab2","nic":{"netns":9,"ifindex":2}}"#).unwrap(),
        )
        .unwrap();
        let changes: Vec<Vec<(String, Option<Owner>)>> = compare(&nest)
            .unwrap()
            .into_iter()
            .map(|comparison| {
                assert!(!comparison.gone && comparison.same.is_none(), "{comparison:?}");
                comparison.changes.into_iter().map(|change| (change.ns_type, change.owner)).collect()
            })
            .collect();
        let own = |types: &[&str]| types.iter().map(|ns_type| ((*ns_type).to_owned(), None)).collect::<Vec<_>>();
        assert_eq!(changes, [vec![], own(&["net", "mnt"]), vec![], own(&["mnt"])]);
    }
}
