//! nicon-nsexec and those whom it would leave behind: nobody, whoever is killed, and whenever.

use std::collections::HashSet;
use std::fs;
use std::process::Stdio;
use std::time::{Duration, Instant};

use libtest_mimic::{Failed, Trial};
use nicon_lab::{Lab, tool, wait_for, witness};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::nsexec::as_nsenter::{CONTAINER, Cell};
use crate::nsexec::fallbacks::living;
use crate::nsexec::signals::{PLAIN, line, plain_cell, send, start, state};
use crate::support::suite::Suite;

pub(crate) fn trials(suite: &Suite) -> Vec<Trial> {
    vec![
        suite.trial("nsexec::left_behind::leaves_no_orphan", leaves_no_orphan),
        suite.trial(
            "nsexec::left_behind::leaves_no_orphan_of_a_stopped_session_leader",
            leaves_no_orphan_of_a_stopped_session_leader,
        ),
        suite.trial("nsexec::left_behind::a_thousand_runs_with_signals_at_random_moments", a_thousand_runs),
        suite.trial("nsexec::left_behind::kills_of_our_own_at_random_moments", kills_at_random),
    ]
}

fn leaves_no_orphan(suite: &Suite, lab: &Lab) -> Result<(), Failed> {
    let target = format!("-t{}", lab.host_pid(CONTAINER)?);
    let (_cell, plain) = plain_cell()?;
    // Changing the user makes the kernel forget that a process is to die with its parent.
    let scripts = [
        "echo ready; exec sleep 6000",
        "echo ready; exec setpriv --reuid=1000 --clear-groups sleep 6000",
        "trap '' TERM INT HUP; sleep 6000 & echo ready; wait",
    ];
    for (script, is_stopped) in scripts.iter().flat_map(|script| [(script, false), (script, true)]) {
        for (target, options) in [
            (&target, &["--all"][..]),
            (&target, &["--all", "--privileged"]),
            (&target, &["-p", "--privileged"]),
            (&plain, PLAIN),
        ] {
            let (mut child, mut output) = start(suite, &[&[target.as_str()], options, &["sh", "-c", script]].concat())?;
            assert_eq!(line(&mut output), "ready");
            let family = witness::family(child.0.id());
            assert!(family.len() >= 3, "{family:?}");
            let _end = End(family.clone());
            if is_stopped {
                send(&child.0, Signal::SIGTSTP);
                wait_for("stop", || state(child.0.id()) == 'T');
            }
            child.0.kill()?;
            child.0.wait()?;
            wait_for("end of all", || family.iter().all(is_gone));
        }
    }
    Ok(())
}

/// The supervisor is killed at a moment when its session leader, stopped since before the exec, has not yet noticed the exec.
fn leaves_no_orphan_of_a_stopped_session_leader(suite: &Suite, _: &Lab) -> Result<(), Failed> {
    let (_cell, plain) = plain_cell()?;
    // Changing the user makes the kernel forget that the command is to die with its session leader.
    let command = ["/usr/bin/setpriv", "--reuid=1000", "--clear-groups", "/bin/sleep", "6000"];
    let mut strace = tool("strace");
    strace.args(["-f", "-qq", "-o", "/dev/null", "-P", command[0], "-e", "trace=execve"]);
    strace.args(["-e", "inject=execve:delay_enter=5000000"]).arg(suite.bins()?.join("nicon-nsexec"));
    strace.arg(&plain).args(PLAIN).args(command).stdin(Stdio::null());
    let strace = Cell(strace.spawn()?);
    let mut family = Vec::new();
    // The last of four may still be the one that joins; and before it executes, the command waits for a word of the session leader's.
    wait_for("session leader and command", || {
        family = living(strace.0.id());
        family.len() == 4 && is_executing(family[3].0)
    });
    let [supervisor, leader, command] = [1, 2, 3].map(|index| family[index].0);
    let signal = |pid: u32, signal| kill(Pid::from_raw(pid.cast_signed()), signal);
    assert_ne!(name(command), "setpriv", "the session leader is too late to be stopped before the exec");
    let _end = End(family.clone());
    signal(leader, Signal::SIGSTOP)?;
    wait_for("the new user's command", || name(command) == "sleep" && "tT".contains(state(leader)));
    signal(supervisor, Signal::SIGKILL)?;
    wait_for("end of the supervisor", || is_gone(&family[1]));
    // A session leader that is gone already cannot be woken, and has left the command alone.
    let _ = signal(leader, Signal::SIGCONT);
    wait_for("end of all", || family.iter().all(is_gone));
    Ok(())
}

