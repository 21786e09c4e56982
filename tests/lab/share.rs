//! A machine's share of the processors. Machines on one computer take them from each other, which separate ones do not: with a
//! share, one is as fast beside others as alone.

use std::fs;
use std::path::{Path, PathBuf};

use crate::witness;

/// How long what has used its share waits at most, in microseconds.
const PERIOD: u32 = 10_000;

/// Lets a machine have so many hundredths of a processor, and no more, by its cgroup and its first process; see sched-bwc.rst and
/// cgroup-v2.rst of Linux.
///
/// # Errors
/// If no cgroup can hold it back.
pub(crate) fn hold_back(first: u32, cgroup: &Path, hundredths: u32) -> Result<(), String> {
    let quota = PERIOD / 100 * hundredths;
    let Some(share) = of_version_1(cgroup) else {
        return write(cgroup, "cpu.max", &format!("{quota} {PERIOD}"));
    };
    fs::create_dir_all(&share).map_err(|error| format!("make {}: {error}", share.display()))?;
    write(&share, "cpu.cfs_period_us", &PERIOD.to_string())?;
    write(&share, "cpu.cfs_quota_us", &quota.to_string())?;
    // What is started meanwhile is found by another look.
    let mut moved = Vec::new();
    loop {
        let family = witness::family(first);
        let Some(process) = family.into_iter().find(|process| !moved.contains(process)) else { return Ok(()) };
        // It may have ended.
        let _ = write(&share, "cgroup.procs", &process.0.to_string());
        moved.push(process);
    }
}

/// Where a machine's processes are held back if cgroups of version 1 do that: beside the cgroup that it sees.
pub(crate) fn of_version_1(cgroup: &Path) -> Option<PathBuf> {
    let mut mounts = witness::cgroup_mounts().into_iter();
    mounts
        .find(|mount| mount.join("cpu.cfs_quota_us").exists())
        .map(|mount| mount.join(cgroup.file_name().unwrap_or_default()))
}

fn write(cgroup: &Path, file: &str, value: &str) -> Result<(), String> {
    let path = cgroup.join(file);
    fs::write(&path, value).map_err(|error| format!("write {}: {error}", path.display()))
}
