//! Namespaces that others keep: a PID or user namespace lives as long as one below it, a user namespace as long as what it
//! owns.

use std::collections::HashSet;

use nicon_core::{Namespace, NsType, Result};

use crate::holders::{Holder, Holders};

/// The namespaces whose relations are known already, by inode number.
#[derive(Default)]
pub(crate) struct Kin {
    known: HashSet<u64>,
}

impl Kin {
    /// Whether a namespace's relations are known.
    pub(crate) fn knows(&self, ino: u64) -> bool {
        self.known.contains(&ino)
    }

    /// Climbs from a namespace to all that it keeps.
    ///
    /// # Errors
    /// The kernel's reason for not telling; that a relative lies outside of our own namespaces is none.
    pub(crate) fn climb(&mut self, from: Namespace, ns_type: NsType, holders: &mut Holders) -> Result<()> {
        let mut open = vec![(from, ns_type)];
        while let Some((namespace, ns_type)) = open.pop() {
            let ino = namespace.id().ino;
            if !self.known.insert(ino) {
                continue;
            }
            let name = ns_type.name();
            if matches!(ns_type, NsType::Pid | NsType::User)
                && let Some(parent) = namespace.parent()?
            {
                holders.add(ns_type, parent.id().ino, Holder::Child { nstype: name, nsino: ino });
                open.push((parent, ns_type));
            }
            // A user namespace's owner is its parent.
            if ns_type != NsType::User
                && let Some(owner) = namespace.owner()?
            {
                holders.add(NsType::User, owner.id().ino, Holder::Owned { nstype: name, nsino: ino });
                open.push((owner, NsType::User));
            }
        }
        Ok(())
    }
}
