//! Namespaces that other namespaces keep alive: a PID or user namespace exists for as long as it has children, and a user namespace
//! for as long as it owns others.

use std::collections::hash_map::Entry;
use std::collections::{BTreeMap, HashMap};

use nicon_core::{Error, Namespace, NsType, Result};

use crate::holding::holders::{Holder, Holders};
use crate::holding::netnsid::Numbers;
use crate::relations::Relations;

/// What is known of each namespace that has been recorded, by its inode number.
#[derive(Default)]
pub(crate) struct Ancestry {
    known: HashMap<u64, Relations>,
    numbers: Numbers,
    numbered: HashMap<u64, i32>,
}

impl Ancestry {
    /// The relations of a namespace, if they have been recorded.
    pub(crate) fn of(&self, ino: u64) -> Option<&Relations> {
        self.known.get(&ino)
    }

    /// The number by which our own network namespace knows another one.
    pub(crate) fn number(&self, ino: u64) -> Option<i32> {
        self.numbered.get(&ino).copied()
    }

    /// The message that numbers are missing.
    pub(crate) fn complaint(&self) -> Option<Error> {
        self.numbers.complaint()
    }

    /// Records a namespace, its parent and its owner, and theirs.
    ///
    /// # Errors
    /// The kernel's error. A parent or owner outside our own namespaces is not an error.
    pub(crate) fn record(&mut self, from: Namespace, ns_type: NsType) -> Result<()> {
        let mut open = vec![(from, ns_type)];
        while let Some((namespace, ns_type)) = open.pop() {
            let ino = namespace.id().ino;
            let Entry::Vacant(unknown) = self.known.entry(ino) else { continue };
            let (relations, outer) = Relations::of(&namespace, ns_type)?;
            unknown.insert(relations);
            if ns_type == NsType::Net
                && let Some(number) = self.numbers.of(&namespace)
            {
                self.numbered.insert(ino, number);
            }
            open.extend(outer);
        }
        Ok(())
    }

    /// Adds what another search has recorded.
    pub(crate) fn join(&mut self, other: Self) {
        self.known.extend(other.known);
        self.numbered.extend(other.numbered);
        self.numbers.join(other.numbers);
    }

    /// Adds the namespaces that have been recorded as holders of their parents and owners.
    pub(crate) fn hold(&self, holders: &mut Holders) {
        let known: BTreeMap<_, _> = self.known.iter().collect();
        for (&nsino, relations) in known {
            let ns_type = relations.ns_type;
            if let Some(parent) = relations.parent {
                holders.add(ns_type, parent, Holder::Child { nstype: ns_type.name(), nsino });
            }
            // The owner of a user namespace is its parent.
            if ns_type != NsType::User
                && let Some(owner) = relations.owner
            {
                holders.add(NsType::User, owner, Holder::Owned { nstype: ns_type.name(), nsino });
            }
        }
    }
}
