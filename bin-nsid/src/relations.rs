//! How a namespace is related to others: see `ioctl_nsfs(2)`.

use nicon_core::{Namespace, NsType, Record, Result};

/// The relations of a namespace, by inode number. What lies outside our own namespaces is `None`.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Relations {
    /// The type of the namespace.
    pub(crate) ns_type: NsType,
    /// The user namespace that owns it; of a user namespace, its parent.
    pub(crate) owner: Option<u64>,
    /// The parent of a PID or user namespace.
    pub(crate) parent: Option<u64>,
    /// The ID, in our own user namespace, of the user who created a user namespace.
    pub(crate) uid: Option<u32>,
}

impl Relations {
    /// Asks the kernel. Also returns the namespaces that it is related to, with their types.
    ///
    /// # Errors
    /// The kernel's error.
    pub(crate) fn of(namespace: &Namespace, ns_type: NsType) -> Result<(Self, Vec<(Namespace, NsType)>)> {
        let mut relations = Self { ns_type, owner: None, parent: None, uid: None };
        let mut outer = Vec::new();
        if matches!(ns_type, NsType::Pid | NsType::User)
            && let Some(parent) = namespace.parent()?
        {
            relations.parent = Some(parent.id().ino);
            outer.push((parent, ns_type));
        }
        if ns_type == NsType::User {
            relations.owner = relations.parent;
            relations.uid = Some(namespace.owner_uid()?);
        } else if let Some(owner) = namespace.owner()? {
            relations.owner = Some(owner.id().ino);
            outer.push((owner, NsType::User));
        }
        Ok((relations, outer))
    }

    /// Their entry in a record's `nstree`.
    pub(crate) fn record(&self) -> Record {
        let mut record = Record::default();
        record.set("owner", self.owner);
        if matches!(self.ns_type, NsType::Pid | NsType::User) {
            record.set("parent", self.parent);
        }
        if self.ns_type == NsType::User {
            record.set("uid", self.uid);
        }
        record
    }
}
