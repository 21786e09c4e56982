//! What a run leaves behind that was killed: the cgroup of its machine, whose processes have ended with it.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::atomic::{AtomicU32, Ordering};

use crate::{tool, witness};

/// What the name of a machine's cgroup begins with; the PID of its runner follows and, behind a dash, which of its machines it is.
pub const NAME: &str = "nicon-machine-";

/// What the names of the programs begin with that raise machines: cargo adds a hash to that of tests.
const RUNNERS: [&str; 3] = ["engines-", "fleet-", "nicon-"];

/// The cgroup of another machine of this run.
///
/// # Errors
/// If there is no cgroup v2.
pub fn another() -> Result<PathBuf, String> {
    static MACHINES: AtomicU32 = AtomicU32::new(0);
    let number = MACHINES.fetch_add(1, Ordering::Relaxed);
    Ok(unified()?.join(format!("{NAME}{}-{number}", std::process::id())))
}

/// Removes those that runs have left that are no more. What has processes in it stays.
pub fn sweep() {
    let mounts = witness::cgroup_mounts().into_iter();
    for entry in mounts.filter_map(|mount| fs::read_dir(mount).ok()).flatten().flatten() {
        let name = entry.file_name();
        let runner = name.to_str().and_then(|name| name.strip_prefix(NAME)?.split('-').next()?.parse::<u32>().ok());
        let read = |file: &str| fs::read_to_string(entry.path().join(file));
        let is_empty = || match read("cgroup.events") {
            Ok(events) => events.contains("populated 0\n"),
            Err(_) => read("cgroup.procs").is_ok_and(|processes| processes.is_empty()),
        };
        if runner.is_some_and(|pid| !is_runner(pid)) && is_empty() {
            remove(&entry.path());
        }
    }
}

/// Removes a cgroup and all below it, as far as there are no processes in them.
pub fn remove(cgroup: &Path) {
    let mut remove = tool("find");
    remove.arg(cgroup).args(["-depth", "-type", "d", "-exec", "rmdir", "{}", "+"]).stderr(Stdio::null());
    let _ = remove.status();
}

/// Where cgroup v2 is mounted.
///
/// # Errors
/// If it is not.
pub fn unified() -> Result<PathBuf, String> {
    let unified = witness::cgroup_mounts().into_iter().find(|mount| mount.join("cgroup.controllers").exists());
    unified.ok_or_else(|| "a machine needs cgroup v2".into())
}

/// Whether a process with this PID runs such tests, or may.
fn is_runner(pid: u32) -> bool {
    match fs::read_link(format!("/proc/{pid}/exe")) {
        Ok(program) => program.file_name().is_some_and(|name| {
            let name = name.to_string_lossy();
            RUNNERS.iter().any(|runner| name.starts_with(runner))
        }),
        Err(_) => Path::new(&format!("/proc/{pid}")).exists(),
    }
}
