//! nicon-resolve --watch costs nothing while nothing happens, and ends with its reader.

use std::process::Stdio;
use std::time::{Duration, Instant};

use libtest_mimic::{Failed, Trial};
use nicon_lab::{LIMIT, Lab, patience, witness};
use nix::sys::signal::Signal;

use crate::support::suite::Suite;
use crate::support::watching::Watching;

pub(crate) fn trials(suite: &Suite) -> Vec<Trial> {
    vec![
        suite.trial("resolve::watch_ends::idle_it_costs_nothing", idle_it_costs_nothing),
        suite.trial("resolve::watch_ends::a_reader_that_leaves", a_reader_that_leaves),
        suite.trial("resolve::watch_ends::by_a_signal", by_a_signal),
        suite.trial("resolve::watch_ends::its_input_may_end", its_input_may_end),
    ]
}

/// What a process has cost: its time on the processors, and how often each of its threads has waited for something.
fn cost(pid: u32) -> Result<Vec<String>, Failed> {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat"))?;
    let fields = stat.rsplit_once(')').ok_or("no stat")?.1.split_whitespace().skip(11).take(2);
    let mut cost: Vec<String> = fields.map(str::to_owned).collect();
    for thread in std::fs::read_dir(format!("/proc/{pid}/task"))?.flatten() {
        let status = std::fs::read_to_string(thread.path().join("status"))?;
        cost.extend(status.lines().filter(|line| line.contains("ctxt_switches")).map(str::to_owned));
    }
    Ok(cost)
}

/// Not even a glance at the clock, for three seconds, once each of many sites has been looked at. Its engine is one of which no other
/// test makes use.
fn idle_it_costs_nothing(suite: &Suite, lab: &Lab) -> Result<(), Failed> {
    const QUIET: Duration = Duration::from_secs(3);
    const LEAVES: usize = 36;
    lab.run_daemon_container("", "idle", &[])?;
    lab.run_daemon_container("idle", "inner", &[])?;
    for leaf in 0..LEAVES {
        lab.run_container("idle.inner", &format!("leaf{leaf}"), &[])?;
    }
    let mut command = suite.command("nicon-resolve")?;
    command.env("DOCKER_HOST", format!("unix:///proc/{}/root/run/docker.sock", lab.host_pid("idle")?));
    let mut watching = Watching::of(command.args(["--watch", "**", "inner.not-there"]))?;
    for leaf in 0..LEAVES {
        watching.expect(&format!("inner.leaf{leaf}"), "present");
    }
    for (path, what) in [("inner", "present"), ("inner.not-there", "gone")] {
        watching.expect(path, what);
    }
    let processes = watching.processes();
    assert_eq!(processes.len(), 2, "{processes:?}");
    let all = || processes.iter().map(|(pid, _)| cost(*pid)).collect::<Result<Vec<_>, _>>();
    let give_up = Instant::now() + LIMIT * 4 * patience();
    loop {
        let before = all()?;
        std::thread::sleep(QUIET);
        let after = all()?;
        if before == after {
            break;
        }
        // A machine under load takes its time to come to rest.
        assert!(Instant::now() < give_up, "{before:?} became {after:?}; {}", watching.said());
    }
    // It is awake as ever.
    lab.run_container("idle.inner", "late", &[])?;
    watching.expect("inner.late", "arrived");
    Ok(lab.remove("", "idle")?)
}

/// Nothing happens that could be written to nobody.
fn a_reader_that_leaves(suite: &Suite, _: &Lab) -> Result<(), Failed> {
    let ran = suite.shell("nicon-resolve --watch setup.olt_1.lt_1 | head -n 1", "");
    assert!(ran.stdout.contains("\"present\""), "{ran:?}");
    assert_eq!((ran.code(), &ran.stderr[..]), (Some(0), ""), "{ran:?}");
    let mut command = suite.command("nicon-resolve")?;
    let mut child = command.args(["--watch", "nobody-at-all"]).stdout(Stdio::piped()).spawn()?;
    let family = family_of(child.id())?;
    drop(child.stdout.take());
    let give_up = Instant::now() + LIMIT * patience();
    while child.try_wait()?.is_none() {
        if Instant::now() > give_up {
            child.kill()?;
            child.wait()?;
            return Err("it does not end".into());
        }
        std::thread::sleep(Duration::from_millis(5));
    }
    until_gone(&family);
    Ok(())
}

/// A process and its child, which is to be there soon.
fn family_of(pid: u32) -> Result<Vec<(u32, u64)>, Failed> {
    let give_up = Instant::now() + LIMIT * patience();
    while Instant::now() < give_up {
        let family = witness::family(pid);
        if family.len() > 1 {
            return Ok(family);
        }
        std::thread::sleep(Duration::from_millis(2));
    }
    Err("it has no child".into())
}

#[track_caller]
fn until_gone(family: &[(u32, u64)]) {
    let give_up = Instant::now() + LIMIT * patience();
    let lives = |(pid, start): &(u32, u64)| {
        witness::stat(*pid).is_some_and(|stat| stat.start_time == *start && stat.state != 'Z')
    };
    while family.iter().any(lives) {
        assert!(Instant::now() < give_up, "one of {family:?} is left");
        std::thread::sleep(Duration::from_millis(5));
    }
}

fn by_a_signal(suite: &Suite, _: &Lab) -> Result<(), Failed> {
    for signal in [Signal::SIGTERM, Signal::SIGINT, Signal::SIGKILL] {
        let mut watching = Watching::paths(suite, &["setup.olt_1.lt_1"])?;
        watching.expect("setup.olt_1.lt_1", "present");
        let family = watching.processes();
        assert_eq!(family.len(), 2, "{family:?}");
        watching.signal(signal);
        assert!(!watching.end()?.0.success(), "{signal}");
        until_gone(&family);
    }
    Ok(())
}

/// Without a plan, the end of the input says only that nothing more will be asked for.
fn its_input_may_end(suite: &Suite, lab: &Lab) -> Result<(), Failed> {
    let mut watching = Watching::records(suite, &[])?;
    watching.feed("setup.its-input\n")?;
    watching.end_input();
    watching.expect("setup.its-input", "gone");
    lab.run_container("setup", "its-input", &[])?;
    watching.expect("setup.its-input", "arrived");
    lab.remove("setup", "its-input")?;
    watching.expect("setup.its-input", "gone");
    // Whoever asks for nothing is not kept waiting.
    let mut nothing = Watching::records(suite, &[])?;
    nothing.end_input();
    assert_eq!(nothing.end()?.0.code(), Some(0));
    Ok(())
}
