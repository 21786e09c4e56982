//! The parents and owners of namespaces.

use nicon_core::{Namespace, NsType, Process, Record, Result};

/// The `nstree` field of a process: for each type, the relations of its namespace.
///
/// # Errors
/// If the process is gone, or a call fails.
pub(crate) fn tree(process: &Process, types: &[NsType]) -> Result<Record> {
    let mut tree = Record::default();
    for ns_type in NsType::ALL.into_iter().filter(|ns_type| types.contains(ns_type)) {
        if process.namespace_id(ns_type)?.is_some() {
            tree.set(ns_type.name(), relations(&process.namespace(ns_type)?, ns_type)?);
        }
    }
    Ok(tree)
}

/// The owner of a namespace, the parent of a PID or user namespace, and the creator of a user namespace. Null for what is
/// outside our own namespaces.
fn relations(namespace: &Namespace, ns_type: NsType) -> Result<Record> {
    let ino = |namespace: Option<Namespace>| namespace.map(|namespace| namespace.id().ino);
    let mut relations = Record::default();
    relations.set("owner", ino(namespace.owner()?));
    if matches!(ns_type, NsType::Pid | NsType::User) {
        relations.set("parent", ino(namespace.parent()?));
    }
    if ns_type == NsType::User {
        relations.set("uid", namespace.owner_uid()?);
    }
    Ok(relations)
}
