//! Namespaces that other namespaces keep alive: a PID or user namespace exists as long as its children, and a user
//! namespace as long as the namespaces that it owns.

use std::collections::HashSet;

use nicon_core::{Namespace, NsType, Result};

use crate::holders::{Holder, Holders};

/// The namespaces whose ancestors have been recorded, by inode number.
#[derive(Default)]
pub(crate) struct Ancestry {
    known: HashSet<u64>,
}

impl Ancestry {
    /// Whether a namespace's ancestors have been recorded.
    pub(crate) fn knows(&self, ino: u64) -> bool {
        self.known.contains(&ino)
    }

    /// Records a namespace as a holder of its parent and its owner, and these as holders of theirs.
    ///
    /// # Errors
    /// The kernel's error. A parent or owner outside our own namespaces is not an error.
    pub(crate) fn record(&mut self, from: Namespace, ns_type: NsType, holders: &mut Holders) -> Result<()> {
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
            // The owner of a user namespace is its parent.
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
