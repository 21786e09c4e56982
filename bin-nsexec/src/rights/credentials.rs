//! User and group IDs of the command.

use std::os::fd::BorrowedFd;

use nicon_core::{Context, Error, Process, Result};
use nix::errno::Errno;
use nix::sys::prctl;
use nix::unistd::{Gid, Uid, fchown, getgroups, setgid, setgroups, setuid};

use crate::operand::Id;
use crate::privileges::taking;
use crate::rights::accounts::{Account, find_group};
use crate::rights::identity::{Identity, OVERFLOW};

/// `NGROUPS_MAX` of linux/limits.h.
const MAX_GROUPS: usize = 1 << 16;

/// Which IDs are asked for.
pub(crate) struct Asked<'a> {
    pub(crate) uid: Option<&'a Id>,
    pub(crate) gid: Option<&'a Id>,
    /// Whether those that are not named stay as they are.
    pub(crate) preserves: bool,
    /// Whether they are the target's otherwise, since its files run.
    pub(crate) is_limited: bool,
}

/// Who the command runs as.
pub(crate) struct Credentials<'a> {
    uid: Option<Id>,
    gid: Option<Gids>,
    /// Who the target is, as that is called here; `None` if nothing of the target's is followed where its files run.
    identity: Option<Identity>,
    /// Whether IDs are called otherwise after the joins.
    enters_user: bool,
    /// Whose IDs "follow" means.
    target: Option<&'a Process>,
}

/// The group, and the supplementary groups.
enum Gids {
    /// This group, and no other.
    Alone(Id),
    /// The target's.
    Targets,
    /// The groups of the user whose name is known.
    Users,
}

impl<'a> Credentials<'a> {
    /// Those that are asked for. If nothing else: the target's where its files run, and otherwise user and group 0 of
    /// a user namespace that is entered. `status` is the text of the target's /proc/PID/status, if its files run.
    pub(crate) fn open(
        asked: &Asked<'_>,
        target: Option<&'a Process>,
        status: Option<&str>,
        enters_user: bool,
    ) -> Result<Self> {
        let default = match (asked.preserves, asked.is_limited) {
            (true, _) => None,
            (false, true) => Some(Id::Follow),
            (false, false) => enters_user.then_some(Id::Number(0)),
        };
        let gid = match (asked.gid, asked.uid, &default, status) {
            (Some(id), ..) => Some(Gids::Alone(id.clone())),
            (None, Some(Id::Name(_)), ..) if !asked.preserves => Some(Gids::Users),
            (None, _, Some(Id::Follow), Some(_)) => Some(Gids::Targets),
            (None, _, default, _) => default.clone().map(Gids::Alone),
        };
        let uid = asked.uid.cloned().or(default);
        let follows = matches!(uid, Some(Id::Follow)) || matches!(gid, Some(Gids::Targets | Gids::Alone(Id::Follow)));
        let identity = status.filter(|_| follows).map(Identity::in_status).transpose()?;
        Ok(Self { uid, gid, identity, enters_user, target })
    }

    /// Changes the supplementary groups while the caller's own user namespace still allows it: the one that is entered may
    /// not (see `/proc/PID/setgroups` in `user_namespaces(7)`), and then [`Credentials::assume`] fails.
    pub(crate) fn set_groups_early(&self) {
        let groups = match (&self.gid, &self.identity) {
            (Some(Gids::Targets), Some(identity)) => identity.groups.as_slice(),
            (Some(_), _) => &[],
            (None, _) => return,
        };
        let _ = setgroups(&known(groups));
    }