/// Ends what is left of these processes, also where a test fails: nobody wakes one that is stopped.
struct End(Vec<(u32, u64)>);

impl Drop for End {
    fn drop(&mut self) {
        for (pid, _) in self.0.iter().filter(|process| !is_gone(process)) {
            let _ = kill(Pid::from_raw(pid.cast_signed()), Signal::SIGKILL);
        }
    }
}

/// Whether a process that strace holds is held at execve(2).
fn is_executing(pid: u32) -> bool {
    let call = std::fs::read_to_string(format!("/proc/{pid}/syscall")).unwrap_or_default();
    call.split(' ').next().is_some_and(|number| number.parse() == Ok(nix::libc::SYS_execve))
}

fn name(pid: u32) -> String {
    std::fs::read_to_string(format!("/proc/{pid}/comm")).unwrap_or_default().trim().to_owned()
}

/// A PID may have been reused: the start time shows it.
fn is_gone((pid, start): &(u32, u64)) -> bool {
    witness::stat(*pid).is_none_or(|stat| stat.state == 'Z' || stat.start_time != *start)
}

/// A generator of numbers that are as good as random; the seed is told where a test fails.
fn next(seed: &mut u64) -> u64 {
    *seed ^= *seed << 13;
    *seed ^= *seed >> 7;
    *seed ^= *seed << 17;
    *seed
}

/// Ends what is left of all that have a word in their command lines, also where a test fails: they sleep for longer than any test waits.
struct EndOf<'a>(&'a str);

impl Drop for EndOf<'_> {
    fn drop(&mut self) {
        for pid in having(self.0) {
            let _ = kill(Pid::from_raw(pid.cast_signed()), Signal::SIGKILL);
        }
    }
}

/// How long it takes to start a command, which is much where the processor is emulated or has much else to do.
fn time_to_start(suite: &Suite, way: &[&str]) -> Result<Duration, Failed> {
    let began = Instant::now();
    suite.run(&[&["nicon-nsexec"], way, &["true"]].concat()).ok()?;
    Ok(began.elapsed().max(Duration::from_millis(12)))
}

fn a_thousand_runs(suite: &Suite, lab: &Lab) -> Result<(), Failed> {
    let target = format!("-t{}", lab.host_pid(CONTAINER)?);
    let (_cell, plain) = plain_cell()?;
    let seconds = format!("6000.4142{}", std::process::id());
    let _end = EndOf(&seconds);
    let ways = [[&[target.as_str()], &["--all"][..]].concat(), [&[plain.as_str()], PLAIN].concat()];
    let start = time_to_start(suite, &ways[0])?;
    let mut seed = u64::from(std::process::id()) << 20 | 1;
    let first_seed = seed;
    let signals = [
        Signal::SIGTERM,
        Signal::SIGKILL,
        Signal::SIGINT,
        Signal::SIGHUP,
        Signal::SIGUSR1,
        Signal::SIGTSTP,
        Signal::SIGCONT,
    ];
    let (mut ends, mut running) = (HashSet::new(), 0);
    for run in 0..1000 {
        let mut command = suite.command("nicon-nsexec")?;
        command.args(&ways[run / 2 % 2]).args(["sleep", &seconds]).stdin(Stdio::null()).stdout(Stdio::null());
        let mut child = Cell(command.stderr(Stdio::null()).spawn()?);
        std::thread::sleep(Duration::from_micros(next(&mut seed) % u64::try_from(start.as_micros())?));
        running += usize::from(first_below(child.0.id()).any(|pid| name(pid) == "sleep"));
        for _ in 0..=next(&mut seed) % 3 {
            let index = usize::try_from(next(&mut seed) % signals.len() as u64)?;
            send(&child.0, signals[index]);
        }
        // Whatever the first ones did, these end it.
        send(&child.0, Signal::SIGCONT);
        send(&child.0, if run % 2 == 0 { Signal::SIGTERM } else { Signal::SIGKILL });
        let mut tries = 0;
        let status = loop {
            if let Some(status) = child.0.try_wait()? {
                break status;
            }
            std::thread::sleep(Duration::from_millis(1));
            tries += 1;
            if tries % 100 == 0 {
                send(&child.0, Signal::SIGCONT);
                send(&child.0, Signal::SIGTERM);
            }
            assert!(tries < 10_000, "run {run} of seed {first_seed} does not end");
        };
        ends.insert(status.to_string());
    }
    assert!(ends.len() > 1, "{ends:?}");
    assert!((1..1000).contains(&running), "{running} of a thousand commands were running when the first signal came");
    wait_for("end of all that was started", || having(&seconds).is_empty());
    Ok(())
}

