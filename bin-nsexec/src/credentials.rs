//! User and group IDs of the command.

use nicon_core::{Context, Error, Process, Result};
use nix::errno::Errno;
use nix::sys::prctl;
use nix::unistd::{Gid, Uid, getgroups, setgid, setgroups, setuid};

use crate::args::{Args, Id};
use crate::identity::{Identity, OVERFLOW};
use crate::privileges::taking;

/// Who the command runs as.
pub(crate) struct Credentials<'a> {
    uid: Option<Id>,
    gid: Option<Id>,
    /// The supplementary groups of the target, as they are called here; none if they are not to be followed.
    groups: Option<Vec<u32>>,
    /// The user, as it is called here, if that is known before the joins.
    owner: Option<Uid>,
    /// Whose IDs "follow" means.
    target: Option<&'a Process>,
}

impl<'a> Credentials<'a> {
    /// What the command line asks for. If nothing else: the target's where its files run, and otherwise user and group 0 of
    /// a user namespace that is entered. `status` is the text of the target's /proc/PID/status, if its files run.
    pub(crate) fn open(
        args: &Args,
        target: Option<&'a Process>,
        status: Option<&str>,
        enters_user: bool,
    ) -> Result<Self> {
        let default = match (args.preserve_credentials, args.is_limited()) {
            (true, _) => None,
            (false, true) => Some(Id::Follow),
            (false, false) => enters_user.then_some(Id::Number(0)),
        };
        let follows_groups = args.setgid.is_none() && matches!(default, Some(Id::Follow));
        let groups =
            status.filter(|_| follows_groups).map(|status| Ok(Identity::in_status(status)?.groups)).transpose()?;
        let (uid, gid) = (args.setuid.or(default), args.setgid.or(default));
        let owner = match (uid, status) {
            (Some(Id::Follow), Some(status)) => Some(Identity::in_status(status)?.uid),
            (Some(Id::Number(number)), _) if !enters_user => Some(number),
            _ => None,
        };
        Ok(Self { uid, gid, groups, owner: owner.map(Uid::from_raw), target })
    }

    /// Who is to own the command's terminal, to open it by name; `None` if that is to stay as it is.
    pub(crate) fn owner(&self) -> Option<Uid> {
        self.owner
    }

    /// Changes the supplementary groups while the caller's own user namespace still allows it: the one that is entered may
    /// not (see `/proc/PID/setgroups` in `user_namespaces(7)`), and then [`Credentials::assume`] fails.
    pub(crate) fn set_groups_early(&self) {
        if self.gid.is_some() {
            let _ = setgroups(&known(self.groups.as_deref().unwrap_or_default()));
        }
    }

    /// Becomes that user, after the joins. With `keep_caps` the capabilities are not lost by it.
    pub(crate) fn assume(&self, keep_caps: bool) -> Result<()> {
        let follows = [self.uid, self.gid].iter().any(|id| matches!(id, Some(Id::Follow)));
        // Read after the joins, IDs are those of the user namespace that we are in; and a target that is gone has none.
        let targets = self.target.filter(|_| follows).map(Identity::of).transpose()?;
        let number = |id, of: fn(&Identity) -> u32| match id {
            Id::Number(number) => Ok(number),
            Id::Follow => targets.as_ref().map(of).ok_or_else(|| Error::failed("no target to follow")),
        };
        if let Some(id) = self.gid {
            let groups = targets.as_ref().filter(|_| self.groups.is_some()).map(|targets| targets.groups.as_slice());
            set_groups(groups.unwrap_or_default())?;
            let gid = Gid::from_raw(number(id, |targets| targets.gid)?);
            mapped("CAP_SETGID", setgid(gid), || format!("set group ID {gid}"), "--setgid")?;
        }
        if let Some(id) = self.uid {
            let uid = Uid::from_raw(number(id, |targets| targets.uid)?);
            prctl::set_keepcaps(keep_caps).context(|| "keep the capabilities")?;
            mapped("CAP_SETUID", setuid(uid), || format!("set user ID {uid}"), "--setuid")?;
        }
        Ok(())
    }
}

/// Makes these our supplementary groups.
fn set_groups(wanted: &[u32]) -> Result<()> {
    let own = getgroups().context(|| "read our groups")?;
    let own: Vec<u32> = own.into_iter().map(Gid::as_raw).collect();
    let is_same = own == wanted;
    if is_same && !own.contains(&OVERFLOW) {
        return Ok(());
    }
    match setgroups(&known(wanted)) {
        // A user namespace that denies it: there the groups are those that the caller had, or gave up before the join.
        Err(Errno::EPERM) if is_same => Ok(()),
        set => taking("CAP_SETGID", set, || "set the supplementary groups"),
    }
}

/// The groups that have a number here: the others cannot be named.
fn known(groups: &[u32]) -> Vec<Gid> {
    groups.iter().filter(|group| **group != OVERFLOW).map(|group| Gid::from_raw(*group)).collect()
}

fn mapped(privileges: &str, set: nix::Result<()>, what: impl Fn() -> String, option: &str) -> Result<()> {
    if set == Err(Errno::EINVAL) {
        let cause = "it is not mapped in the user namespace";
        return Err(Error::failed(format!("{}: {cause} ({option} chooses another)", what())));
    }
    taking(privileges, set, what)
}
