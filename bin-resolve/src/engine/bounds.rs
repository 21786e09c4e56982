//! Who may name which processes. An engine of an unprivileged user vouches only for processes of that user's own user
//! namespaces, and one in a user namespace only for those in it and below: anybody can serve a socket, and say anything there.
//!
//! A PID namespace is no such bound, since all users of a machine share one.

use std::sync::{Arc, OnceLock};

use nicon_core::{Error, Namespace, NsId, NsType, Process, Result};

/// What all those may name who can have made a claim: a process that each of the bounds permits.
#[derive(Clone, Debug, Default)]
pub(crate) struct Bounds(Arc<[Bound]>);

#[derive(Clone, Debug)]
struct Bound {
    /// What it binds, for messages: `the engine at /run/x.sock`.
    whom: String,
    limit: Arc<Limit>,
}

/// The user namespaces of the processes that may be named. Our own is never among them.
#[derive(Debug)]
enum Limit {
    /// Those that belong to this user, and those below.
    Of(u32),
    /// This one, and those below.
    From(Namespace),
}

impl Bounds {
    /// The bounds of a process that serves `whom`; none if it is root in our own user namespace. `was` are the users that it was at
    /// other moments: when it called `listen(2)`, and when it wrote.
    ///
    /// # Errors
    /// If the process is gone, may not be inspected, or is in a user namespace of which we see nothing.
    pub(crate) fn of_process(whom: &str, process: &Process, was: &[u32]) -> Result<Self> {
        let uids = process.uids()?;
        if is_in_ours(process)? {
            return Ok(Self::of_users(whom, &[&uids, was].concat()));
        }
        let namespace = process.namespace(NsType::User)?;
        if below_ours(namespace.clone())?.is_none() {
            return Err(Error::failed(format!(
                "{whom} is in user namespace {}, which is outside of ours: whom it may name is unknown",
                namespace.id().ino
            )));
        }
        // Users of a namespace below ours are mapped for it, and have none of their own. One that it has no more was another's.
        let before: Vec<u32> = was.iter().copied().filter(|uid| !uids.contains(uid)).collect();
        Ok(Self::new(whom, [Limit::From(namespace)]).and(&Self::of_users(whom, &before)))
    }

    /// The bounds of a process of which only the user is known.
    pub(crate) fn of_user(whom: &str, uid: u32) -> Self {
        Self::of_users(whom, &[uid])
    }

    /// The bounds of whoever may write the files of a container: its user namespace, if it is not ours.
    ///
    /// # Errors
    /// If the container is gone.
    pub(crate) fn of_files(container: &Process) -> Result<Self> {
        if is_in_ours(container)? {
            return Ok(Self::default());
        }
        Ok(Self::new("the container", [Limit::From(container.namespace(NsType::User)?)]))
    }

    fn of_users(whom: &str, uids: &[u32]) -> Self {
        Self::new(whom, users(uids).into_iter().map(Limit::Of))
    }

    fn new(whom: &str, limits: impl IntoIterator<Item = Limit>) -> Self {
        let bound = |limit| Bound { whom: whom.to_owned(), limit: Arc::new(limit) };
        Self(limits.into_iter().map(bound).collect())
    }

    /// Both these bounds and others: a bound only narrows.
    pub(crate) fn and(&self, others: &Self) -> Self {
        Self(self.0.iter().chain(&*others.0).cloned().collect())
    }

    /// Checks that `process` may be named as a container, and that `parent`, which would be its shim, is one of theirs, too.
    ///
    /// # Errors
    /// If not.
    pub(crate) fn permit(&self, process: &Process, parent: &Process) -> Result<()> {
        self.0.iter().try_for_each(|bound| {
            let (pid, shim) = (process.pid(), parent.pid());
            if !bound.limit.has(process)? {
                return Err(bound.refuse(&format!("PID {pid} is in none of these")));
            }
            if !bound.limit.has_shim(parent)? {
                return Err(bound.refuse(&format!("the parent of PID {pid}, PID {shim}, is not theirs")));
            }
            Ok(())
        })
    }
}

