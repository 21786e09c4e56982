//! The user namespaces that own the files which the command runs: their root decides what is in them, so the command must be below each.

use nicon_core::{Error, Namespace, NsId, NsType, Process, Result};

use crate::join::namespaces::Joins;
use crate::own_namespaces::own_user_id;

/// A target whose files may be run, since it is in this user namespace.
pub(crate) struct CheckedTarget<'a> {
    target: &'a Process,
    user: Option<NsId>,
}

impl<'a> CheckedTarget<'a> {
    /// Checks what [`check`] does. With `is_targets_root` the command gets the target's root directory.
    pub(crate) fn of(target: &'a Process, joins: &Joins<'_>, is_targets_root: bool) -> Result<Self> {
        let user = target.namespace_id(NsType::User)?;
        check(target, user, joins, is_targets_root)?;
        Ok(Self { target, user })
    }

    /// Refuses the files if the target has gone to another user namespace before we joined its others. From there it could not
    /// go back.
    pub(crate) fn is_still_there(&self) -> Result<()> {
        if self.target.namespace_id(NsType::User)? == self.user {
            return Ok(());
        }
        Err(Error::failed("the target has changed its user namespace meanwhile"))
    }
}

/// Refuses files that belong to another user namespace than the one in which the command runs, or one above that: an ordinary
/// user can plant programs there, which would run with rights in ours.
fn check(target: &Process, targets_user: Option<NsId>, joins: &Joins<'_>, is_targets_root: bool) -> Result<()> {
    let own = own_user_id()?;
    let of_file = joins.mount_file();
    let mut owners = Vec::new();
    // An owner that we are not told of is above our own.
    owners.extend(of_file.map(Namespace::owner).transpose()?.flatten().map(|owner| owner.id()));
    if joins.has_targets_mount() || is_targets_root {
        owners.extend(targets_user);
        owners.extend(target.namespace(NsType::Mnt)?.owner()?.map(|owner| owner.id()));
    }
    owners.retain(|owner| *owner != own);
    let mut user = if owners.is_empty() { None } else { joins.user()? };
    while let Some(above) = user.filter(|user| user.id() != own) {
        owners.retain(|owner| *owner != above.id());
        user = above.parent()?;
    }
    if owners.is_empty() {
        return Ok(());
    }
    Err(Error::failed(
        "the files belong to another user namespace, and would run with rights in ours (add --user, or take --all; \
         --privileged permits it)",
    ))
}
