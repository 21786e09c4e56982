//! Joining namespaces: which, from where, and in what order.

use std::cell::OnceCell;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use nicon_core::file::FileInfo;
use nicon_core::{Context, Error, Namespace, NsId, NsType, Process, Result};
use nix::errno::Errno;
use nix::sched::{CloneFlags, setns};
use nix::unistd::chdir;

use crate::operand::{Source, shown};
use crate::own_namespaces::{is_own, own_user_id};
use crate::privileges::{looking, taking};
use crate::rights::capability;
use crate::sys;

/// The order in which namespaces are joined one by one. `setns(2)` of several types at once leaves the order to the
/// kernel, which follows the same reasons.
///
/// The user namespace comes first or last: see [`Joins::enter`].
const ORDER: [NsType; 7] = [
    // Before all that could change what the cgroup file system means to us.
    NsType::Cgroup,
    // These four do not depend on one another.
    NsType::Ipc,
    NsType::Uts,
    NsType::Net,
    NsType::Time,
    // Takes effect with the next child; from here to its birth /proc/self leads nowhere.
    NsType::Pid,
    // Last, for it changes root and working directory, and with them what every path means, /proc above all.
    NsType::Mnt,
];

/// Which namespaces are asked for.
pub(crate) struct Asked<'a> {
    /// All of the target's, but for those that are named.
    pub(crate) all: bool,
    /// Those that an option of their own names.
    pub(crate) named: Vec<(NsType, &'a Source)>,
    /// The network namespace of this socket of the target.
    pub(crate) net_socket: Option<i32>,
    /// The parent of the user namespace, or the owner of another that is joined.
    pub(crate) user_parent: bool,
}

/// The namespaces to join.
pub(crate) struct Joins<'a> {
    user: Option<Join>,
    others: Vec<Join>,
    target: Option<&'a Process>,
}

struct Join {
    ns_type: NsType,
    /// `None`: the target's, joined by the target's pidfd.
    namespace: Option<Namespace>,
    /// Whether we are in it already, once that was looked at.
    is_own: OnceCell<bool>,
}

impl<'a> Joins<'a> {
    /// Opens them.
    pub(crate) fn open(asked: &Asked<'_>, target: Option<&'a Process>) -> Result<Self> {
        let mut others = Vec::new();
        for ns_type in ORDER {
            let join = match (ns_type, asked.net_socket) {
                (NsType::Net, Some(fd)) => Some(of_socket(fd, required(target)?)?),
                _ => open(asked, target, ns_type)?,
            };
            others.extend(join);
        }
        let mut user = open(asked, target, NsType::User)?;
        if asked.user_parent {
            user = Some(parent(user.as_ref(), &others, target)?);
        }
        let joins = Self { user, others, target };
        if joins.others.iter().any(|join| !join.is_targets()) {
            // Once one of them was joined, /proc may be another's.
            joins.look_for_own();
        }
        Ok(joins)
    }

    /// Finds out which of them are ours already.
    fn look_for_own(&self) {
        for join in self.others.iter().chain(&self.user) {
            join.is_own.get_or_init(|| join.id(self.target).is_some_and(|id| is_own(join.ns_type, id)));
        }
    }

    /// Enters them all. After a failure the process is in an undefined mix of namespaces and must exit.
    pub(crate) fn enter(&self) -> Result<()> {
        // Entering a user namespace gives all capabilities over what it owns, and takes those over all else. So the others are
        // joined first if we have the rights, and otherwise after it, by its capabilities.
        let is_user_last = self.user.is_none() || capability::may_join()?;
        let user = self.user.iter();
        let order: Vec<&Join> =
            if is_user_last { self.others.iter().chain(user).collect() } else { user.chain(&self.others).collect() };

        // The target's namespaces are joined in one step. If the user namespace is one of them they take
        // its place, and otherwise that of the others, on its other side.
        let is_users_the_targets = self.user.as_ref().is_some_and(Join::is_targets);
        let (targets, others): (Vec<&Join>, Vec<&Join>) = order.into_iter().partition(|join| join.is_targets());
        if is_users_the_targets == is_user_last {
            self.enter_in_turn(&others)?;
            self.enter_targets(&targets)
        } else {
            self.enter_targets(&targets)?;
            self.enter_in_turn(&others)
        }
    }

    fn enter_targets(&self, joins: &[&Join]) -> Result<()> {
        let Some(target) = self.target.filter(|_| !joins.is_empty()) else {
            return Ok(());
        };
        match setns(target, joins.iter().map(|join| flag(join.ns_type)).collect()) {
            Ok(()) => Ok(()),
            Err(Errno::ESRCH) => Err(Error::no("the target is gone")),
            // Linux before 5.8 takes no pidfd; and if one of them cannot be joined, this finds out which.
            Err(_) => {
                self.look_for_own();
                self.enter_in_turn(joins)
            }
        }
    }

    fn enter_in_turn(&self, joins: &[&Join]) -> Result<()> {
        for join in joins {
            let ns_type = join.ns_type;
            let is_own = join.is_own.get() == Some(&true);
            // Joined once more, a mount namespace gives us its own root directory; the others nothing.
            if is_own && !matches!(ns_type, NsType::Mnt | NsType::User) {
                continue;
            }
            let joined = match &join.namespace {
                Some(namespace) => setns(namespace, flag(ns_type)),
                None => setns(required(self.target)?.namespace(ns_type)?, flag(ns_type)),
            };
            let privileges = match ns_type {
                NsType::Mnt => "CAP_SYS_ADMIN over it, and CAP_SYS_CHROOT",
                _ => "CAP_SYS_ADMIN over it",
            };
            if (ns_type, joined) == (NsType::User, Err(Errno::EINVAL)) {
                return Err(Error::failed("join the user namespace: it is our own, which cannot be joined again"));
            }
            if is_own && (ns_type, joined) == (NsType::Mnt, Err(Errno::EPERM)) {
                // Who lacks the right to join it is in it all the same, and goes where the join would have led.
                chdir("/").context(|| "change the working directory")?;
                continue;
            }
            taking(privileges, joined, || format!("join the {ns_type} namespace"))?;
        }
        Ok(())
    }

