//! Runs that a signal, a reader that leaves, or the end of a container meets in the middle.

use std::io::{BufRead, BufReader, Write};
use std::os::unix::process::ExitStatusExt;
use std::process::{Child, ChildStdin, Command, Stdio};

use libtest_mimic::{Failed, Trial};
use nicon_lab::{LIMIT, Ran, output_of_input, tool, wait_for};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::json;

use crate::links::undo::{furnished, settles_as};
use crate::support::expect::{parse, record, records};
use crate::support::links::{Pair, Place, ip, links, state};
use crate::support::suite::Suite;

pub(crate) fn trials(suite: &Suite) -> Vec<Trial> {
    vec![
        suite.trial_of_kernel(&[], "links::signals::all_or_nothing_is_taken_back", taken_back),
        suite.trial_of_kernel(&[], "links::signals::all_or_nothing_that_nobody_reads", nobody_reads),
        suite.trial_of_kernel(&[], "links::signals::all_or_nothing_where_a_container_ends", a_container_ends),
        suite.trial_of_kernel(&[], "links::signals::all_or_nothing_that_is_killed", killed),
        suite.trial_of_kernel(&[], "links::signals::what_was_done_is_printed", what_was_done),
        suite.trial_of_kernel(&[], "links::signals::what_nobody_has_read_is_told_again", told_again),
        suite.trial_of_kernel(&[], "links::signals::what_comes_behind_it_is_passed_on", passed_on),
        suite.trial_of_kernel(&[], "links::signals::what_is_ignored_stays_so", ignored),
    ]
}

/// Two links with what a move loses, and where they go.
struct Batch {
    pairs: [Pair; 2],
    before: [[String; 3]; 2],
    place: Place,
}

impl Batch {
    fn new() -> Self {
        let pairs = [Pair::new(), Pair::new()];
        for pair in &pairs {
            furnished(ip, &pair.link, &pair.peer);
        }
        let before = pairs.each_ref().map(|pair| state(&pair.link));
        Self { pairs, before, place: Place::new() }
    }

    fn asked(&self) -> [String; 2] {
        self.pairs.each_ref().map(|pair| json!({"pid": self.place.pid(), "link": pair.link}).to_string() + "\n")
    }

    fn is_home(&self) {
        for (pair, before) in self.pairs.iter().zip(&self.before) {
            settles_as(before, &pair.link);
        }
        let ours = nicon_lab::witness::ns_link(std::process::id(), "net").unwrap();
        let ours = ours.trim_start_matches("net:[").trim_end_matches(']');
        for entry in std::fs::read_dir("/run/nicon").unwrap().flatten() {
            let name = entry.file_name().to_string_lossy().into_owned();
            let is_left =
                |pair: &Pair| name.starts_with(&format!("nicon.{ours}.")) && name.ends_with(&format!(".{}", pair.link));
            assert!(!self.pairs.iter().any(is_left), "{name}");
        }
    }
}

/// A run that has moved one link and waits for the next record.
fn halfway(mut command: Command, batch: &Batch) -> Result<(Child, ChildStdin), Failed> {
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn()?;
    let mut input = child.stdin.take().ok_or("no input")?;
    input.write_all(batch.asked()[0].as_bytes())?;
    wait_for("link in the target", || batch.place.links().contains(&batch.pairs[0].link));
    Ok((child, input))
}

fn all_or_nothing(suite: &Suite) -> Result<Command, Failed> {
    let mut command = suite.command("nicon-linkmv")?;
    command.arg("--all-or-nothing");
    Ok(command)
}

fn send(child: &Child, signal: Signal) -> Result<(), Failed> {
    Ok(kill(Pid::from_raw(child.id().cast_signed()), signal)?)
}

fn taken_back(suite: &Suite) -> Result<(), Failed> {
    let batch = Batch::new();
    for signal in [Signal::SIGTERM, Signal::SIGINT, Signal::SIGHUP, Signal::SIGQUIT, Signal::SIGUSR1, Signal::SIGXCPU] {
        let (child, _input) = halfway(all_or_nothing(suite)?, &batch)?;
        send(&child, signal)?;
        let output = child.wait_with_output()?;
        assert_eq!(output.status.signal(), Some(signal as i32), "{output:?}");
        let told = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!((told, output.stdout.len()), (format!("nicon-linkmv: interrupted by {signal}\n"), 0));
        batch.is_home();
        assert_eq!(batch.place.links(), ["lo"]);
    }
    Ok(())
}

fn nobody_reads(suite: &Suite) -> Result<(), Failed> {
    let batch = Batch::new();
    let asked = batch.asked().concat();
    for (shell, cause) in [
        ("nicon-linkmv --all-or-nothing >/dev/full", "No space left"),
        ("(sleep 0.2; exec nicon-linkmv --all-or-nothing) | :", "Broken pipe"),
    ] {
        let ran = suite.shell(shell, &asked);
        assert_eq!(ran.code(), Some(2), "{ran:?}");
        assert!(ran.stderr.contains(cause) && ran.stderr.contains("all was taken back"), "{ran:?}");
        batch.is_home();
        assert_eq!(batch.place.links(), ["lo"]);
    }
    Ok(())
}

/// The links that went into the container that ended come home as well: its network namespace is held until then.
fn a_container_ends(suite: &Suite) -> Result<(), Failed> {
    let mut batch = Batch::new();
    let (child, mut input) = halfway(all_or_nothing(suite)?, &batch)?;
    let other = Place::new();
    let ended = std::mem::replace(&mut batch.place, other);
    drop(ended);
    // The other record is about a container that runs.
    input.write_all(batch.asked()[1].as_bytes())?;
    drop(input);
    let output = child.wait_with_output()?;
    assert_eq!((output.status.code(), output.stdout.len()), (Some(1), 0), "{output:?}");
    assert!(String::from_utf8_lossy(&output.stderr).contains("exited meanwhile"), "{output:?}");
    batch.is_home();
    assert_eq!(batch.place.links(), ["lo"]);
    Ok(())
}

