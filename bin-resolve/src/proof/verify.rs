//! From the PID that an engine reports to the pinned process, with the proof that it is the container's.

use nicon_core::file::FileInfo;
use nicon_core::pidns::{self, Method};
use nicon_core::{Error, Namespace, NsId, NsType, Process, Result, Status};

use crate::engine::bounds::Bounds;
use crate::engine::container::Container;
use crate::proof::cgroup::{self, Placement};
use crate::rootfs::blocking;
use crate::rootfs::directory::FileId;

/// How often a process may be left to another parent while it is looked at.
const MAX_PARENTS: usize = 5;

/// How a process was proved to be its container's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Proof {
    /// Its cgroup carries the container's ID.
    Cgroup,
    /// Its parent, the engine's shim, was started for the container's ID, or that of its pod's sandbox.
    Shim,
    /// Its parent is the monitor that started it, and holds the socket, or is the program, that names it.
    Monitor,
    /// It is the first process of its PID namespace, in the cgroup of the unit that systemd has registered.
    Unit,
}

impl Proof {
    /// Its name in a record.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Cgroup => "cgroup",
            Self::Shim => "shim",
            Self::Monitor => "monitor",
            Self::Unit => "unit",
        }
    }
}

/// Finds the container's process, given the PID namespaces of the processes that may have answered, the likeliest
/// first.
///
/// A socket proxy may be in another namespace than its engine. Then the PID leads to no process, or to one that is not
/// the container's, and the namespaces above are tried, up to `outermost`. Beyond that, a hostile container could name any
/// process of the machine. All `bounds` must permit the process, whichever namespace leads to it.
///
/// # Errors
/// If no namespace leads to a process that is proved to be the container's. An unproved process is never returned.
pub(crate) async fn locate(
    container: &Container,
    answered_from: &[Namespace],
    outermost: NsId,
    bounds: &Bounds,
    method: Method,
) -> Result<(Process, Proof)> {
    let mut first = None;
    let mut tried = Vec::new();
    for pidns in answered_from {
        match locate_in(container, pidns, bounds, method).await {
            Ok(found) => return Ok(found),
            Err(error) => first = first.or(Some(error)),
        }
        tried.push(pidns.id());
    }
    for pidns in answered_from {
        for above in ancestors_up_to(pidns, outermost)? {
            if tried.contains(&above.id()) {
                continue;
            }
            if let Ok(found) = locate_in(container, &above, bounds, method).await {
                return Ok(found);
            }
            tried.push(above.id());
        }
    }
    Err(first.unwrap_or_else(|| Error::failed("the engine's PID namespace is unknown")))
}

async fn locate_in(
    container: &Container,
    pidns: &Namespace,
    bounds: &Bounds,
    method: Method,
) -> Result<(Process, Proof)> {
    let inner_pid = container.inner_pid;
    let process = pidns::pin(pidns, inner_pid, method).map_err(|error| match error.status() {
        // The container may have stopped, or the engine may be in another namespace: this is not a clear "no".
        Status::No => Error::failed(format!("{error}, though the engine says that the container runs")),
        _ => error,
    })?;
    match prove(&process, container, pidns, bounds, method).await? {
        Verdict::Proved(proof) => Ok((process, proof)),
        Verdict::Refuted(why) => Err(Error::failed(format!(
            "the engine's PID {inner_pid} is our PID {}, which is not the container's: {why}",
            process.pid(),
        ))),
    }
}

