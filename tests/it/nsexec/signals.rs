//! nicon-nsexec, signals and terminals: what reaches the command, what stops with it, and what is left behind.

use std::collections::HashSet;
use std::io::{BufRead, BufReader};
use std::os::unix::process::CommandExt;
use std::process::{Child, Stdio};
use std::time::Duration;

use libtest_mimic::{Failed, Trial};
use nicon_lab::{LIMIT, Lab, output_of_input, tool, witness};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::nsexec::as_nsenter::{CONTAINER, Cell, wait_for};
use crate::nsexec::fallbacks::living;
use crate::support::suite::Suite;

pub(crate) fn trials(suite: &Suite) -> Vec<Trial> {
    vec![
        suite.trial("nsexec::signals::signals_reach_the_command", signals_reach_the_command),
        suite.trial("nsexec::signals::stops_and_goes_on_with_the_command", stops_and_goes_on_with_the_command),
        suite.trial("nsexec::signals::leaves_no_orphan", leaves_no_orphan),
        suite.trial(
            "nsexec::signals::leaves_no_orphan_of_a_stopped_session_leader",
            leaves_no_orphan_of_a_stopped_session_leader,
        ),
        suite.trial("nsexec::signals::a_thousand_runs_with_signals_at_random_moments", a_thousand_runs),
        suite.trial("nsexec::signals::a_terminal_of_its_own", a_terminal_of_its_own),
        suite.trial("nsexec::signals::job_control_every_time", job_control_every_time),
        suite.trial("nsexec::signals::a_pipeline_keeps_its_terminal", a_pipeline_keeps_its_terminal),
    ]
}

/// A process with namespaces of its own, but no cgroup or label.
fn plain_cell() -> Result<(Cell, String), Failed> {
    let cell = Cell::new(&["-m", "-u", "-i", "-n", "-p", "-f", "--kill-child"], "echo; exec sleep 600");
    let inner = witness::family(cell.0.id()).last().ok_or("unshare has no child")?.0;
    Ok((cell, format!("-t{inner}")))
}

/// The namespaces of a [`plain_cell`].
const PLAIN: &[&str] = &["-m", "-u", "-i", "-n", "-p"];

fn start(suite: &Suite, words: &[&str]) -> Result<(Cell, BufReader<std::process::ChildStdout>), Failed> {
    let mut command = suite.command("nicon-nsexec")?;
    // In a process group that is not orphaned, as under a shell, whatever ours is: else the kernel does not let a SIGTSTP stop it.
    let mut child = command.args(words).process_group(0).stdin(Stdio::null()).stdout(Stdio::piped()).spawn()?;
    let output = BufReader::new(child.stdout.take().ok_or("no output")?);
    Ok((Cell(child), output))
}

fn line(output: &mut impl BufRead) -> String {
    let mut line = String::new();
    output.read_line(&mut line).unwrap();
    line.trim().to_owned()
}

fn send(child: &Child, signal: Signal) {
    kill(Pid::from_raw(child.id().cast_signed()), signal).unwrap();
}

fn signals_reach_the_command(suite: &Suite, lab: &Lab) -> Result<(), Failed> {
    let target = format!("-t{}", lab.host_pid(CONTAINER)?);
    let signals = [
        ("TERM", Signal::SIGTERM),
        ("INT", Signal::SIGINT),
        ("HUP", Signal::SIGHUP),
        ("QUIT", Signal::SIGQUIT),
        ("USR1", Signal::SIGUSR1),
        ("USR2", Signal::SIGUSR2),
        ("WINCH", Signal::SIGWINCH),
        ("TSTP", Signal::SIGTSTP),
        ("CONT", Signal::SIGCONT),
    ];
    let (_cell, plain) = plain_cell()?;
    for (target, options) in
        [(&target, &["-n"][..]), (&target, &["-n", "-p", "--privileged"]), (&target, &["--all"]), (&plain, PLAIN)]
    {
        for (name, signal) in signals {
            let script = format!("trap 'echo got {name}; exit 40' {name}; echo ready; while :; do sleep 0.01; done");
            let (mut child, mut output) =
                start(suite, &[&[target.as_str()], options, &["sh", "-c", &script]].concat())?;
            assert_eq!(line(&mut output), "ready");
            send(&child.0, signal);
            assert_eq!(line(&mut output), format!("got {name}"), "{options:?}");
            assert_eq!(child.0.wait()?.code(), Some(40), "{options:?} {name}");
        }
    }
    // nsenter with a child: the signal ends nsenter, and the command goes on.
    let mut nsenter = tool("nsenter");
    nsenter.args([&target, "-p", "sh", "-c", "echo ready; exec sleep 60"]).stdout(Stdio::piped());
    let mut nsenter = Cell(nsenter.spawn()?);
    let mut output = BufReader::new(nsenter.0.stdout.take().ok_or("no output")?);
    assert_eq!(line(&mut output), "ready");
    let orphan = witness::family(nsenter.0.id()).last().ok_or("no child")?.0;
    send(&nsenter.0, Signal::SIGTERM);
    nsenter.0.wait()?;
    assert!(witness::stat(orphan).is_some_and(|stat| stat.state != 'Z'), "nsenter has learned to pass signals on");
    Ok(kill(Pid::from_raw(orphan.cast_signed()), Signal::SIGKILL)?)
}

