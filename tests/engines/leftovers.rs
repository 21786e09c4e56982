//! What runs leave behind that were killed is removed by the next.

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use libtest_mimic::{Failed, Trial};
use nicon_lab::leftovers::{NAME, another, remove, sweep, unified};
use nicon_lab::machine::Machine;
use nicon_lab::{tool, witness};

use crate::suite::Suite;

pub(crate) fn trials(suite: &Suite) -> Vec<Trial> {
    vec![suite.trial("leftovers::of_killed_runs", of_killed_runs)]
}

/// Only those of runs that have ended, with no process in them, and no others.
fn of_killed_runs(_: &Machine) -> Result<(), Failed> {
    let unified = unified()?;
    let ended = |number: u32| -> Result<(u32, PathBuf), Failed> {
        let mut child = Command::new("true").spawn()?;
        child.wait()?;
        let cgroup = unified.join(format!("{NAME}{}-0", child.id()));
        fs::create_dir_all(cgroup.join(format!("system.slice/{number}.service")))?;
        Ok((child.id(), cgroup))
    };
    let (left, inhabited, foreign) = (ended(1)?.1, ended(2)?.1, unified.join(format!("{NAME}x")));
    fs::create_dir_all(&foreign)?;
    let mut sleep = tool("setpriv").args(["--pdeathsig=KILL", "sleep", "600"]).spawn()?;
    let moved = fs::write(inhabited.join("system.slice/2.service/cgroup.procs"), sleep.id().to_string());
    // Shares of the processors are in a hierarchy of version 1, if there is one.
    let others = witness::cgroup_mounts().into_iter().filter(|mount| *mount != unified);
    let shares: Vec<_> = others.filter_map(|mount| Some(mount.join(left.file_name()?))).collect();
    shares.iter().try_for_each(fs::create_dir_all)?;
    sweep();
    // The machine that we are in is the first of this run.
    let ours = another()?.with_file_name(format!("{NAME}{}-0", std::process::id()));
    let there = [&left, &inhabited, &foreign, &ours].map(|cgroup| cgroup.exists());
    sleep.kill()?;
    sleep.wait()?;
    sweep();
    let is_there_still = inhabited.exists();
    remove(&foreign);
    moved?;
    assert_eq!(there, [false, true, true, true]);
    assert!(!is_there_still && !foreign.exists());
    assert!(!shares.iter().any(|share| share.exists()), "{shares:?}");
    Ok(())
}
