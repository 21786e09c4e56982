//! nicon-nsexec, signals and terminals: what reaches the command, what stops with it, and what is left behind.

use std::io::{BufRead, BufReader};
use std::os::unix::process::CommandExt;
use std::process::{Child, Stdio};

use libtest_mimic::{Failed, Trial};
use nicon_lab::{LIMIT, Lab, output_of_input, output_within, tool, wait_for, witness};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::nsexec::as_nsenter::{CONTAINER, Cell, Scratch};
use crate::support::suite::Suite;

pub(crate) fn trials(suite: &Suite) -> Vec<Trial> {
    vec![
        suite.trial("nsexec::signals::signals_reach_the_command", signals_reach_the_command),
        suite.trial("nsexec::signals::all_signals_reach_the_command", all_signals_reach_the_command),
        suite.trial("nsexec::signals::not_asked_by_what_is_ignored", not_asked_by_what_is_ignored),
        suite.trial("nsexec::signals::stops_and_goes_on_with_the_command", stops_and_goes_on_with_the_command),
        suite.trial("nsexec::signals::a_terminal_of_its_own", a_terminal_of_its_own),
        suite.trial("nsexec::signals::the_last_output_of_a_resized_terminal", the_last_output_of_a_resized_terminal),
        suite.trial("nsexec::signals::job_control_every_time", job_control_every_time),
        suite.trial("nsexec::signals::a_pipeline_keeps_its_terminal", a_pipeline_keeps_its_terminal),
    ]
}

/// A process with namespaces of its own, but no cgroup or label.
pub(crate) fn plain_cell() -> Result<(Cell, String), Failed> {
    let cell = Cell::new(&["-m", "-u", "-i", "-n", "-p", "-f", "--kill-child"], "echo; exec sleep 600");
    let inner = witness::family(cell.0.id()).last().ok_or("unshare has no child")?.0;
    Ok((cell, format!("-t{inner}")))
}

/// The namespaces of a [`plain_cell`].
pub(crate) const PLAIN: &[&str] = &["-m", "-u", "-i", "-n", "-p"];

pub(crate) fn start(suite: &Suite, words: &[&str]) -> Result<(Cell, BufReader<std::process::ChildStdout>), Failed> {
    let mut command = suite.command("nicon-nsexec")?;
    // In a process group that is not orphaned, as under a shell, whatever ours is: else the kernel does not let a SIGTSTP stop it.
    let mut child = command.args(words).process_group(0).stdin(Stdio::null()).stdout(Stdio::piped()).spawn()?;
    let output = BufReader::new(child.stdout.take().ok_or("no output")?);
    Ok((Cell(child), output))
}

pub(crate) fn line(output: &mut impl BufRead) -> String {
    let mut line = String::new();
    output.read_line(&mut line).unwrap();
    line.trim().to_owned()
}

