//! User and group IDs of the command.

use nicon_core::{Context, Error, Process, Result};
use nix::errno::Errno;
use nix::sys::prctl;
use nix::unistd::{Gid, Uid, fchown, getgroups, setgid, setgroups, setuid};

use crate::accounts::{Account, find_group};
use crate::args::{Args, Id};
use crate::identity::{Identity, OVERFLOW};
use crate::privileges::taking;

/// Who the command runs as.
pub(crate) struct Credentials<'a> {
    uid: Option<Id>,
    gid: Option<Gids>,
    /// The user, as it is called here, if that is known before the joins.
    owner: Option<Uid>,
    /// Whose IDs "follow" means.
    target: Option<&'a Process>,
    keep_caps: bool,
    /// Whether standard input is a terminal that was made for the command.
    has_pty: bool,
}

/// The group, and the supplementary groups.
enum Gids {
    /// This group, and no other.
    Alone(Id),
    /// The target's. Its supplementary groups, as they are called here, are those to be set before the joins.
    Targets(Vec<u32>),
    /// The groups of the user whose name is known.
    Users,
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
        let gid = match (&args.setgid, &args.setuid, &default, status) {
            (Some(id), ..) => Some(Gids::Alone(id.clone())),
            (None, Some(Id::Name(_)), ..) if !args.preserve_credentials => Some(Gids::Users),
            (None, _, Some(Id::Follow), Some(status)) => Some(Gids::Targets(Identity::in_status(status)?.groups)),
            (None, _, default, _) => default.clone().map(Gids::Alone),
        };
        let uid = args.setuid.clone().or(default);
        let owner = match (&uid, status) {
            (Some(Id::Follow), Some(status)) => Some(Identity::in_status(status)?.uid),
            (Some(Id::Number(number)), _) if !enters_user => Some(*number),
            _ => None,
        };
        let (owner, has_pty) = (owner.map(Uid::from_raw), args.stdio().has_pty);
        Ok(Self { uid, gid, owner, target, keep_caps: args.keep_caps, has_pty })
    }

    /// Who is to own the command's terminal, to open it by name; `None` if that is to stay as it is.
    pub(crate) fn owner(&self) -> Option<Uid> {
        self.owner
    }

    /// Changes the supplementary groups while the caller's own user namespace still allows it: the one that is entered may
    /// not (see `/proc/PID/setgroups` in `user_namespaces(7)`), and then [`Credentials::assume`] fails.
    pub(crate) fn set_groups_early(&self) {
        let groups = match &self.gid {
            Some(Gids::Targets(groups)) => groups.as_slice(),
            Some(_) => &[],
            None => return,
        };
        let _ = setgroups(&known(groups));
    }

    /// Becomes that user, after the joins.
    pub(crate) fn assume(&self) -> Result<()> {
        // Read after the joins, IDs are those of the user namespace that we are in; and a target that is gone has none.
        let follow = || self.target.map_or_else(|| Err(Error::failed("no target to follow")), Identity::of);
        let account = match &self.uid {
            Some(Id::Name(name)) => Some(Account::find(name)?),
            _ => None,
        };
        let gids = match (&self.gid, &account) {
            (None, _) | (Some(Gids::Users), None) => None,
            (Some(Gids::Users), Some(account)) => Some((account.gid, account.groups.clone())),
            (Some(Gids::Targets(_)), _) => follow().map(|identity| Some((identity.gid, identity.groups)))?,
            (Some(Gids::Alone(Id::Number(number))), _) => Some((*number, Vec::new())),
            (Some(Gids::Alone(Id::Name(name))), _) => Some((find_group(name)?, Vec::new())),
            (Some(Gids::Alone(Id::Follow)), _) => Some((follow()?.gid, Vec::new())),
        };
        let uid = match (&self.uid, &account) {
            (Some(Id::Number(number)), _) => Some(*number),
            (Some(Id::Follow), _) => Some(follow()?.uid),
            (Some(Id::Name(_)), Some(account)) => Some(account.uid),
            _ => None,
        };
        if let (Some(account), true) = (&account, self.has_pty) {
            // Whose terminal it is was not known before. Without the right to, the command can use it, but not open it anew.
            let _ = fchown(std::io::stdin(), Some(Uid::from_raw(account.uid)), None);
        }
        if let Some((gid, groups)) = gids {
            self.set_groups(&groups)?;
            mapped("CAP_SETGID", setgid(Gid::from_raw(gid)), "group", gid, "--setgid")?;
        }
        if let Some(uid) = uid {
            prctl::set_keepcaps(self.keep_caps).context(|| "keep the capabilities")?;
            mapped("CAP_SETUID", setuid(Uid::from_raw(uid)), "user", uid, "--setuid")?;
        }
        Ok(())
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
