//! The first process of a container, by the process that stays beside it and has started it.

use std::path::Path;

use nicon_core::{Context, Error, NsType, Process, Result, Status};
use nix::libc;

use crate::engine::container::Monitor;

/// A container, and its monitor.
#[derive(Clone, Debug)]
pub(crate) struct Monitored {
    pub(super) name: String,
    /// The engine's namespace in which it is, if it has any.
    pub(super) namespace: Option<String>,
    /// The first process: its PID in the monitor's PID namespace, and its start time.
    pub(super) pid: i32,
    pub(super) starttime: u64,
    pub(super) monitor: Monitor,
}

/// The only child of a monitor that is in a mount namespace of its own, and in what `is_it` wants: the first process of its
/// container, without a name. `None` if there is none.
///
/// # Errors
/// If there are several, or they may not be looked at.
pub(super) fn first_below(monitor: &Process, is_it: impl Fn(&Process) -> Result<bool>) -> Result<Option<Monitored>> {
    let mnt = monitor.namespace_id(NsType::Mnt)?;
    let depth = monitor.nspid()?.len();
    let mut found = None;
    for pid in children_of(monitor)? {
        let look = || {
            let child = Process::pin(pid)?;
            if child.parent()? != monitor.pid() || child.namespace_id(NsType::Mnt)? == mnt || !is_it(&child)? {
                return Ok(None);
            }
            let pid = child.nspid()?.get(depth - 1).copied();
            Ok::<_, Error>(pid.map(|pid| (pid, child)))
        };
        let child = match look() {
            // A helper may have ended.
            Err(error) if error.status() == Status::No => None,
            child => child?,
        };
        let Some((pid, child)) = child else { continue };
        if found.is_some() {
            return Err(Error::failed("several of its children may be the first process of its container"));
        }
        let monitor = Monitor { pid: monitor.pid(), starttime: monitor.starttime()? };
        found = Some(Monitored { name: String::new(), namespace: None, pid, starttime: child.starttime()?, monitor });
    }
    Ok(found)
}

/// What a program is called, by the link to it in /proc.
pub(super) fn name_of_program(link: &Path) -> Option<&str> {
    let name = link.file_name()?.to_str()?;
    // As the kernel shows a program that was replaced since, by an update.
    Some(name.strip_suffix(" (deleted)").unwrap_or(name))
}

/// The children of all threads of a process.
fn children_of(process: &Process) -> Result<Vec<i32>> {
    let children = children_of_threads(process);
    if process.is_alive() { children } else { Err(Error::no(format!("process {} is gone", process.pid()))) }
}

fn children_of_threads(process: &Process) -> Result<Vec<i32>> {
    let context = || format!("list the threads of process {}", process.pid());
    let mut children = Vec::new();
    for thread in std::fs::read_dir(format!("/proc/{}/task", process.pid())).context(context)? {
        let thread = thread.context(context)?.file_name();
        match process.read(&format!("task/{}/children", thread.display())) {
            Ok(pids) => children.extend(pids.split_whitespace().filter_map(|pid| pid.parse::<i32>().ok())),
            // That thread has ended.
            Err(error) if matches!(error.errno(), Some(libc::ENOENT | libc::ESRCH)) => {}
            Err(error) => return Err(error),
        }
    }
    Ok(children)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn children_of_other_threads() {
        let (started, child) = std::sync::mpsc::channel();
        let (end, ended) = std::sync::mpsc::channel::<()>();
        let thread = std::thread::spawn(move || {
            let mut child = std::process::Command::new("sleep").arg("60").spawn().unwrap();
            started.send(i32::try_from(child.id()).unwrap()).unwrap();
            let _ = ended.recv();
            child.kill().and_then(|()| child.wait()).unwrap();
        });
        let child = child.recv().unwrap();
        assert!(children_of(&Process::myself().unwrap()).unwrap().contains(&child));
        drop(end);
        thread.join().unwrap();
    }
}