pub(crate) fn send(child: &Child, signal: Signal) {
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

/// Says the number of each signal that it gets, but for those that nobody gets or that are its children's.
const SAY_SIGNALS: &str = r#"use Config; $| = 1; my @names = split / /, $Config{sig_name}; my @numbers = split / /, $Config{sig_num};
    for my $i (1..$#names) { my $number = $numbers[$i]; next if $names[$i] =~ /^(KILL|STOP|CHLD|CLD|ZERO)$/ or $number == 0;
        $SIG{$names[$i]} = sub { syswrite STDOUT, "got $number\n" } } print "ready\n"; sleep 1 while 1"#;

fn all_signals_reach_the_command(suite: &Suite, lab: &Lab) -> Result<(), Failed> {
    let (_cell, plain) = plain_cell()?;
    let target = format!("-t{}", lab.host_pid(CONTAINER)?);
    for (target, options) in [(&target, &["--all"][..]), (&plain, PLAIN), (&target, &["--net"])] {
        let (child, mut output) = start(suite, &[&[target.as_str()], options, &["perl", "-e", SAY_SIGNALS]].concat())?;
        assert_eq!(line(&mut output), "ready");
        // Perl's C library keeps 32 and 33 for itself.
        for number in (1..=64).filter(|number| ![9, 17, 19, 32, 33].contains(number)) {
            output_within(tool("kill").args([&format!("-{number}"), &child.0.id().to_string()]), LIMIT)?.ok()?;
            assert_eq!(line(&mut output), format!("got {number}"), "{options:?}");
        }
        // It may end by any of them, and what it leaves in the background lives on. What becomes the command ends by it itself.
        for number in [9, 15, 34, 64].into_iter().filter(|_| options != ["--net"]) {
            let script = format!("sleep 600 >/dev/null 2>&1 & echo $!; kill -{number} $$");
            let words = [&["nicon-nsexec", target], options, &["sh", "-c", &script]].concat();
            let ran = suite.run(&words);
            assert_eq!((ran.code(), &ran.stderr[..]), (Some(128 + number), ""), "{options:?}");
            let left = ran.stdout.trim();
            let find = format!("kill -KILL {left}");
            suite.run(&[&["nicon-nsexec", target], options, &["sh", "-c", &find]].concat()).ok()?;
        }
    }
    Ok(())
}

/// Under `nohup` a hang-up does not keep the next record from its turn; otherwise it does.
fn not_asked_by_what_is_ignored(suite: &Suite, _: &Lab) -> Result<(), Failed> {
    let (_cell, plain) = plain_cell()?;
    let records = format!("{0}\n{0}\n", plain.trim_start_matches("-t"));
    let go = format!("/run/nsexec-go-on-{}", std::process::id());
    for (ignored, turns) in [("HUP", 2), ("PIPE", 1)] {
        let mut command = tool("sh");
        command.args(["-c", "trap '' $0; exec \"$@\"", ignored]).arg(suite.bins()?.join("nicon-nsexec"));
        command.args([
            "--each",
            "--net",
            "sh",
            "-c",
            &format!("trap '' HUP; echo ready; until [ -e {go} ]; do sleep 0.01; done"),
        ]);
        let mut child = Cell(command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn()?);
        let mut keys = child.0.stdin.take().ok_or("no input")?;
        std::io::Write::write_all(&mut keys, records.as_bytes())?;
        drop(keys);
        let mut output = BufReader::new(child.0.stdout.take().ok_or("no output")?);
        assert_eq!(line(&mut output), "ready");
        send(&child.0, Signal::SIGHUP);
        std::fs::write(&go, "")?;
        let seen = 1 + output.lines().count();
        std::fs::remove_file(&go)?;
        assert_eq!(seen, turns, "{ignored} ignored");
    }
    Ok(())
}

pub(crate) fn state(pid: u32) -> char {
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

/// Runs a line of bash at a terminal; tells what it shows.
pub(crate) fn at_terminal(suite: &Suite, script: &str, input: &str) -> String {
    let path = format!("{}:{}", suite.bins().unwrap().display(), nicon_lab::search_path().to_string_lossy());
    let mut command = tool("script");
    command.args(["-qec", script, "/dev/null"]).env("PATH", path).env("SHELL", "/bin/bash");
    let ran = output_of_input(&mut command, input, LIMIT).unwrap();
    // At the end of its input `script` types a NUL, which the terminal echoes.
    ran.stdout.replace(['\r', '\0'], "").replace("^@", "").replace("^D", "").replace('\u{8}', "")
}

/// Writes until nobody has taken any of it for half a second, tells how many bytes were taken, and ends.
const FILL: &str = r#"use Fcntl; fcntl STDOUT, F_SETFL, O_WRONLY | O_NONBLOCK; $total = $refused = 0;
    while ($refused < 25) { $taken = syswrite STDOUT, "x" x 999; $total += $taken; $refused = $taken ? 0 : $refused + 1;
    select undef, undef, undef, 0.02 if !$taken } print STDERR $total"#;

/// A terminal that shows nothing for a while does not lose the end of the output by a signal, unless that asks to end.
fn the_last_output_of_a_resized_terminal(suite: &Suite, lab: &Lab) -> Result<(), Failed> {
    let pid = lab.host_pid(CONTAINER)?;
    lab.exec(CONTAINER, &["sh", "-c", &format!("cat >/tmp/fill <<'END'\n{FILL}\nEND")])?.ok()?;
    let path = format!("{}:{}", suite.bins()?.display(), nicon_lab::search_path().to_string_lossy());
    for is_asked_to_end in [false, true] {
        let scratch = Scratch::new("nsexec-last-output")?;
        let told = format!("{}/total", scratch.0);
        let line = format!("exec nicon-nsexec -t {pid} --all perl /tmp/fill 2>{told}");
        let mut script = tool("script");
        script.args(["-qec", &line, "/dev/null"]).env("PATH", &path).env("SHELL", "/bin/sh");
        let mut script = Cell(script.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn()?);
        let family = || witness::family(script.0.id()).into_iter().map(|(pid, _)| pid).collect::<Vec<_>>();
        wait_for("the end of the command", || std::fs::read(&told).is_ok_and(|total| !total.is_empty()));
        wait_for("two of ours alone", || family().len() == 3);
        let ours = family()[1];
        wait_for("a terminal that takes more", || witness::stat(ours).is_some_and(|stat| stat.state == 'S'));
        if is_asked_to_end {
            kill(Pid::from_raw(ours.cast_signed()), Signal::SIGTERM)?;
            wait_for("the end", || witness::stat(ours).is_none_or(|stat| stat.state == 'Z'));
            continue;
        }
        output_within(tool("stty").args(["-F", &format!("/proc/{ours}/fd/1"), "rows", "33", "cols", "77"]), LIMIT)?
            .ok()?;
        let mut shown = Vec::new();
        drop(script.0.stdin.take());
        std::io::Read::read_to_end(&mut script.0.stdout.take().ok_or("no output")?, &mut shown)?;
        let shown = shown.into_iter().filter(|byte| *byte == b'x').count();
        assert_eq!(shown.to_string(), std::fs::read_to_string(&told)?);
    }
    Ok(())
}

fn a_terminal_of_its_own(suite: &Suite, lab: &Lab) -> Result<(), Failed> {
    let pid = lab.host_pid(CONTAINER)?;
    let ask = "stty size; stat -Lc %d:%t:%T /proc/self/fd/0";
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