impl Bound {
    fn refuse(&self, why: &str) -> Error {
        let whom = &self.whom;
        Error::failed(match &*self.limit {
            Limit::Of(uid) => format!(
                "{whom} runs as user {uid}, who may name only processes in user namespaces of their own: {why} (name the \
                 socket of an engine that root runs)"
            ),
            Limit::From(namespace) => {
                let ino = namespace.id().ino;
                format!("{whom} is in user namespace {ino}, and may name only processes in that and those below: {why}")
            }
        })
    }
}

impl Limit {
    fn has(&self, process: &Process) -> Result<bool> {
        if is_in_ours(process)? {
            return Ok(false);
        }
        let own_and_above = below_ours(process.namespace(NsType::User)?)?.unwrap_or_default();
        for namespace in &own_and_above {
            let is_theirs = match self {
                Self::Of(uid) => namespace.owner_uid()? == *uid,
                Self::From(theirs) => namespace.id() == theirs.id(),
            };
            if is_theirs {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Whether a process may be the shim of theirs. A user's shim may also be in our own user namespace.
    fn has_shim(&self, process: &Process) -> Result<bool> {
        match self {
            Self::Of(uid) if is_in_ours(process)? => Ok(process.uids()?.iter().all(|own| own == uid)),
            _ => self.has(process),
        }
    }
}

/// The users other than root for whom a process in our own user namespace may act, given its IDs and those with which it called
/// `listen(2)` and wrote. A set-user-ID program still has the ID of who runs it, or had it at such a moment.
fn users(uids: &[u32]) -> Vec<u32> {
    let mut users: Vec<u32> = uids.iter().copied().filter(|uid| *uid != 0).collect();
    users.sort_unstable();
    users.dedup();
    users
}

/// Whether a process is in our own user namespace. A kernel without user namespaces has no other.
fn is_in_ours(process: &Process) -> Result<bool> {
    match process.namespace_id(NsType::User)? {
        Some(its) => Ok(its == own_namespace()?),
        None => Ok(true),
    }
}

fn own_namespace() -> Result<NsId> {
    static OWN: OnceLock<Result<NsId>> = OnceLock::new();
    OWN.get_or_init(|| Namespace::open("/proc/self/ns/user".as_ref()).map(|own| own.id())).clone()
}

/// A user namespace and those above it that are below our own, innermost first; `None` if it is not below our own.
fn below_ours(namespace: Namespace) -> Result<Option<Vec<Namespace>>> {
    let own = own_namespace()?;
    let (mut found, mut next) = (Vec::new(), Some(namespace));
    while let Some(namespace) = next {
        if namespace.id() == own {
            return Ok(Some(found));
        }
        next = namespace.parent()?;
        found.push(namespace);
    }
    Ok(None)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_user_is_whoever_may_be_behind_it() {
        for (uids, was, expected) in [
            ([0, 0, 0, 0], &[0][..], &[][..]),
            ([0, 0, 0, 0], &[], &[]),
            ([1000, 1000, 1000, 1000], &[], &[1000]),
            // A set-user-ID program: as it starts, and after it gave up the ID of who runs it.
            ([1000, 0, 0, 0], &[1000], &[1000]),
            ([0, 0, 0, 0], &[1000], &[1000]),
            ([0, 0, 0, 0], &[0, 1000], &[1000]),
            // A daemon that gave up root's, for good or for a while.
            ([33, 33, 33, 33], &[0, 33], &[33]),
            ([0, 33, 0, 33], &[0], &[33]),
            ([1000, 33, 33, 33], &[7], &[7, 33, 1000]),
        ] {
            assert_eq!(users(&[&uids, was].concat()), expected, "{uids:?} {was:?}");
        }
    }

    #[test]
    fn root_is_not_bound_and_everybody_else_is() {
        let process = Process::myself().unwrap();
        assert!(Bounds::default().permit(&process, &process).is_ok());
        assert!(Bounds::of_user("it", 0).permit(&process, &process).is_ok());
        let (one, two) = (Bounds::of_user("it", 1), Bounds::of_user("it", 2));
        let error = one.permit(&process, &process).unwrap_err().to_string();
        assert!(error.starts_with("it runs as user 1, who may name only"), "{error}");
        assert_eq!((one.and(&two).0.len(), Bounds::default().and(&two).0.len()), (2, 1));
        assert!(Bounds::default().and(&two).permit(&process, &process).is_err(), "a bound only narrows");
    }
}
