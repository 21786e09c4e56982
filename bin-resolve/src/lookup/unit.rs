//! The process with which a unit of the machine's systemd stands: its main process, or else the oldest one in its cgroup.
//!
//! The cgroups of the system's units are in slices, which nobody but root can write. What is below a unit's own cgroup may have been
//! delegated to somebody, who can make cgroups of any name there: it is not looked at for a unit.

use std::path::{Path, PathBuf};

use nicon_core::cgroup::{cgroup_mounts, directory, parse};
use nicon_core::{Context, Error, Process, Result};

use crate::engine::systemd::main_pid;
use crate::proof::cgroup::is_in_unit;
use crate::rootfs::blocking;

/// What the names of units with processes end in; others are services.
const TYPES: [&str; 6] = [".service", ".scope", ".slice", ".socket", ".mount", ".swap"];

const SLICE: &str = ".slice";

/// How deep slices, and the cgroups below a unit, are looked at.
const DEEPEST: usize = 16;

/// The process of a unit; without the end of its name, it is a service.
///
/// # Errors
/// [`Status::No`](nicon_core::Status::No) if there is no such unit, or it has no process;
/// [`Status::Failed`](nicon_core::Status::Failed) if that is unknown.
pub(crate) async fn find_unit(name: &str) -> Result<Process> {
    let unit = if TYPES.iter().any(|end| name.ends_with(end)) { name.to_owned() } else { format!("{name}.service") };
    blocking::ask(move || find(&unit)).await
}

fn find(unit: &str) -> Result<Process> {
    let root = units()?;
    let cgroup = below(&root, unit, DEEPEST)
        .ok_or_else(|| Error::no(format!("no unit \"{unit}\" of this machine has a process")))?;
    // A bus may be another machine's, or not there.
    let main = main_pid(unit).ok().flatten().and_then(|pid| Process::pin(pid).ok());
    let systemds = Process::pin(1)?.read("cgroup")?;
    let is_its = |process: &Process| process.read("cgroup").is_ok_and(|cgroups| is_in_unit(&cgroups, &systemds, unit));
    if let Some(main) = main.filter(is_its) {
        return Ok(main);
    }
    let mut oldest: Option<(u64, Process)> = None;
    each_below(&cgroup, DEEPEST, &mut |pid| {
        let Ok(process) = Process::pin(pid) else { return };
        let Ok(starttime) = process.starttime() else { return };
        if oldest.as_ref().is_none_or(|(first, _)| starttime < *first) && is_its(&process) {
            oldest = Some((starttime, process));
        }
    });
    oldest.map(|(_, process)| process).ok_or_else(|| Error::no(format!("unit \"{unit}\" has no process")))
}

/// The directory of the cgroups of all units: that above the cgroup of systemd itself.
fn units() -> Result<PathBuf> {
    let list = std::fs::read("/proc/self/mountinfo").context(|| "read /proc/self/mountinfo")?;
    let mounts = cgroup_mounts(&list);
    let cgroups = Process::pin(1)?.read("cgroup")?;
    let mut of_systemd = cgroups.lines().filter_map(parse).filter_map(|(controllers, path)| {
        let above = path.strip_suffix("/init.scope")?;
        directory(&mounts, controllers, if above.is_empty() { "/" } else { above })
    });
    of_systemd.next_back().ok_or_else(|| {
        Error::failed("this machine has no units: its first process is not systemd, or its cgroups are not mounted")
    })
}

/// The cgroup of a unit, in slices below this one.
fn below(slice: &Path, unit: &str, levels: usize) -> Option<PathBuf> {
    let own = slice.join(unit);
    if own.is_dir() {
        return Some(own);
    }
    let entries = std::fs::read_dir(slice).ok()?.flatten().filter(|_| levels > 0);
    let slices = entries.filter(|entry| entry.file_name().to_str().is_some_and(|name| name.ends_with(SLICE)));
    slices.into_iter().find_map(|entry| below(&entry.path(), unit, levels - 1))
}

/// The processes in a cgroup and those below.
fn each_below(cgroup: &Path, levels: usize, give: &mut impl FnMut(i32)) {
    let processes = std::fs::read_to_string(cgroup.join("cgroup.procs")).unwrap_or_default();
    processes.lines().filter_map(|pid| pid.parse().ok()).for_each(&mut *give);
    let entries = std::fs::read_dir(cgroup).into_iter().flatten().flatten().filter(|_| levels > 0);
    for entry in entries.filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_dir())) {
        each_below(&entry.path(), levels - 1, give);
    }
}
