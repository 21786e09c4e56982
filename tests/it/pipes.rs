//! The programs of the suite together, in pipes that people type.

use libtest_mimic::{Failed, Trial};
use nicon_lab::{Lab, witness};

use crate::expect::parse;
use crate::subject::{ino, link, members, pids};
use crate::suite::Suite;

pub(crate) fn trials(suite: &Suite) -> Vec<Trial> {
    vec![
        suite.trial("pipes::resolve_to_nsid", resolve_to_nsid),
        suite.trial("pipes::nsid_to_nsfind", nsid_to_nsfind),
        suite.trial("pipes::the_old_recipe", the_old_recipe),
    ]
}

fn resolve_to_nsid(suite: &Suite, lab: &Lab) -> Result<(), Failed> {
    for path in ["setup", "setup.olt_1.lt_1"] {
        let said = suite.shell(&format!("nicon-resolve {path} | nicon-nsid --id net"), "").ok()?;
        assert_eq!(said, ino(lab.host_pid(path)?, "net").to_string());
    }
    Ok(())
}

fn nsid_to_nsfind(suite: &Suite, lab: &Lab) -> Result<(), Failed> {
    let pid = lab.host_pid("setup.olt_1")?;
    let name = link("pid", ino(pid, "pid"));
    // The daemon in there starts and ends processes of its own: until a moment at which it does not.
    let lives = |(_, pid): &(u64, u32)| witness::stat(*pid).is_some_and(|stat| stat.state != 'Z');
    let living = || members(&name).into_iter().filter(lives).collect::<Vec<_>>();
    for _ in 0..50 {
        let before = living();
        let ran = suite.shell(&format!("nicon-nsid {pid} | nicon-nsfind --all -T pid"), "");
        if living() == before {
            assert!(before.len() >= 3, "{before:?}");
            assert_eq!(pids(&parse(&ran.ok()?)), before.into_iter().map(|(_, pid)| pid).collect());
            return Ok(());
        }
    }
    Err("the processes in olt_1 never stood still".into())
}

fn the_old_recipe(suite: &Suite, lab: &Lab) -> Result<(), Failed> {
    let inside = "docker exec setup docker exec olt_1";
    let fake = format!("$({inside} docker inspect --format='{{{{.State.Pid}}}}' lt_1)");
    let ran = suite.shell(&format!("{inside} readlink /proc/{fake}/ns/pid | nicon-nsfind --pid"), "");
    assert_eq!(ran.ok()?, lab.host_pid("setup.olt_1.lt_1")?.to_string());
    Ok(())
}