fn state(pid: u32) -> char {
    witness::stat(pid).map_or('-', |stat| stat.state)
}

fn stops_and_goes_on_with_the_command(suite: &Suite, lab: &Lab) -> Result<(), Failed> {
    let (_cell, plain) = plain_cell()?;
    stops_and_goes_on(suite, &[&format!("-t{}", lab.host_pid(CONTAINER)?), "--all"])?;
    stops_and_goes_on(suite, &[&[plain.as_str()], PLAIN].concat())
}

fn stops_and_goes_on(suite: &Suite, options: &[&str]) -> Result<(), Failed> {
    let (child, mut output) = start(suite, &[options, &["sh", "-c", "echo ready; exec sleep 60"]].concat())?;
    assert_eq!(line(&mut output), "ready");
    wait_for("exec", || witness::family(child.0.id()).len() == 3);
    let command = witness::family(child.0.id())[2].0;
    let nsexec = child.0.id();
    for _ in 0..5 {
        send(&child.0, Signal::SIGTSTP);
        wait_for("stop", || state(command) == 'T' && state(nsexec) == 'T');
        send(&child.0, Signal::SIGCONT);
        wait_for("going on", || state(command) == 'S' && state(nsexec) == 'S');
    }
    Ok(())
}

fn leaves_no_orphan(suite: &Suite, lab: &Lab) -> Result<(), Failed> {
    let target = format!("-t{}", lab.host_pid(CONTAINER)?);
    let (_cell, plain) = plain_cell()?;
    // Changing the user makes the kernel forget that a process is to die with its parent.
    let scripts = [
        "echo ready; exec sleep 60",
        "echo ready; exec setpriv --reuid=1000 --clear-groups sleep 60",
        "trap '' TERM INT HUP; sleep 60 & echo ready; wait",
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
    let command = ["/usr/bin/setpriv", "--reuid=1000", "--clear-groups", "/bin/sleep", "60"];
    let mut strace = tool("strace");
    strace.args(["-f", "-qq", "-o", "/dev/null", "-P", command[0], "-e", "trace=execve"]);
    strace.args(["-e", "inject=execve:delay_enter=2000000"]).arg(suite.bins()?.join("nicon-nsexec"));
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

fn a_thousand_runs(suite: &Suite, lab: &Lab) -> Result<(), Failed> {
    let target = format!("-t{}", lab.host_pid(CONTAINER)?);
    let (_cell, plain) = plain_cell()?;
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
    let before: HashSet<u32> = witness::pids().into_iter().collect();
    let mut ends = HashSet::new();
    for run in 0..1000 {
        let mut command = suite.command("nicon-nsexec")?;
        let (target, options) = if run / 2 % 2 == 0 { (&target, &["--all"][..]) } else { (&plain, PLAIN) };
        command.arg(target).args(options).args(["sleep", "61.4142"]).stdin(Stdio::null()).stdout(Stdio::null());
        let mut child = Cell(command.stderr(Stdio::null()).spawn()?);
        std::thread::sleep(Duration::from_micros(next(&mut seed) % 4000));
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
    wait_for("end of all that was started", || {
        witness::pids().into_iter().filter(|pid| !before.contains(pid)).all(|pid| {
            let line = std::fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
            let line = String::from_utf8_lossy(&line).into_owned();
            !line.contains("61.4142")
        })
    });
    Ok(())
}

/// Runs a line of bash at a terminal; tells what it shows.
pub(crate) fn at_terminal(suite: &Suite, script: &str, input: &str) -> String {
    let path = format!("{}:{}", suite.bins().unwrap().display(), nicon_lab::search_path().to_string_lossy());
    let mut command = tool("script");
    command.args(["-qec", script, "/dev/null"]).env("PATH", path).env("SHELL", "/bin/bash");
    let ran = output_of_input(&mut command, input, LIMIT).unwrap();
    // At the end of its input `script` types a NUL, which the terminal echoes.
    ran.stdout.replace(['\r', '\0'], "").replace("^@", "").replace("^D", "").replace('\u{8}', "")
}

fn a_terminal_of_its_own(suite: &Suite, lab: &Lab) -> Result<(), Failed> {
    let pid = lab.host_pid(CONTAINER)?;
    let ask = "stty size; stat -Lc %t:%T /proc/self/fd/0";
    let shown = at_terminal(
        suite,
        &format!("stty rows 33 cols 77; {ask}; nicon-nsexec -t {pid} --all sh -c '{ask}; exit 9'; echo $?"),
        "",
    );
    let lines: Vec<&str> = shown.lines().collect();
    assert_eq!(lines.len(), 5, "{shown}");
    assert_eq!((lines[0], lines[2], lines[4]), ("33 77", "33 77", "9"));
    assert_ne!(lines[1], lines[3], "it is the caller's terminal");
    let shared = at_terminal(suite, &format!("{ask}; nicon-nsexec -t {pid} --all --no-pty sh -c '{ask}'"), "");
    let lines: Vec<&str> = shared.lines().collect();
    assert_eq!(lines[1], lines[3], "{shared}");
    // Not a byte of much output is lost at the end.
    let many = at_terminal(suite, &format!("nicon-nsexec -t {pid} --all seq 60000"), "");
    assert_eq!(many.lines().last(), Some("60000"));
    assert_eq!(many.lines().count(), 60000);
    Ok(())
}

fn job_control_every_time(suite: &Suite, lab: &Lab) -> Result<(), Failed> {
    let pid = lab.host_pid(CONTAINER)?;
    // As by Ctrl-Z: all of the group stops. The shell must notice, find its terminal as it was, and `fg` must wake all.
    let command = "i=0; while [ $i -lt 5 ]; do i=$((i+1)); kill -TSTP 0; echo woken $i; done";
    let look = "echo stopped $?; stty -a | grep -q ' icanon' && echo cooked; fg >/dev/null\n".repeat(5);
    for option in ["", "--no-pty"] {
        let script = format!("set -m\nnicon-nsexec -t {pid} --all {option} sh -c '{command}'\n{look}echo ended $?\n");
        std::fs::write("/run/nsexec-job-control", script)?;
        let shown = at_terminal(suite, "bash /run/nsexec-job-control 2>/dev/null", "");
        for i in 1..=5 {
            assert!(shown.contains(&format!("woken {i}")), "{option} {shown}");
        }
        assert_eq!(shown.matches("stopped 148").count(), 5, "{option} {shown}");
        assert_eq!(shown.matches("cooked").count(), 5, "{option} {shown}");
        assert!(shown.contains("ended 0"), "{option} {shown}");
    }
    Ok(())
}

fn a_pipeline_keeps_its_terminal(suite: &Suite, lab: &Lab) -> Result<(), Failed> {
    let pid = lab.host_pid(CONTAINER)?;
    // The other end of the pipeline reads from the terminal: what is typed is its, and the terminal stays as it is.
    let script = format!(
        "nicon-nsexec -t {pid} --all sh -c 'echo from inside; sleep 1' | {{ cat; read x </dev/tty; echo read $x; }}"
    );
    let shown = at_terminal(suite, &script, "typed\n");
    assert!(shown.contains("from inside") && shown.contains("read typed"), "{shown}");
    // A command that wants to read gets what is typed.
    let script = format!("nicon-nsexec -t {pid} --all sh -c 'read x; echo inside $x' | cat");
    let shown = at_terminal(suite, &script, "typed\n");
    assert!(shown.contains("inside typed"), "{shown}");
    Ok(())
}