/// Nobody of the command's session is left behind, whichever of our processes is killed, and whenever.
fn kills_at_random(suite: &Suite, lab: &Lab) -> Result<(), Failed> {
    let target = format!("-t{}", lab.host_pid(CONTAINER)?);
    let (_cell, plain) = plain_cell()?;
    let ways = [[&[target.as_str()], &["--all"][..]].concat(), [&[plain.as_str()], PLAIN].concat(), {
        [&[plain.as_str(), "--no-pty"], PLAIN].concat()
    }];
    let seconds = format!("6000.3131{}", std::process::id());
    let _end = EndOf(&seconds);
    let start = time_to_start(suite, &ways[0])?;
    let script = format!("sleep {seconds} & sh -c 'trap : HUP TERM; sleep {seconds}; :' & wait");
    let mut seed = u64::from(std::process::id()) << 20 | 1;
    let first_seed = seed;
    let mut victims = [0; 3];
    for run in 0..1000 {
        let mut command = suite.command("nicon-nsexec")?;
        command.args(&ways[run % ways.len()]).args(["sh", "-c", &script]).stdin(Stdio::null()).stdout(Stdio::null());
        let mut child = Cell(command.stderr(Stdio::null()).spawn()?);
        let moment = next(&mut seed) % u64::try_from(start.as_micros())?;
        std::thread::sleep(Duration::from_micros(moment * u64::from(run % 4 != 0)));
        let mut ours = ours_below(child.0.id());
        // The third, the joiner, lives only for a moment.
        let give_up = Instant::now() + start / 2;
        while run % 4 == 0 && ours.len() < 3 && Instant::now() < give_up {
            ours = ours_below(child.0.id());
        }
        let random = usize::try_from(next(&mut seed) % ours.len().max(1) as u64)?;
        let index = if run % 4 == 0 { ours.len().saturating_sub(1) } else { random };
        // It may have ended meanwhile: nobody has waited for the first one, which is ours to wait for.
        let victim = ours.get(index).copied().unwrap_or(child.0.id());
        let _ = kill(Pid::from_raw(victim.cast_signed()), Signal::SIGKILL);
        victims[index.min(2)] += 1;
        // A joiner that has done its work is not missed.
        if index >= 2 {
            let _ = kill(Pid::from_raw(child.0.id().cast_signed()), Signal::SIGKILL);
        }
        let mut tries = 0;
        while child.0.try_wait()?.is_none() {
            std::thread::sleep(Duration::from_millis(1));
            tries += 1;
            assert!(tries < 10_000, "run {run} of seed {first_seed} does not end");
        }
        wait_for(format_args!("end of all of run {run} of seed {first_seed}, victim {index}"), || {
            having(&seconds).is_empty()
        });
    }
    assert!(victims.iter().all(|count| *count > 0), "{victims:?}");
    Ok(())
}

/// A process and its descendants that run nicon-nsexec itself: fast, for one of them lives only for a moment.
fn ours_below(pid: u32) -> Vec<u32> {
    first_below(pid).take_while(|pid| is_ours(*pid)).collect()
}

/// A process, its first child, the first child of that, and so on.
fn first_below(pid: u32) -> impl Iterator<Item = u32> {
    let children = |pid: u32| fs::read_to_string(format!("/proc/{pid}/task/{pid}/children")).unwrap_or_default();
    let first = move |pid: &u32| children(*pid).split_whitespace().find_map(|child| child.parse().ok());
    std::iter::successors(Some(pid), first)
}

/// Whether a process runs nicon-nsexec itself.
fn is_ours(pid: u32) -> bool {
    std::fs::read_link(format!("/proc/{pid}/exe")).is_ok_and(|path| path.ends_with("nicon-nsexec"))
}

/// All processes but this one that have a word in their command lines.
fn having(word: &str) -> Vec<u32> {
    let has = |pid: &u32| {
        let line = std::fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
        String::from_utf8_lossy(&line).contains(word) && *pid != std::process::id()
    };
    witness::pids().into_iter().filter(has).collect()
}
