//! The tree of namespaces: a PID namespace is below its parent, and any other one below the user namespace that owns it.

use std::collections::{BTreeMap, HashSet};

use nicon_core::NsType;

use crate::holding::ancestry::Ancestry;

/// The namespaces with their depths, each after the one that it is below. Where that one is unknown, or not among them, the depth
/// is 0.
pub(crate) fn order(namespaces: &BTreeMap<u64, NsType>, ancestry: &Ancestry) -> Vec<(u64, usize)> {
    let mut below: BTreeMap<Option<u64>, Vec<u64>> = BTreeMap::new();
    for &ino in namespaces.keys() {
        let relations = ancestry.of(ino);
        let is_listed = |outer: &u64| namespaces.contains_key(outer);
        let parent = relations.and_then(|relations| relations.parent).filter(is_listed);
        let outer = parent.or_else(|| relations?.owner.filter(is_listed));
        below.entry(outer).or_default().push(ino);
    }
    for list in below.values_mut() {
        // What a user namespace owns stands before its children, which own more.
        list.sort_by_key(|ino| (namespaces.get(ino) == Some(&NsType::User), *ino));
    }
    let mut order = Vec::new();
    let mut seen = HashSet::new();
    // If numbers were reused meanwhile there may be circles, which begin nowhere.
    let roots = below.get(&None).into_iter().flatten().chain(namespaces.keys());
    for &root in roots {
        let mut open = vec![(root, 0)];
        while let Some((ino, depth)) = open.pop() {
            if seen.insert(ino) {
                order.push((ino, depth));
                open.extend(below.get(&Some(ino)).into_iter().flatten().rev().map(|&inner| (inner, depth + 1)));
            }
        }
    }
    order
}
