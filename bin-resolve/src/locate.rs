//! From the PID that an engine tells to the pinned process, and the proof that it is the container's.

use nicon_core::container::{innermost_id, is_id};
use nicon_core::file::Known;
use nicon_core::pidns::{self, Method};
use nicon_core::{Error, Namespace, NsId, NsType, Process, Result, Status};

use crate::aside;
use crate::container::Container;
use crate::root::FileId;

/// How it was made sure that a process belongs to its container.
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

/// Finds the container's process, given the PID namespaces of whoever answered, the likeliest first.
///
/// A socket proxy may answer from another namespace than the engine's own. That shows by a process that is not there, or
/// not the container's; then the namespaces above are tried, up to `bound`. Beyond it nothing is believed: the container
/// that answers could name any process of the machine.
///
/// # Errors
/// Where no namespace leads to a process that is proved to be the container's. Never an unproved process.
pub(crate) async fn locate(
    container: &Container,
    answered_from: &[Namespace],
    bound: NsId,
    method: Method,
) -> Result<(Process, Proof)> {
    let mut first = None;
    let mut tried = Vec::new();
    for pidns in answered_from {
        match locate_in(container, pidns, method).await {
            Ok(found) => return Ok(found),
            Err(error) => first = first.or(Some(error)),
        }
        tried.push(pidns.id());
    }
    for pidns in answered_from {
        for above in ancestors_up_to(pidns, bound)? {
            if tried.contains(&above.id()) {
                continue;
            }
            if let Ok(found) = locate_in(container, &above, method).await {
                return Ok(found);
            }
            tried.push(above.id());
        }
    }
    Err(first.unwrap_or_else(|| Error::failed("nobody knows in which PID namespace the engine counts")))
}

async fn locate_in(container: &Container, pidns: &Namespace, method: Method) -> Result<(Process, Proof)> {
    let inner_pid = container.inner_pid;
    let process = pidns::pin(pidns, inner_pid, method).map_err(|error| match error.status() {
        // The engine says that it runs. That it is not there may mean that it has stopped since, or that the engine
        // counts in another namespace: we cannot tell.
        Status::No => Error::failed(format!("{error}, though the engine says that the container runs")),
        _ => error,
    })?;
    let contradiction = match prove(&process, container, pidns).await? {
        Ok(proof) => return Ok((process, proof)),
        Err(contradiction) => contradiction,
    };
    Err(Error::failed(format!(
        "PID {inner_pid} of the engine is our PID {}, which contradicts the container: {contradiction}",
        process.pid(),
    )))
}

/// What speaks for the process, or else against it.
async fn prove(
    process: &Process,
    container: &Container,
    pidns: &Namespace,
) -> Result<std::result::Result<Proof, &'static str>> {
    if container.starttime.is_some_and(|told| process.starttime().is_ok_and(|starttime| starttime != told)) {
        return Ok(Err("it started at another time (has the container ended?)"));
    }
    let Ok(parent) = Process::pin(process.parent()?) else {
        return Ok(Err("its parent, which would be the engine's shim, is outside our PID namespace"));
    };
    // Whoever counts in a namespace further in than the engine's may come upon another process of this container.
    if parent.namespace_id(NsType::Pid)? != Some(pidns.id()) || !is_outside(&parent, container)? {
        return Ok(Err(
            "it is not the container's first process: its parent is not where the engine is (does a proxy \
                       answer for the engine?)",
        ));
    }
    if cgroup_is_of(&process.read("cgroup")?, container) {
        return Ok(Ok(Proof::Cgroup));
    }
    // Somebody may have moved it to another cgroup. The engine's shim is started with the ID among its arguments.
    // It may keep those waiting who read its memory.
    let cmdline = aside::ask(move || parent.read("cmdline")).await?;
    let started_for_it = cmdline.split('\0').any(|argument| argument == container.id);
    Ok(started_for_it
        .then_some(Proof::Shim)
        .ok_or("neither its cgroup nor its parent carries the container's ID (does a proxy answer for the engine?)"))
}

/// Whether a process is outside of the container, as a shim is: the one that works in the container's bundle, where that is
/// known, or one whose cgroup is not the container's.
fn is_outside(parent: &Process, container: &Container) -> Result<bool> {
    match container.bundle {
        Some(bundle) => Ok(Known::at(parent.dir(), c"cwd").is_ok_and(|directory| FileId::from(directory) == bundle)),
        None => Ok(!cgroup_is_of(&parent.read("cgroup")?, container)),
    }
}

/// Whether /proc/PID/cgroup places a process in the container, and in no container further in: those lie below it, and
/// their paths carry its ID as well.
fn cgroup_is_of(cgroups: &str, container: &Container) -> bool {
    if is_id(&container.id) {
        let mut innermost = cgroups.lines().filter_map(innermost_id).peekable();
        return innermost.peek().is_some() && innermost.all(|found| found == container.id);
    }
    // An ID that may be any word counts only as a whole name, and beside the time at which the process started.
    let is_name = |last: &str| {
        let scope = last.strip_suffix(".scope").and_then(|scope| scope.rsplit('-').next());
        last == container.id || scope == Some(&container.id) || container.cgroups.iter().any(|name| name == last)
    };
    container.starttime.is_some() && cgroups.lines().any(|line| line.rsplit_once('/').is_some_and(|(_, l)| is_name(l)))
}

/// The namespaces above `from`, nearest first, ending with `bound`; none where `bound` is not above it.
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
        for of_nobody in ["0::/\n", "0::/user.slice\n", "", &format!("0::/{a}{b}\n"), &format!("2:cpu:/{a}\n0::/{b}\n")]
        {
            assert!(!cgroup_is_of(of_nobody, &b), "{of_nobody}");
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