/// What it had done, the next run of the same command finishes, and can undo.
fn killed(suite: &Suite) -> Result<(), Failed> {
    let batch = Batch::new();
    let (mut child, _input) = halfway(all_or_nothing(suite)?, &batch)?;
    wait_for("link that is up", || batch.place.ip("link").contains("UP"));
    child.kill()?;
    child.wait()?;
    let again = suite.feed(&["nicon-linkmv", "--all-or-nothing"], batch.asked().concat());
    let told = records(&again);
    assert!(told.iter().all(|record| record["done"][0]["undo"].get("requests").is_some()), "{again:?}");
    assert!(!batch.place.ip("link").contains("nicon.4"), "a mark was left");
    records(&suite.feed(&["nicon-linkmv", "--undo"], &again.stdout));
    batch.is_home();

    // And where the next run fails, all is as it was.
    let (mut child, _input) = halfway(all_or_nothing(suite)?, &batch)?;
    child.kill()?;
    child.wait()?;
    let [first, _] = batch.asked();
    let failed = suite.feed(
        &["nicon-linkmv", "--all-or-nothing"],
        format!("{first}{}\n", json!({"pid": batch.place.pid(), "link": "nowhere"})),
    );
    assert_eq!((failed.code(), &failed.stdout[..]), (Some(1), ""), "{failed:?}");
    batch.is_home();
    Ok(())
}

/// Without --all-or-nothing what was moved stays, and its record is printed; records that were read are passed on.
fn what_was_done(suite: &Suite) -> Result<(), Failed> {
    let batch = Batch::new();
    let (mut child, mut input) = halfway(suite.command("nicon-linkmv")?, &batch)?;
    let mut output = BufReader::new(child.stdout.take().ok_or("no output")?);
    let mut moved = String::new();
    output.read_line(&mut moved)?;
    send(&child, Signal::SIGTERM)?;
    let status = child.wait()?;
    assert_eq!(status.signal(), Some(Signal::SIGTERM as i32));
    let _ = input.write_all(b"\n");
    assert!(links().contains(&batch.pairs[1].link));
    assert_eq!(parse(&moved).len(), 1);
    record(&suite.feed(&["nicon-linkmv", "--undo"], &moved));
    batch.is_home();
    Ok(())
}

/// A move whose record could not be printed cannot be undone by it. So the next run of the same command prints it.
fn told_again(suite: &Suite) -> Result<(), Failed> {
    let batch = Batch::new();
    let [asked, _] = batch.asked();
    for shell in ["nicon-linkmv >/dev/full", "(sleep 0.2; exec nicon-linkmv) | :"] {
        suite.shell(shell, &asked);
        assert_eq!(batch.place.links(), ["lo", &batch.pairs[0].link]);
        let again = suite.feed(&["nicon-linkmv"], &asked);
        assert_eq!(record(&again)["done"][0]["changed"], true);
        record(&suite.feed(&["nicon-linkmv", "--undo"], &again.stdout));
        batch.is_home();
    }
    Ok(())
}

/// A record behind the signal tells of a deed of another program, which must not be lost.
fn passed_on(suite: &Suite) -> Result<(), Failed> {
    let batch = Batch::new();
    let mut wait = suite.command("nicon-linkmv")?;
    wait.args(["--wait", "600"]);
    ip(&format!("link set {} down", batch.pairs[0].peer));
    let (child, mut input) = halfway(wait, &batch)?;
    let [_, second] = batch.asked();
    let done = json!([{"id": "1", "by": "nicon-veth", "netns": 4, "name": "eth9", "ifindex": 9, "changed": true, "undo": null}]);
    let second = serde_json::from_str::<serde_json::Value>(&second)?;
    let mut second = second.as_object().ok_or("no record")?.clone();
    second.insert("done".to_owned(), done);
    input.write_all(format!("{}\n", serde_json::Value::Object(second)).as_bytes())?;
    send(&child, Signal::SIGTERM)?;
    let output = child.wait_with_output()?;
    assert_eq!(output.status.signal(), Some(Signal::SIGTERM as i32), "{output:?}");
    let passed = parse(&String::from_utf8(output.stdout)?);
    assert_eq!((passed.len(), &passed[0]["done"][0]["id"]), (1, &json!("1")));
    let why = passed[0]["failed"].as_str().unwrap_or_default();
    assert!(why.contains("not tried, since"), "{why}");
    ip(&format!("link set {} up", batch.pairs[0].peer));
    batch.is_home();
    Ok(())
}

/// nohup(1) has a program ignore SIGHUP.
fn ignored(suite: &Suite) -> Result<(), Failed> {
    let batch = Batch::new();
    let mut nohup = tool("sh");
    nohup.args(["-c", "trap '' HUP; exec \"$0\" --all-or-nothing"]).arg(suite.bins()?.join("nicon-linkmv"));
    let (child, mut input) = halfway(nohup, &batch)?;
    send(&child, Signal::SIGHUP)?;
    input.write_all(batch.asked()[1].as_bytes())?;
    drop(input);
    let output = child.wait_with_output()?;
    let ran: Ran = output_of_input(suite.command("nicon-linkmv")?.arg("--undo"), &output.stdout, LIMIT)?;
    assert_eq!(records(&ran).len(), 2, "{output:?}");
    batch.is_home();
    Ok(())
}
