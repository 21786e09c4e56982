//! nicon-resolve --wait waits for containers that are not there yet.

use std::time::{Duration, Instant};

use libtest_mimic::{Failed, Trial};
use nicon_lab::{LIMIT, Lab, Ran, output_of_input};
use serde_json::Value;

use crate::support::expect::{is_process, parse, record, records, refusal};
use crate::support::suite::Suite;

pub(crate) fn trials(suite: &Suite) -> Vec<Trial> {
    vec![
        suite.trial("resolve::wait::who_is_there_is_told_at_once", who_is_there),
        suite.trial("resolve::wait::who_comes_is_told_then", who_comes),
        suite.trial("resolve::wait::who_does_not_come_is_told_in_time", who_does_not_come),
        suite.trial("resolve::wait::records_go_on_together", records_go_on_together),
        suite.trial("resolve::wait::not_for_patterns", not_for_patterns),
    ]
}

fn who_is_there(suite: &Suite, lab: &Lab) -> Result<(), Failed> {
    let begun = Instant::now();
    let ran = suite.run(&["nicon-resolve", "--wait=600", "setup.olt_1.lt_1"]);
    let found = record(&ran);
    is_process(&found, lab.host_pid("setup.olt_1.lt_1")?);
    assert_eq!(found.get("event"), None, "{found}");
    assert!(begun.elapsed() < LIMIT);
    let ran = suite.run(&["nicon-resolve", "--wait=600", "--pid", "setup", "setup.olt_1"]);
    assert_eq!(ran.ok()?, format!("{}\n{}", lab.host_pid("setup")?, lab.host_pid("setup.olt_1")?));
    Ok(())
}

/// Runs it meanwhile.
fn meanwhile(
    suite: &Suite,
    words: &[&str],
    input: &str,
    deeds: impl FnOnce() -> Result<(), Failed>,
) -> Result<Ran, Failed> {
    let mut command = suite.command("nicon-resolve")?;
    command.args(words);
    std::thread::scope(|scope| {
        let running = scope.spawn(move || output_of_input(&mut command, input, LIMIT * 2));
        // Not what is awaited: some time in which it would have to fail.
        std::thread::sleep(Duration::from_millis(300));
        assert!(!running.is_finished(), "{:?}", running.join());
        deeds()?;
        Ok(running.join().unwrap()?)
    })
}

fn who_comes(suite: &Suite, lab: &Lab) -> Result<(), Failed> {
    let words = ["--wait=600", "setup.comes", "setup.comes-too.inner"];
    let ran = meanwhile(suite, &words, "", || {
        lab.run_daemon_container("setup", "comes-too", &[])?;
        lab.run_container("setup", "comes", &[])?;
        lab.run_container("setup.comes-too", "inner", &[])?;
        Ok(())
    })?;
    let found = records(&ran);
    assert_eq!(found.len(), words.len() - 1, "{ran:?}");
    for (record, path) in found.iter().zip(&words[1..]) {
        assert_eq!(record["target"], *path);
        is_process(record, lab.host_pid(path)?);
    }
    assert_eq!((found.len(), &ran.stderr[..]), (2, ""), "{ran:?}");
    lab.docker("setup", &["stop", "comes"])?.ok()?;
    let ran = meanwhile(suite, &["--wait=600", "--pid", "setup.comes"], "", || {
        Ok(lab.docker("setup", &["start", "comes"])?.ok().map(drop)?)
    })?;
    assert_eq!(ran.ok()?, lab.host_pid("setup.comes")?.to_string());
    lab.remove("setup", "comes-too")?;
    Ok(lab.remove("setup", "comes")?)
}

/// One that is there does not end the wait for the others, and is told all the same.
fn who_does_not_come(suite: &Suite, lab: &Lab) -> Result<(), Failed> {
    let begun = Instant::now();
    refusal(&suite.run(&["nicon-resolve", "--wait=1", "setup.never"]), 1, &["no container \"never\""]);
    let waited = begun.elapsed();
    assert!(waited >= Duration::from_secs(1), "{waited:?}");
    lab.docker("setup", &["create", "--name=stays-stopped", "nicon-lab", "true"])?.ok()?;
    refusal(&suite.run(&["nicon-resolve", "--wait=0.3", "setup.stays-stopped"]), 1, &["is not running"]);
    lab.remove("setup", "stays-stopped")?;
    let ran = suite.run(&["nicon-resolve", "--wait=0.5", "setup", "setup.never.ever", "setup.olt_1"]);
    assert_eq!(ran.code(), Some(1), "{ran:?}");
    assert_eq!((parse(&ran.stdout).len(), ran.stderr.lines().count()), (2, 1), "{ran:?}");
    // What can never be is not waited for.
    let begun = Instant::now();
    assert_eq!(suite.run(&["nicon-resolve", "--wait=600", "a..b"]).code(), Some(2));
    assert!(begun.elapsed() < LIMIT);
    Ok(())
}

/// A plan is passed on when all of it is there, or nothing of it.
fn records_go_on_together(suite: &Suite, lab: &Lab) -> Result<(), Failed> {
    let line = |target: &str, number: usize| {
        format!("{{\"target\":\"{target}\",\"plan\":\"waits\",\"plan_size\":2,\"plan_item\":{number}}}\n")
    };
    let plan = line("setup.olt_1.lt_1", 1) + &line("setup.waited-for", 2);
    let ran = meanwhile(suite, &["--wait=600"], &plan, || {
        lab.run_container("setup", "waited-for", &[])?;
        Ok(())
    })?;
    let found: Vec<Value> = records(&ran);
    assert_eq!(found.len(), 2, "{ran:?}");
    for (record, path) in found.iter().zip(["setup.olt_1.lt_1", "setup.waited-for"]) {
        is_process(record, lab.host_pid(path)?);
    }
    lab.remove("setup", "waited-for")?;
    let ran = suite.feed(&["nicon-resolve", "--wait=0.5"], &plan);
    assert_eq!((ran.code(), &ran.stdout[..]), (Some(1), ""), "{ran:?}");
    // Where a link comes from is waited for, too.
    let from = "{\"target\":\"setup\",\"from\":{\"target\":\"setup.waited-for\"}}\n";
    let ran = meanwhile(suite, &["--wait=600"], from, || {
        lab.run_container("setup", "waited-for", &[])?;
        Ok(())
    })?;
    is_process(&record(&ran)["from"], lab.host_pid("setup.waited-for")?);
    Ok(lab.remove("setup", "waited-for")?)
}

fn not_for_patterns(suite: &Suite, _: &Lab) -> Result<(), Failed> {
    refusal(&suite.run(&["nicon-resolve", "--wait=600", "setup.*"]), 2, &["--wait", "by their paths"]);
    let ran = suite.run(&["nicon-resolve", "--wait=1", "--watch", "setup"]);
    assert_eq!(ran.code(), Some(2), "{ran:?}");
    for wrong in ["--wait=-1", "--wait=x", "--wait=inf"] {
        assert_eq!(suite.run(&["nicon-resolve", wrong, "setup"]).code(), Some(2), "{wrong}");
    }
    // So far away is no point in time.
    record(&suite.run(&["nicon-resolve", "--wait=1e19", "setup"]));
    Ok(())
}
