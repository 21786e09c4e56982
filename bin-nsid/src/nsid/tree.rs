//! Where a namespace stands among the others, as far as the kernel tells.

use nicon_core::{Namespace, NsType, Process, Record, Result};

/// The places of a process's namespaces, by type.
///
/// # Errors
/// Where the process is gone, or the kernel does not answer.
pub(crate) fn tree(process: &Process, types: &[NsType]) -> Result<Record> {
    let mut tree = Record::default();
    for ns_type in NsType::ALL.into_iter().filter(|ns_type| types.contains(ns_type)) {
        if process.namespace_id(ns_type)?.is_some() {
            tree.set(ns_type.name(), place(&process.namespace(ns_type)?, ns_type)?);
        }
    }
    Ok(tree)
}

/// What the kernel tells about one namespace: its owner; the parent, where the type has one; and who made it, where it is a
/// user namespace. What lies outside of our own namespaces it does not tell.
fn place(namespace: &Namespace, ns_type: NsType) -> Result<Record> {
    let ino = |namespace: Option<Namespace>| namespace.map(|namespace| namespace.id().ino);
    let mut place = Record::default();
    place.set("owner", ino(namespace.owner()?));
    if matches!(ns_type, NsType::Pid | NsType::User) {
        place.set("parent", ino(namespace.parent()?));
    }
    if ns_type == NsType::User {
        place.set("uid", namespace.owner_uid()?);
    }
    Ok(place)
}
