//! Translates PIDs from another PID namespace to our own.

use std::ops::ControlFlow;

use nix::errno::Errno;

use crate::walk::walk;
use crate::{Error, Namespace, NsType, Process, Result, proc, sys};

/// How a PID is translated.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Method {
    /// `Ioctl`, or `Scan` if the kernel is too old for that.
    Auto,
    /// `NS_GET_TGID_FROM_PIDNS`, Linux 6.11: one call, about half a microsecond.
    Ioctl,
    /// Reads the `NSpid` lines of all processes in /proc: some 50 microseconds per process.
    Scan,
}

/// Pins the process that has the PID `inner` in `pidns`.
///
/// The PID is translated once more when the process is pinned. The same result, for a process that is still alive, means
/// that the PID was not reused in between.
///
/// # Errors
/// [`Status::No`](crate::Status::No) if there is no such process; [`Status::Failed`](crate::Status::Failed) if
/// the kernel cannot translate it, or, when scanning, `pidns` is neither our own PID namespace nor one below it.
pub fn pin(pidns: &Namespace, inner: i32, method: Method) -> Result<Process> {
    proc::check()?;
    loop {
        let process = Process::pin(translate(pidns, inner, method)?)?;
        if translate(pidns, inner, method)? == process.pid() && process.is_alive() {
            return Ok(process);
        }
    }
}

fn translate(pidns: &Namespace, inner: i32, method: Method) -> Result<i32> {
    let found = match method {
        Method::Scan => scan(pidns, inner)?,
        Method::Auto | Method::Ioctl => match sys::ns_get_tgid_from_pidns(pidns, inner) {
            Ok(pid) => Some(pid),
            Err(Errno::ESRCH) => None,
            Err(Errno::ENOTTY | Errno::EINVAL) if method == Method::Auto => scan(pidns, inner)?,
            Err(errno @ (Errno::ENOTTY | Errno::EINVAL)) => {
                return Err(Error::os(format!("translate PID {inner} (the kernel does so from Linux 6.11 on)"), errno));
            }
            Err(errno) => return Err(Error::os(format!("translate PID {inner}"), errno)),
        },
    };
    found.ok_or_else(|| Error::no(format!("no process has PID {inner} in PID namespace {}", pidns.id().ino)))
}

/// Searches /proc for the process that has `inner` at the depth of `pidns` in its `NSpid` line and is in `pidns` or below.
/// The depth alone is not enough: sibling namespaces use the same numbers.
fn scan(pidns: &Namespace, inner: i32) -> Result<Option<i32>> {
    let own = Namespace::open("/proc/self/ns/pid".as_ref())?;
    let outside = || Error::failed(format!("PID namespace {} is outside our own", pidns.id().ino));
    let depth = distance(pidns, &own)?.ok_or_else(outside)?;
    let mut found = None;
    walk(|entry| {
        if has_pid(entry.pid(), inner, depth, pidns)? {
            found = Some(entry.pid());
            return Ok(ControlFlow::Break(()));
        }
        Ok(ControlFlow::Continue(()))
    })?;
    Ok(found)
}

/// Whether the process `pid` has the PID `inner` in `pidns`, which is `depth` levels below our own. A process that exits
/// meanwhile, or may not be inspected, does not.
fn has_pid(pid: i32, inner: i32, depth: usize, pidns: &Namespace) -> Result<bool> {
    let Ok(process) = Process::pin(pid) else { return Ok(false) };
    if process.nspid().ok().and_then(|nspid| nspid.get(depth).copied()) != Some(inner) {
        return Ok(false);
    }
    let Ok(innermost) = process.namespace(NsType::Pid) else { return Ok(false) };
    Ok(distance(&innermost, pidns)?.is_some())
}

/// The number of levels from `from` up to `ancestor`, or `None` if that is not an ancestor.
fn distance(from: &Namespace, ancestor: &Namespace) -> Result<Option<usize>> {
    if from.id() == ancestor.id() {
        return Ok(Some(0));
    }
    let mut steps = 1;
    let mut current = from.parent()?;
    while let Some(namespace) = current {
        if namespace.id() == ancestor.id() {
            return Ok(Some(steps));
        }
        steps += 1;
        current = namespace.parent()?;
    }
    Ok(None)
}
