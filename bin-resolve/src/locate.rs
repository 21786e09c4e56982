//! From the PID that an engine reports to the pinned process, with the proof that it is the container's.

use nicon_core::container::{innermost_id, is_id};
use nicon_core::file::Known;
use nicon_core::pidns::{self, Method};
use nicon_core::{Error, Namespace, NsId, NsType, Process, Result, Status};

use crate::aside;
use crate::container::Container;
use crate::root::FileId;
use crate::trust::Bounds;

/// How a process was proved to be its container's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Proof {
    /// Its cgroup carries the container's ID.
    Cgroup,
    /// Its parent, the engine's shim, was started for the container's ID.
    Shim,
}

impl Proof {
    /// Its name in a record.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Cgroup => "cgroup",
            Self::Shim => "shim",
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
    match prove(&process, container, pidns, bounds).await? {
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

async fn prove(process: &Process, container: &Container, pidns: &Namespace, bounds: &Bounds) -> Result<Verdict> {
    if container.starttime.is_some_and(|recorded| process.starttime().is_ok_and(|starttime| starttime != recorded)) {
        return Ok(Verdict::Refuted("it started at another time (has the container ended?)"));
    }
    let Ok(parent) = Process::pin(process.parent()?) else {
        return Ok(Verdict::Refuted("its parent, which would be the engine's shim, is outside our PID namespace"));
    };
    // In a namespace further in than the engine's, the PID may be that of another process of this container.
    if parent.namespace_id(NsType::Pid)? != Some(pidns.id()) || !is_outside(&parent, container)? {
        return Ok(Verdict::Refuted(
            "it is not the container's first process: its parent is not where the engine is (does a proxy \
                       answer for the engine?)",
        ));
    }
    // A user can forge what follows: a cgroup of any name, where they are delegated, and the arguments of a process.
    bounds.permit(process, &parent)?;
    if cgroup_is_of(&process.read("cgroup")?, container) {
        return Ok(Verdict::Proved(Proof::Cgroup));
    }
    // It may have been moved to another cgroup. The engine's shim is started with the ID among its arguments, but
    // reading those reads its memory, which can block.
    let cmdline = aside::ask(move || parent.read("cmdline")).await?;
    if cmdline.split('\0').any(|argument| argument == container.id) {
        return Ok(Verdict::Proved(Proof::Shim));
    }
    Ok(Verdict::Refuted(
        "neither its cgroup nor its parent carries the container's ID (does a proxy answer for the engine?)",
    ))
}

/// Whether a process is outside of the container, as its shim is: if the bundle is known, the shim's working directory
/// is the bundle; otherwise its cgroup is not the container's.
fn is_outside(parent: &Process, container: &Container) -> Result<bool> {
    match container.bundle {
        Some(bundle) => Ok(Known::at(parent.dir(), c"cwd").is_ok_and(|directory| FileId::from(directory) == bundle)),
        None => Ok(!cgroup_is_of(&parent.read("cgroup")?, container)),
    }
}

/// Whether /proc/PID/cgroup places a process in the container itself. The cgroups of containers inside it are below its
/// own, so their paths have its ID as well.
fn cgroup_is_of(cgroups: &str, container: &Container) -> bool {
    if is_id(&container.id) {
        let mut innermost = cgroups.lines().filter_map(innermost_id).peekable();
        return innermost.peek().is_some() && innermost.all(|found| found == container.id);
    }
    // An ID that is an arbitrary name must be the whole last component, and the start time must have matched, too.
    let is_name = |last: &str| {
        let scope = last.strip_suffix(".scope").and_then(|scope| scope.rsplit('-').next());
        last == container.id || scope == Some(&container.id) || container.cgroups.iter().any(|name| name == last)
    };
    container.starttime.is_some() && cgroups.lines().any(|line| line.rsplit_once('/').is_some_and(|(_, l)| is_name(l)))
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cgroup_belongs_to_its_innermost_container() {
        let (a, b) = ("a".repeat(64), "b".repeat(64));
        let cgroup_is_of = |cgroups: &str, id: &str| {
            super::cgroup_is_of(cgroups, &Container { id: id.to_owned(), ..Container::default() })
        };
        for of_b in [
            format!("0::/docker/{b}\n"),
            format!("0::/system.slice/docker-{b}.scope/init\n"),
            format!("0::/../../docker/{a}/docker/{b}\n"),
            format!("2:cpu:/lab/{b}\n1:name=systemd:/lab/{b}\n0::/\n"),
        ] {
            assert!(cgroup_is_of(&of_b, &b), "{of_b}");
            assert!(!cgroup_is_of(&of_b, &a), "{of_b}");
        }
        for of_others in ["0::/\n", "0::/user.slice\n", "", &format!("0::/{a}{b}\n"), &format!("2:cpu:/{a}\n0::/{b}\n")]
        {
            assert!(!cgroup_is_of(of_others, &b), "{of_others}");
        }
    }

    #[test]
    fn a_cgroup_may_have_a_plain_name() {
        let web =
            Container { id: "web".into(), starttime: Some(1), cgroups: vec!["made-up".into()], ..Container::default() };
        for of_web in ["0::/web\n", "4:memory:/x/web\n0::/\n", "0::/system.slice/runc-web.scope\n", "0::/x/made-up\n"] {
            assert!(cgroup_is_of(of_web, &web), "{of_web}");
        }
        for of_another in ["0::/xweb\n", "0::/web/below\n", "0::/\n", "", "0::/web.scope.d\n"] {
            assert!(!cgroup_is_of(of_another, &web), "{of_another}");
        }
        let untimed = Container { starttime: None, ..web };
        assert!(!cgroup_is_of("0::/web\n", &untimed));
    }
}