/// Whether a process is the container's.
enum Verdict {
    Proved(Proof),
    /// It is not, and why.
    Refuted(&'static str),
}

/// Its parent may end while it is looked at, as a runtime does that has started it and leaves it to others.
async fn prove(
    process: &Process,
    container: &Container,
    pidns: &Namespace,
    bounds: &Bounds,
    method: Method,
) -> Result<Verdict> {
    let mut parent = process.parent()?;
    for _ in 0..MAX_PARENTS {
        let verdict = match Process::pin(parent) {
            Ok(pinned) => {
                let verdict = prove_by(process, pinned, container, pidns, bounds, method).await;
                if matches!(verdict, Ok(Verdict::Proved(_))) {
                    return verdict;
                }
                verdict
            }
            Err(_) => {
                Ok(Verdict::Refuted("its parent, which would be the engine's shim, is outside our PID namespace"))
            }
        };
        let now = process.parent()?;
        if now == parent {
            return verdict;
        }
        parent = now;
    }
    Ok(Verdict::Refuted("its parent has changed again and again"))
}

async fn prove_by(
    process: &Process,
    parent: Process,
    container: &Container,
    pidns: &Namespace,
    bounds: &Bounds,
    method: Method,
) -> Result<Verdict> {
    if container.starttime.is_some_and(|recorded| process.starttime().is_ok_and(|starttime| starttime != recorded)) {
        return Ok(Verdict::Refuted("it started at another time (has the container ended?)"));
    }
    if parent.namespace_id(NsType::Pid)? == Some(pidns.id()) {
        if let Some(monitor) = container.monitor {
            bounds.permit(process, &parent)?;
            let is_it = parent.pid() == monitor.pid && parent.starttime()? == monitor.starttime;
            return Ok(if is_it {
                Verdict::Proved(Proof::Monitor)
            } else {
                Verdict::Refuted("its parent is not its monitor")
            });
        }
        if let Some(unit) = &container.unit {
            bounds.permit(process, &parent)?;
            if let Some(user) = container.registrant {
                Bounds::of_user("whoever registered it", user).permit(process, &parent)?;
            }
            let is_first =
                process.nspid()?.last() == Some(&1) && process.namespace_id(NsType::Pid)? != Some(pidns.id());
            let systemd = pidns::pin(pidns, 1, method)?;
            let is_it = is_first && cgroup::is_in_unit(&process.read("cgroup")?, &systemd.read("cgroup")?, unit);
            let why = "it is not the first process in the unit that is registered";
            return Ok(if is_it { Verdict::Proved(Proof::Unit) } else { Verdict::Refuted(why) });
        }
    }
    let placement = cgroup::placement(&process.read("cgroup")?, &parent.read("cgroup")?, container);
    // In a namespace further in than the engine's, the PID may be that of another process of this container.
    if parent.namespace_id(NsType::Pid)? != Some(pidns.id()) || !is_outside(&parent, &placement, container) {
        return Ok(Verdict::Refuted(
            "it is not the container's first process: its parent is not where the engine is (does a proxy \
                       answer for the engine?)",
        ));
    }
    // A user can forge what follows: a cgroup of any name, where they are delegated, and the arguments of a process.
    bounds.permit(process, &parent)?;
    if placement == Placement::First {
        return Ok(Verdict::Proved(Proof::Cgroup));
    }
    // It may have been moved to another cgroup. The engine's shim is started with the ID among its arguments, but
    // reading those reads its memory, which can block.
    let cmdline = blocking::ask(move || parent.read("cmdline")).await?;
    let id = container.sandbox.as_ref().unwrap_or(&container.id);
    if cmdline.split('\0').any(|argument| argument == id) {
        return Ok(Verdict::Proved(Proof::Shim));
    }
    Ok(Verdict::Refuted(
        "neither its cgroup nor its parent carries the container's ID (does a proxy answer for the engine?)",
    ))
}

/// Whether a process is outside of the container, as its shim is: if the bundle is known, the shim's working directory
/// is the bundle; otherwise it is not in the container's cgroup.
fn is_outside(parent: &Process, placement: &Placement, container: &Container) -> bool {
    match container.bundle {
        Some(bundle) => FileInfo::at(parent.dir(), c"cwd").is_ok_and(|directory| FileId::from(directory) == bundle),
        None => *placement != Placement::Inner,
    }
}

/// The namespaces above `from`, nearest first, ending with `bound`; empty if `bound` is not above it.
fn ancestors_up_to(from: &Namespace, bound: NsId) -> Result<Vec<Namespace>> {
    let mut above = Vec::new();
    let mut next = from.parent()?;
    while let Some(namespace) = next {
        next = namespace.parent()?;
        let id = namespace.id();
        above.push(namespace);
        if id == bound {
            return Ok(above);
        }
    }
    Ok(Vec::new())
}
