//! The programs of the suite together, in pipes that people type.

use libtest_mimic::{Failed, Trial};
use nicon_lab::{Lab, witness};

use crate::support::expect::{parse, refusal};
use crate::support::subject::{answers, ino, link, members, pids};
use crate::support::suite::Suite;

pub(crate) fn trials(suite: &Suite) -> Vec<Trial> {
    vec![
        suite.trial("filters::pipes::resolve_to_nsid", resolve_to_nsid),
        suite.trial("filters::pipes::nsid_to_nsfind", nsid_to_nsfind),
        suite.trial("filters::pipes::the_old_recipe", the_old_recipe),
        suite.trial("filters::pipes::containers_are_called_by_their_paths", containers_by_path),
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
    let mut differing = None;
    for _ in 0..50 {
        let before = living();
        let ran = suite.shell(&format!("nicon-nsid {pid} | nicon-nsfind --all -T pid"), "");
        let (found, is_still) = (pids(&parse(&ran.ok()?)), living() == before);
        let there = before.into_iter().map(|(_, pid)| pid).collect();
        if is_still && found == there {
            assert!(found.len() >= 3, "{found:?}");
            return Ok(());
        }
        differing = Some((found, there));
    }
    Err(format!("the processes in olt_1 never stood still: {differing:?}").into())
}

fn the_old_recipe(suite: &Suite, lab: &Lab) -> Result<(), Failed> {
    let inside = "docker exec setup docker exec olt_1";
    let fake = format!("$({inside} docker inspect --format='{{{{.State.Pid}}}}' lt_1)");
    let ran = suite.shell(&format!("{inside} readlink /proc/{fake}/ns/pid | nicon-nsfind --pid"), "");
    assert_eq!(ran.ok()?, lab.host_pid("setup.olt_1.lt_1")?.to_string());
    Ok(())
}

fn containers_by_path(suite: &Suite, lab: &Lab) -> Result<(), Failed> {
    let told =
        answers(&suite.shell("nicon-resolve setup 'setup.olt_?' setup.olt_1.lt_1 | nicon-nsfind --names - -T net", ""));
    let of_net = |ino| told.iter().find(|told| told["nsino"] == ino).ok_or("a namespace is missing");
    for path in ["setup", "setup.olt_1", "setup.olt_1.lt_1"] {
        let found = of_net(ino(lab.host_pid(path)?, "net"))?;
        assert_eq!(found["container_path"], path, "{found}");
    }
    let ours = of_net(ino(std::process::id(), "net"))?;
    assert!(ours.get("container_path").is_none(), "{ours}");
    let table = "script -qec \"nicon-nsfind -T net --names <(nicon-resolve setup.olt_1)\" /dev/null < /dev/null";
    let table = suite.shell(&format!("SHELL=$(command -v bash) {table}"), "").stdout;
    // A container that has no name is in the one around it.
    for (path, is_named) in [("setup", false), ("setup.olt_1", true), ("setup.olt_1.lt_1", true)] {
        let ino = ino(lab.host_pid(path)?, "net").to_string();
        let row: Vec<&str> =
            table.lines().find(|row| row.starts_with(&ino)).ok_or("no row")?.split_whitespace().collect();
        assert_eq!(row.contains(&"setup.olt_1"), is_named, "{table}");
    }
    refusal(&suite.run(&["nicon-nsfind", "--names", "/proc/self/mounts"]), 2, &["--names /proc/self/mounts: line 1"]);
    refusal(&suite.feed(&["nicon-nsfind", "--names", "-"], "{}\n"), 2, &["--names -: line 1", "nicon-resolve"]);
    refusal(&suite.run(&["nicon-nsfind", "--names", "/nowhere"]), 2, &["--names /nowhere: open: No such file"]);
    Ok(())
}
