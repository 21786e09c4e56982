//! The parents and owners of namespaces.

use nicon_core::{NsType, Process, Record, Result};

use crate::relations::Relations;

/// The `nstree` field of a process: for each type, the relations of its namespace.
///
/// # Errors
/// If the process is gone, or a call fails.
pub(crate) fn tree(process: &Process, types: &[NsType]) -> Result<Record> {
    let mut tree = Record::default();
    for ns_type in NsType::ALL.into_iter().filter(|ns_type| types.contains(ns_type)) {
        if process.namespace_id(ns_type)?.is_some() {
            let (relations, _) = Relations::of(&process.namespace(ns_type)?, ns_type)?;
            tree.set(ns_type.name(), relations.record());
        }
    }
    Ok(tree)
}
