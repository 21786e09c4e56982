//! From the PID that an engine tells to the pinned process, and the proof that it is the container's.

use nicon_core::pidns::{self, Method};
use nicon_core::{Error, Namespace, NsId, Process, Result, Status};

use crate::container::Container;

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

/// Finds the container's process, given the PID namespace of whoever answered.
///
/// A socket proxy may answer from another namespace than the engine's own. That shows by a process that is not there, or
/// not the container's; then the namespaces above are tried, up to `bound`. Beyond it nothing is believed: the container
/// that answers could name any process of the machine.
///
/// # Errors
/// Where no namespace leads to a process that is proved to be the container's. Never an unproved process.
pub(crate) fn locate(
    container: &Container,
    answered_from: &Namespace,
    bound: NsId,
    method: Method,
) -> Result<(Process, Proof)> {
    let first = match locate_in(container, answered_from, method) {
        Err(error) if answered_from.id() != bound => error,
        answer => return answer,
    };
    let mut above = ancestors_up_to(answered_from, bound)?.into_iter();
    above.find_map(|pidns| locate_in(container, &pidns, method).ok()).ok_or(first)
}

fn locate_in(container: &Container, pidns: &Namespace, method: Method) -> Result<(Process, Proof)> {
    let inner_pid = container.inner_pid;
    let process = pidns::pin(pidns, inner_pid, method).map_err(|error| match error.status() {
        // The engine says that it runs. That it is not there may mean that it has stopped since, or that the engine
        // counts in another namespace: we cannot tell.
        Status::No => Error::failed(format!("{error}, though the engine says that the container runs")),
        _ => error,
    })?;
    match prove(&process, &container.id)? {
        Some(proof) => Ok((process, proof)),
        None => Err(Error::failed(format!(
            "PID {inner_pid} of the engine is our PID {}, which contradicts the container: neither its cgroup nor its \
             parent carries ID {} (does a proxy answer for the engine?)",
            process.pid(),
            &container.id[..12],
        ))),
    }
}

fn prove(process: &Process, id: &str) -> Result<Option<Proof>> {
    if cgroup_is_of(&process.read("cgroup")?, id) {
        return Ok(Some(Proof::Cgroup));
    }
    // Somebody may have moved it to another cgroup. The engine's shim is started with the ID among its arguments.
    let shim = Process::pin(process.parent()?).and_then(|parent| parent.read("cmdline"));
    let started_for_it = shim.is_ok_and(|cmdline| cmdline.split('\0').any(|argument| argument == id));
    Ok(started_for_it.then_some(Proof::Shim))
}

/// Whether /proc/PID/cgroup places a process in the container, and in no container further in: those lie below it, and
/// their paths carry its ID as well.
fn cgroup_is_of(cgroups: &str, id: &str) -> bool {
    let mut innermost = cgroups.lines().filter_map(innermost_id).peekable();
    innermost.peek().is_some() && innermost.all(|found| found == id)
}

/// The last container ID in a line, however the engine writes it: `/docker/ID`, `docker-ID.scope`, `/docker/ID/init`.
fn innermost_id(line: &str) -> Option<&str> {
    line.rsplit(|c: char| !matches!(c, '0'..='9' | 'a'..='f')).find(|word| word.len() == 64)
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
}
