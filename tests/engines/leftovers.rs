//! What a run leaves behind that was killed: the cgroup of its machine, whose processes have ended with it.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use libtest_mimic::{Failed, Trial};
use nicon_lab::{tool, witness};

use crate::Suite;
use crate::machine::Machine;

/// What the name of a machine's cgroup begins with; the PID of its runner follows.
const NAME: &str = "nicon-machine-";

/// What the name of a runner's program begins with: cargo adds a hash.
const RUNNER: &str = "engines-";

pub(crate) fn trials(suite: &Suite) -> Vec<Trial> {
    vec![suite.trial("leftovers::of_killed_runs", of_killed_runs)]
}

/// The cgroup of this run's machine.
///
/// # Errors
/// If there is no cgroup v2.
pub(crate) fn own() -> Result<PathBuf, String> {
    Ok(unified()?.join(format!("{NAME}{}", std::process::id())))
}

/// Removes those that runs have left that are no more. What has processes in it stays.
///
/// # Errors
/// If there is no cgroup v2.
pub(crate) fn sweep() -> Result<(), String> {
    let entries = fs::read_dir(unified()?).map_err(|error| format!("list cgroups: {error}"))?;
    for entry in entries.flatten() {
        let name = entry.file_name();
        let runner = name.to_str().and_then(|name| name.strip_prefix(NAME)?.parse::<u32>().ok());
        let is_empty =
            || fs::read_to_string(entry.path().join("cgroup.events")).is_ok_and(|text| text.contains("populated 0\n"));
        if runner.is_some_and(|pid| !is_runner(pid)) && is_empty() {
            remove(&entry.path());
        }
    }
    Ok(())
}

/// Removes a cgroup and all below it, as far as there are no processes in them.
pub(crate) fn remove(cgroup: &Path) {
    let mut remove = tool("find");
    remove.arg(cgroup).args(["-depth", "-type", "d", "-exec", "rmdir", "{}", "+"]).stderr(Stdio::null());
    let _ = remove.status();
}

fn unified() -> Result<PathBuf, String> {
    let unified = witness::cgroup_mounts().into_iter().find(|mount| mount.join("cgroup.controllers").exists());
    unified.ok_or_else(|| "a machine needs cgroup v2".into())
}

/// Whether a process with this PID runs such tests, or may.
fn is_runner(pid: u32) -> bool {
    match fs::read_link(format!("/proc/{pid}/exe")) {
        Ok(program) => program.file_name().is_some_and(|name| name.to_string_lossy().starts_with(RUNNER)),
        Err(_) => Path::new(&format!("/proc/{pid}")).exists(),
    }
}

/// Only those of runs that have ended, with no process in them, and no others.
fn of_killed_runs(_: &Machine) -> Result<(), Failed> {
    let unified = unified()?;
    let ended = |number: u32| -> Result<(u32, PathBuf), Failed> {
        let mut child = Command::new("true").spawn()?;
        child.wait()?;
        let cgroup = unified.join(format!("{NAME}{}", child.id()));
        fs::create_dir_all(cgroup.join(format!("system.slice/{number}.service")))?;
        Ok((child.id(), cgroup))
    };
    let (left, inhabited, foreign) = (ended(1)?.1, ended(2)?.1, unified.join(format!("{NAME}x")));
    fs::create_dir_all(&foreign)?;
    let mut sleep = tool("setpriv").args(["--pdeathsig=KILL", "sleep", "600"]).spawn()?;
    let moved = fs::write(inhabited.join("system.slice/2.service/cgroup.procs"), sleep.id().to_string());
    let swept = sweep();
    let there = [&left, &inhabited, &foreign, &own()?].map(|cgroup| cgroup.exists());
    sleep.kill()?;
    sleep.wait()?;
    let swept_again = sweep();
    let is_there_still = inhabited.exists();
    remove(&foreign);
    moved?;
    swept?;
    swept_again?;
    assert_eq!(there, [false, true, true, true]);
    assert!(!is_there_still && !foreign.exists());
    Ok(())
}