    /// The mount namespace that is joined, if it is a file's.
    pub(crate) fn mount_file(&self) -> Option<&Namespace> {
        self.mount()?.namespace.as_ref()
    }

    /// Whether the target's mount namespace is joined.
    pub(crate) fn has_targets_mount(&self) -> bool {
        self.mount().is_some_and(Join::is_targets)
    }

    fn mount(&self) -> Option<&Join> {
        self.others.iter().find(|join| join.ns_type == NsType::Mnt)
    }

    /// The user namespace that is joined, if any.
    pub(crate) fn user(&self) -> Result<Option<Namespace>> {
        match &self.user {
            Some(Join { namespace: Some(namespace), .. }) => Ok(Some(namespace.clone())),
            Some(Join { namespace: None, .. }) => required(self.target)?.namespace(NsType::User).map(Some),
            None => Ok(None),
        }
    }

    /// The identity of the user namespace that is joined, if any.
    pub(crate) fn user_id(&self) -> Result<Option<NsId>> {
        match &self.user {
            Some(Join { namespace: Some(namespace), .. }) => Ok(Some(namespace.id())),
            Some(Join { namespace: None, .. }) => required(self.target)?.namespace_id(NsType::User),
            None => Ok(None),
        }
    }
}

impl Join {
    fn new(ns_type: NsType, namespace: Option<Namespace>) -> Self {
        Self { ns_type, namespace, is_own: OnceCell::new() }
    }

    /// Its identity, if that can be told.
    fn id(&self, target: Option<&Process>) -> Option<NsId> {
        match &self.namespace {
            Some(namespace) => Some(namespace.id()),
            None => target?.namespace_id(self.ns_type).ok()?,
        }
    }

    fn is_targets(&self) -> bool {
        self.namespace.is_none()
    }
}

fn flag(ns_type: NsType) -> CloneFlags {
    CloneFlags::from_bits_retain(ns_type.flag())
}

fn open(asked: &Asked<'_>, target: Option<&Process>, ns_type: NsType) -> Result<Option<Join>> {
    let named = asked.named.iter().find(|(named, _)| *named == ns_type).map(|(_, source)| *source);
    let namespace = match named {
        Some(Source::Path(path)) => Some(of_file(path, ns_type)?),
        Some(Source::Target) => None,
        None if asked.all => None,
        None => return Ok(None),
    };
    // `--all` means the namespaces that this kernel has; and our own user namespace cannot be joined again.
    if named.is_none() {
        match required(target)?.namespace_id(ns_type)? {
            Some(id) if ns_type != NsType::User || own_user_id()? != id => {}
            _ => return Ok(None),
        }
    }
    Ok(Some(Join::new(ns_type, namespace)))
}

fn of_file(path: &Path, ns_type: NsType) -> Result<Namespace> {
    let by_number = path.as_os_str().as_bytes().starts_with(b":");
    let hint = " (nsenter's :NSID is not taken: nicon-nsfind finds a process in the namespace of a number)";
    let namespace = Namespace::open(path).map_err(|error| if by_number { error.suffix(hint) } else { error })?;
    if namespace.ns_type().is_ok_and(|actual| actual == ns_type) {
        return Ok(namespace);
    }
    Err(Error::failed(format!("{} is not a namespace of type {ns_type}", shown(path))))
}

fn of_socket(fd: i32, target: &Process) -> Result<Join> {
    let descriptor = || format!("descriptor {fd} of process {}", target.pid());
    let socket = looking(sys::pidfd_getfd(target, fd), || format!("get {}", descriptor()))?;
    let finding = || format!("find the network namespace of {}", descriptor());
    let no_socket = || Error::failed(format!("{} is not a socket", descriptor()));
    // What else the target has there would be asked for it, and need never answer.
    if !FileInfo::of(&socket).context(finding)?.is_socket() {
        return Err(no_socket());
    }
    let namespace = match sys::socket_netns(&socket) {
        Err(Errno::ENOTTY) => return Err(no_socket()),
        fd => Namespace::from_fd(fd.context(finding)?).context(finding)?,
    };
    Ok(Join::new(NsType::Net, Some(namespace)))
}

/// What `--user-parent` means: the parent of the user namespace that would be joined, or the owner of another that is.
fn parent(user: Option<&Join>, others: &[Join], target: Option<&Process>) -> Result<Join> {
    let of = |join: &Join, ask: fn(&Namespace) -> Result<Option<Namespace>>| match &join.namespace {
        Some(namespace) => ask(namespace),
        None => ask(&required(target)?.namespace(join.ns_type)?),
    };
    let namespace = match (user, others.first()) {
        (Some(user), _) => of(user, Namespace::parent)?,
        (None, Some(owned)) => of(owned, Namespace::owner)?,
        (None, None) => {
            return Err(Error::failed(
                "--user-parent: choose the namespace whose parent or owner is to be entered, such as --net",
            ));
        }
    };
    let namespace = namespace.ok_or_else(|| Error::failed("the parent is outside of our own"))?;
    Ok(Join::new(NsType::User, Some(namespace)))
}

fn required(target: Option<&Process>) -> Result<&Process> {
    target.ok_or_else(|| Error::failed("no target"))
}
