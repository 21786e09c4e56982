//! Joining namespaces: which, from where, and in what order.

use std::os::fd::{AsFd, OwnedFd};

use nicon_core::{Doing, Error, Namespace, NsId, NsType, Process, Result};
use nix::errno::Errno;
use nix::sched::{CloneFlags, setns};

use crate::args::{Args, Source};
use crate::capability;
use crate::sys;

/// `CLONE_NEWTIME` of linux/sched.h, which nix lacks.
const CLONE_NEWTIME: CloneFlags = CloneFlags::from_bits_retain(libc::CLONE_NEWTIME);

/// The order in which namespaces are joined one by one, each with its flag. `setns(2)` of several types at once leaves
/// the order to the kernel, which follows the same reasons.
///
/// The user namespace stands first or last: see [`Joins::enter`].
const ORDER: [(NsType, CloneFlags); 7] = [
    // Before all that could change what the cgroup file system means to us.
    (NsType::Cgroup, CloneFlags::CLONE_NEWCGROUP),
    // These four do not depend on one another.
    (NsType::Ipc, CloneFlags::CLONE_NEWIPC),
    (NsType::Uts, CloneFlags::CLONE_NEWUTS),
    (NsType::Net, CloneFlags::CLONE_NEWNET),
    (NsType::Time, CLONE_NEWTIME),
    // Takes hold with the next child; from here to its birth /proc/self leads nowhere.
    (NsType::Pid, CloneFlags::CLONE_NEWPID),
    // Last, for it changes root and working directory, and with them what every path means, /proc above all.
    (NsType::Mnt, CloneFlags::CLONE_NEWNS),
];

/// The namespaces to join, all of them open.
pub(crate) struct Joins {
    user: Option<Join>,
    others: Vec<Join>,
    /// The target's pidfd, where it names several of them at once.
    pidfd: Option<OwnedFd>,
}

struct Join {
    ns_type: NsType,
    flag: CloneFlags,
    namespace: Namespace,
    /// Whether it is the target's, so that the target's pidfd stands for it.
    is_targets: bool,
}

impl Joins {
    /// Opens what the command line asks for.
    pub(crate) fn open(args: &Args, target: Option<&Process>) -> Result<Self> {
        let mut others = Vec::new();
        for (ns_type, flag) in ORDER {
            let join = match (ns_type, args.net_socket) {
                (NsType::Net, Some(fd)) => Some(of_socket(fd, required(target)?)?),
                _ => open(args, target, ns_type, flag)?,
            };
            others.extend(join);
        }
        let mut user = open(args, target, NsType::User, CloneFlags::CLONE_NEWUSER)?;
        if args.user_parent {
            user = Some(parent(user, &others)?);
        }
        let of_target = others.iter().chain(&user).filter(|join| join.is_targets).count();
        let pidfd = match target {
            Some(process) if of_target > 1 => Some(process.as_fd().try_clone_to_owned().doing(|| "duplicate a pidfd")?),
            _ => None,
        };
        Ok(Self { user, others, pidfd })
    }

    /// Enters them all. What fails leaves the calling process half-way, fit for nothing but to end.
    pub(crate) fn enter(&self) -> Result<()> {
        // Entering a user namespace gives all capabilities over what it owns, and takes those over all else. Who may
        // join the others as things are does so first; who may not needs the new capabilities for it.
        let is_user_last = self.user.is_none() || capability::may_join()?;
        let user = self.user.iter();
        let order: Vec<&Join> =
            if is_user_last { self.others.iter().chain(user).collect() } else { user.chain(&self.others).collect() };

        // What comes from the target is joined in one step, which stands where the user namespace does if that is the
        // target's, and else on the other side of it.
        let is_users_the_targets = self.user.as_ref().is_some_and(|join| join.is_targets);
        let (targets, others): (Vec<&Join>, Vec<&Join>) = order.into_iter().partition(|join| join.is_targets);
        if is_users_the_targets == is_user_last {
            enter_in_turn(&others)?;
            self.enter_targets(&targets)
        } else {
            self.enter_targets(&targets)?;
            enter_in_turn(&others)
        }
    }

