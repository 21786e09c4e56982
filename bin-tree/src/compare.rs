//! Compares the nodes with each other and with what is running now.

use std::collections::HashMap;

use nicon_core::{Process, Record, Result, Status};

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
    /// This program, and so the host.
    Host,
    /// A node.
    Node(usize),
}

/// Compares all nodes.
///
/// # Errors
/// If our own namespaces cannot be read.
pub(crate) fn compare(nest: &Nest) -> Result<Vec<Comparison>> {
    let mut own = Record::default();
    Process::myself()?.write_to(&mut own)?;
    let mut comparisons = compare_with(nest, &own)?;
    for (node, comparison) in nest.nodes.iter().zip(&mut comparisons) {
        // A process that may not be inspected is not gone.
        let gone = |record| Process::from_record(record).is_err_and(|error| error.status() == Status::No);
        comparison.gone = node.pid.is_some() && node.record.as_ref().is_some_and(gone);
    }
    Ok(comparisons)
}

/// Compares each node with the nearest container around it whose namespaces are known, the outermost with `own`.
fn compare_with(nest: &Nest, own: &Record) -> Result<Vec<Comparison>> {
    let mut owners: HashMap<(&str, u64), Owner> = own.integers("ns")?.into_iter().map(|ns| (ns, Owner::Host)).collect();
    let mut containers = HashMap::new();
    let mut comparisons = Vec::new();
    for (index, node) in nest.nodes.iter().enumerate() {
        let mut comparison = Comparison::default();
        if !node.id.is_empty() {
            let first = *containers.entry((&node.id, node.pid)).or_insert(index);
            comparison.same = Some(first).filter(|&first| first != index);
        }
        let mut around = std::iter::successors(node.outer, |&outer| nest.nodes[outer].outer);
        let around = around.find_map(|outer| nest.nodes[outer].record.as_ref()).unwrap_or(own).integers("ns")?;
        for ns in node.record.as_ref().map(|record| record.integers("ns")).transpose()?.unwrap_or_default() {
            let owner = *owners.entry(ns).or_insert(Owner::Node(index));
            if !around.contains(&ns) {
                let owner = Some(owner).filter(|&owner| owner != Owner::Node(index));
                comparison.changes.push(Change { ns_type: ns.0.to_owned(), owner });
            }
        }
        comparisons.push(comparison);
    }
    Ok(comparisons)
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
        let comparisons = compare_with(&nest, &own).unwrap();
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
                vec![("net", Some(Owner::Host)), ("pid", Some(Owner::Node(2))), ("mnt", None)],
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
        let same: Vec<_> = compare_with(&nest, &own).unwrap().iter().map(|comparison| comparison.same).collect();
        assert_eq!(same, [None, None, Some(0)]);
    }
}
