//! Translating PIDs from one PID namespace to our own.

use std::ops::ControlFlow;

use nix::errno::Errno;

use crate::walk::walk;
use crate::{Error, Namespace, NsType, Process, Result, proc, sys};

/// How a PID is translated.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Method {
    /// The kernel's own answer, or the scan where the kernel is too old.
    Auto,
    /// The kernel's own answer: `NS_GET_TGID_FROM_PIDNS`, Linux 6.11. One call, about half a microsecond.
    Ioctl,
    /// A walk over the `NSpid` lines of /proc, for older kernels: some 50 microseconds a process.
    Scan,
}

/// Pins the process that is called `inner` in `pidns`.
///
/// The translation is asked again once the process is pinned: the same answer about a process that lives means that the
/// PID was not given to another in between.
///
/// # Errors
/// [`Status::No`](crate::Status::No) where there is no such process; [`Status::Failed`](crate::Status::Failed) where
/// the kernel cannot tell, or, when scanning, `pidns` is not our own PID namespace or one below it.
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

/// Walks /proc for the one process that has `inner` at the right depth of its `NSpid` line, below the right namespace:
/// cousins at the same depth have the same numbers.
fn scan(pidns: &Namespace, inner: i32) -> Result<Option<i32>> {
    let own = Namespace::open("/proc/self/ns/pid".as_ref())?;
    let outside = || Error::failed(format!("PID namespace {} is outside our own", pidns.id().ino));
    let depth = distance(pidns, &own)?.ok_or_else(outside)?;
    let mut found = None;
    walk(|seen| {
        if is_called(seen.pid(), inner, depth, pidns)? {
            found = Some(seen.pid());
            return Ok(ControlFlow::Break(()));
        }
        Ok(ControlFlow::Continue(()))
    })?;
    Ok(found)
}

/// Whether the process `pid` is called `inner` in `pidns`, which is `depth` below our own. Processes come and go while we
/// walk; one that cannot be looked at any more is not the one.
fn is_called(pid: i32, inner: i32, depth: usize, pidns: &Namespace) -> Result<bool> {
    let Ok(process) = Process::pin(pid) else { return Ok(false) };
    if process.nspid().ok().and_then(|nspid| nspid.get(depth).copied()) != Some(inner) {
        return Ok(false);
    }
    let Ok(innermost) = process.namespace(NsType::Pid) else { return Ok(false) };
    Ok(distance(&innermost, pidns)?.is_some())
}

/// How many steps up from `from` lead to `ancestor`, or `None` where none does.
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