    fn enter_targets(&self, joins: &[&Join]) -> Result<()> {
        let Some(pidfd) = &self.pidfd else {
            return enter_in_turn(joins);
        };
        let flags = joins.iter().map(|join| join.flag).collect();
        match setns(pidfd, flags) {
            // A kernel before 5.8 does not take a pidfd; where one of them cannot be joined at all (our own user
            // namespace, say), this finds out which.
            Err(Errno::EINVAL) => enter_in_turn(joins),
            Err(Errno::ESRCH) => Err(Error::no("the target is gone")),
            other => other.doing(|| {
                let names: Vec<&str> = joins.iter().map(|join| join.ns_type.name()).collect();
                format!("join the namespaces {}", names.join(", "))
            }),
        }
    }

    /// The identity of the user namespace that is joined, where one is.
    pub(crate) fn user_id(&self) -> Option<NsId> {
        self.user.as_ref().map(|join| join.namespace.id())
    }
}

fn enter_in_turn(joins: &[&Join]) -> Result<()> {
    for join in joins {
        setns(&join.namespace, join.flag).doing(|| format!("join the {} namespace", join.ns_type))?;
    }
    Ok(())
}

fn open(args: &Args, target: Option<&Process>, ns_type: NsType, flag: CloneFlags) -> Result<Option<Join>> {
    let namespace = match args.source(ns_type) {
        Some(Source::Path(path)) => {
            return Ok(Some(Join { ns_type, flag, namespace: Namespace::open(path)?, is_targets: false }));
        }
        Some(Source::Target) => required(target)?.namespace(ns_type)?,
        None if args.all => match of_all(required(target)?, ns_type)? {
            Some(namespace) => namespace,
            None => return Ok(None),
        },
        None => return Ok(None),
    };
    Ok(Some(Join { ns_type, flag, namespace, is_targets: true }))
}

/// What `--all` means for one type: nothing where the kernel lacks it, and nothing for a user namespace that is our own,
/// which cannot be joined again.
fn of_all(target: &Process, ns_type: NsType) -> Result<Option<Namespace>> {
    let Some(id) = target.namespace_id(ns_type)? else {
        return Ok(None);
    };
    if ns_type == NsType::User && own_user_id()? == id {
        return Ok(None);
    }
    target.namespace(ns_type).map(Some)
}

/// The identity of our own user namespace.
pub(crate) fn own_user_id() -> Result<NsId> {
    Namespace::open("/proc/self/ns/user".as_ref()).map(|namespace| namespace.id())
}

fn of_socket(fd: i32, target: &Process) -> Result<Join> {
    let socket = sys::pidfd_getfd(target, fd).doing(|| format!("get descriptor {fd} of process {}", target.pid()))?;
    let namespace = sys::socket_netns(&socket).and_then(Namespace::from_fd);
    let namespace = namespace.doing(|| format!("find the network namespace of descriptor {fd}"))?;
    Ok(Join { ns_type: NsType::Net, flag: CloneFlags::CLONE_NEWNET, namespace, is_targets: false })
}

/// What `--user-parent` means: the parent of the user namespace that would be joined, or the owner of another that is.
fn parent(user: Option<Join>, others: &[Join]) -> Result<Join> {
    let namespace = match (user, others.first()) {
        (Some(user), _) => user.namespace.parent()?,
        (None, Some(owned)) => owned.namespace.owner()?,
        (None, None) => {
            return Err(Error::failed("--user-parent needs another namespace whose parent or owner is meant"));
        }
    };
    let namespace = namespace.ok_or_else(|| Error::failed("the parent is outside of our own"))?;
    Ok(Join { ns_type: NsType::User, flag: CloneFlags::CLONE_NEWUSER, namespace, is_targets: false })
}

fn required(target: Option<&Process>) -> Result<&Process> {
    target.ok_or_else(|| Error::failed("no target"))
}
