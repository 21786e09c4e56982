//! User and group IDs of the command.

use nicon_core::{Context, Error, Process, Result};
use nix::sys::prctl;
use nix::sys::stat::fstat;
use nix::unistd::{Gid, Uid, getgroups, setgid, setgroups, setuid};

use crate::args::{Args, Id};
use crate::privileges::taking;

/// Who the command runs as.
pub(crate) struct Credentials<'a> {
    uid: Option<Id>,
    gid: Option<Id>,
    /// Whose IDs "follow" means.
    target: Option<&'a Process>,
    keep_caps: bool,
}

impl<'a> Credentials<'a> {
    /// What the command line asks for: in a user namespace that is entered, user and group 0 if nothing else.
    pub(crate) fn open(args: &Args, target: Option<&'a Process>, enters_user: bool) -> Self {
        let default = (enters_user && !args.preserve_credentials).then_some(Id::Number(0));
        Self { uid: args.setuid.or(default), gid: args.setgid.or(default), target, keep_caps: args.keep_caps }
    }

    /// Drops supplementary groups while the caller's own user namespace still allows it: the one that is entered may
    /// not (see `/proc/PID/setgroups` in `user_namespaces(7)`), and then [`Credentials::assume`] fails.
    pub(crate) fn drop_groups_early(&self) {
        if self.gid.is_some() {
            let _ = setgroups(&[]);
        }
    }

    /// Becomes that user, after the joins.
    pub(crate) fn assume(&self) -> Result<()> {
        if let Some(id) = self.gid {
            let gid = Gid::from_raw(self.number(id, |owner| owner.1)?);
            if !getgroups().context(|| "read our groups")?.is_empty() {
                taking("CAP_SETGID", setgroups(&[]), || "drop the supplementary groups")?;
            }
            taking("CAP_SETGID", setgid(gid), || format!("set group ID {gid}"))?;
        }
        if let Some(id) = self.uid {
            let uid = Uid::from_raw(self.number(id, |owner| owner.0)?);
            prctl::set_keepcaps(self.keep_caps).context(|| "keep the capabilities")?;
            taking("CAP_SETUID", setuid(uid), || format!("set user ID {uid}"))?;
        }
        Ok(())
    }

    fn number(&self, id: Id, of: fn((u32, u32)) -> u32) -> Result<u32> {
        if let Id::Number(number) = id {
            return Ok(number);
        }
        let target = self.target.ok_or_else(|| Error::failed("no target to follow"))?;
        // A process owns its directory in /proc; asked for after the joins, its IDs are those of the user namespace
        // that we are in.
        let stat = fstat(target.dir()).context(|| "look at the target's user")?;
        Ok(of((stat.st_uid, stat.st_gid)))
    }
}