    /// Becomes that user, after the joins. `terminal` is to be that user's as well; with `keep_caps` the capabilities are not lost.
    pub(crate) fn assume(&self, terminal: Option<BorrowedFd<'_>>, keep_caps: bool) -> Result<()> {
        let account = match &self.uid {
            Some(Id::Name(name)) => Some(Account::find(name)?),
            _ => None,
        };
        let gids = match (&self.gid, &account) {
            (None, _) | (Some(Gids::Users), None) => None,
            (Some(Gids::Users), Some(account)) => Some((account.gid, account.groups.clone())),
            (Some(Gids::Targets), _) => self.follow().map(|identity| Some((identity.gid, identity.groups)))?,
            (Some(Gids::Alone(Id::Number(number))), _) => Some((*number, Vec::new())),
            (Some(Gids::Alone(Id::Name(name))), _) => Some((find_group(name)?, Vec::new())),
            (Some(Gids::Alone(Id::Follow)), _) => Some((self.follow()?.gid, Vec::new())),
        };
        let uid = match (&self.uid, &account) {
            (Some(Id::Number(number)), _) => Some(*number),
            (Some(Id::Follow), _) => Some(self.follow()?.uid),
            (Some(Id::Name(_)), Some(account)) => Some(account.uid),
            _ => None,
        };
        if let Some((gid, groups)) = gids {
            self.set_groups(&groups)?;
            mapped("CAP_SETGID", setgid(Gid::from_raw(gid)), "group", gid, "--setgid")?;
        }
        if let Some(uid) = uid {
            // Without the right to, the command can use its terminal, but not open it anew.
            let _ = terminal.map(|terminal| fchown(terminal, Some(Uid::from_raw(uid)), None));
            prctl::set_keepcaps(keep_caps).context(|| "keep the capabilities")?;
            mapped("CAP_SETUID", setuid(Uid::from_raw(uid)), "user", uid, "--setuid")?;
        }
        Ok(())
    }

    /// Who the target is. Read after the joins, IDs are those of the user namespace that we are in; and a target that is gone has
    /// none.
    fn follow(&self) -> Result<Identity> {
        match (&self.identity, self.target) {
            (Some(identity), _) if !self.enters_user => Ok(identity.clone()),
            (_, Some(target)) => Identity::of(target),
            _ => Err(Error::failed("no target to follow")),
        }
    }

    /// Makes these our supplementary groups.
    fn set_groups(&self, wanted: &[u32]) -> Result<()> {
        let own = getgroups().context(|| "read our groups")?;
        let own: Vec<u32> = own.into_iter().map(Gid::as_raw).collect();
        let is_same = own == wanted;
        if is_same && !own.contains(&OVERFLOW) {
            return Ok(());
        }
        let what = || "set the supplementary groups";
        match setgroups(&known(wanted)) {
            // A user namespace that denies it: there the groups are those that the caller had, or gave up before the join.
            Err(Errno::EPERM) if is_same => Ok(()),
            Err(Errno::EPERM) if self.denies_groups() => Err(Error::failed(format!(
                "{}: the user namespace denies it to all, see /proc/PID/setgroups (--preserve-credentials keeps the caller's)",
                what()
            ))),
            Err(Errno::EINVAL) if wanted.len() > MAX_GROUPS => {
                let cause = "more than a process can have (--setgid sets one alone)";
                Err(Error::failed(format!("{}: {} are {cause}", what(), wanted.len())))
            }
            Err(Errno::EINVAL) => {
                let list = wanted.iter().map(u32::to_string).collect::<Vec<_>>().join(", ");
                let cause = "not all are mapped in the user namespace (--setgid sets one alone)";
                Err(Error::failed(format!("{} {list}: {cause}", what())))
            }
            set => taking("CAP_SETGID", set, what),
        }
    }

    /// Whether the target's user namespace lets nobody change their groups.
    fn denies_groups(&self) -> bool {
        self.target.and_then(|target| target.read("setgroups").ok()).is_some_and(|text| text.trim_end() == "deny")
    }
}

/// The groups that have a number here: the others cannot be named.
fn known(groups: &[u32]) -> Vec<Gid> {
    groups.iter().filter(|group| **group != OVERFLOW).map(|group| Gid::from_raw(*group)).collect()
}

fn mapped(privileges: &str, set: nix::Result<()>, kind: &str, id: u32, option: &str) -> Result<()> {
    let what = || format!("set {kind} ID {id}");
    if set == Err(Errno::EINVAL) {
        let stands = if id == OVERFLOW { "stands for one that is not mapped" } else { "is not mapped" };
        let way_out = format!("{option} chooses another, --preserve-credentials keeps the caller's");
        return Err(Error::failed(format!("{}: it {stands} in the user namespace ({way_out})", what())));
    }
    taking(privileges, set, what)
}
