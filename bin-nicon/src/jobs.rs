//! Everyday jobs, each of them a pipe.

use std::ffi::{OsStr, OsString};
use std::io::{IsTerminal, stdin, stdout};
use std::process::ExitCode;

use nicon_core::filter::output::report;
use nicon_core::{Error, Result};

use crate::args::{Args, Job};
use crate::complete;
use crate::dockers;
use crate::enter::{NOT_ENTERED, enter};
use crate::inside;
use crate::lab;
use crate::operand;
use crate::pipe::{Stage, show};
use crate::programs;
use crate::table::{self, Table};

/// The program's name, as its messages begin.
pub(crate) const PROGRAM: &str = "nicon";

/// Does a job. Most of them become the last program of their pipe, whose status and signals are then ours.
pub(crate) fn run(args: Args) -> ExitCode {
    let is_entering = matches!(args.job, Job::Exec { .. } | Job::Ip { .. } | Job::Capture { .. });
    perform(args).unwrap_or_else(|error| {
        report(PROGRAM, &error);
        if is_entering { NOT_ENTERED.into() } else { error.status().into() }
    })
}

fn perform(Args { verbose, job }: Args) -> Result<ExitCode> {
    match job {
        Job::Exec { words } => exec(words, verbose),
        Job::Ip { words } => {
            let (path, words) = operand::IP.split(words)?;
            enter(path, with_host_program("ip", words), false, verbose)
        }
        Job::Capture { words } => capture(words, verbose),
        Job::Ls { words } => {
            dockers::refuse_in_ls(&words)?;
            let all = (!names_containers(&words)).then(|| OsString::from("**"));
            let list = Stage::new("resolve").with(words).with(all);
            if verbose {
                show(&list.to_string());
            }
            Err(programs::become_program(&mut list.command()?))
        }
        Job::Wire { watch, on, words } => wire(watch, on, words, verbose),
        Job::Check { on, mut words } => {
            let on = on.or(take_value("--on", &mut words)?);
            let (file, words) = operand::CHECK.split_from_options(words)?;
            // What is to go is known only of the whole plan.
            let is_whole = Table::of_program("wire").given(&words).iter().any(|given| given.option == "--prune");
            let before = [plan(on).with((!is_whole).then_some("--each")).with([file]), Stage::new("resolve")];
            lab::run(&before, &Stage::new("wire").with(["--check"]).with(words), verbose)
        }
        Job::Destroy { words } => {
            let (file, words) = operand::DESTROY.split_from_options(words)?;
            // Whatever has become of the file, and of the names of other machines: what is marked with the plan's name goes.
            let plan = Stage::new("plan").with(["--none".into(), file]);
            lab::run(&[plan], &Stage::new("wire").with(["--destroy"]).with(words), verbose)
        }
        Job::Help { command } => Err(programs::become_help(command)),
        Job::Complete { line } => complete::run(&line).map(|()| ExitCode::SUCCESS),
        Job::Program(words) => Err(programs::become_named(&words)),
    }
}

fn exec(words: Vec<OsString>, verbose: bool) -> Result<ExitCode> {
    dockers::refuse_before_container(&words)?;
    let (path, words) = operand::EXEC.split(words)?;
    dockers::refuse_in_exec(&path.to_string_lossy(), &words)?;
    // Run for several, a command has no input of its own.
    let is_for_each = Table::of_program("nsexec").given(&words).iter().any(|given| given.option == "--each");
    enter(path, inside::complete(words), !is_for_each && !stdin().is_terminal(), verbose)
}

fn capture(words: Vec<OsString>, verbose: bool) -> Result<ExitCode> {
    let (path, mut words) = operand::CAPTURE.split(words)?;
    let filter = words.iter().position(|word| word == "--").map(|at| words.split_off(at)).unwrap_or_default();
    let link = match &words[..] {
        [] => OsStr::new("any"),
        [link] if !is_option(link) => link,
        [..] => {
            return Err(Error::invalid(
                "capture: what tcpdump takes stands behind the link and --: nicon capture PATH LINK -- FILTER",
            ));
        }
    };
    if stdout().is_terminal() {
        return Err(Error::invalid(
            "capture: the packets are for a program or a file: nicon capture .. | wireshark -k -i -",
        ));
    }
    let options = ["-U", "-w", "-", "-i"].map(OsString::from);
    let words = options.into_iter().chain([link.to_owned()]).chain(filter.into_iter().skip(1)).collect();
    enter(path, with_host_program("tcpdump", words), false, verbose)
}

/// What reads a plan: all of it, or a machine's half.
fn plan(on: Option<OsString>) -> Stage {
    Stage::new("plan").with(on.into_iter().flat_map(|machine| [OsString::from("--on"), machine]))
}

/// Wires a lab from a file, once or for as long as this runs; without a file, becomes nicon-wire.
fn wire(watch: bool, on: Option<OsString>, mut words: Vec<OsString>, verbose: bool) -> Result<ExitCode> {
    // They may stand behind the file, as the options of nicon-wire do.
    let behind = words.iter().position(|word| word == "--watch").map(|at| words.remove(at));
    let watch = (watch || behind.is_some()).then_some("--watch");
    let on = on.or(take_value("--on", &mut words)?);
    let table = Table::of_program("wire");
    if table.options_in(&words) == words.len() {
        if let Some(option) = watch.or(on.as_ref().map(|_| "--on")) {
            return Err(Error::invalid(format!(
                "wire: {option} wants the file of a plan: nicon wire {option} .. FILE"
            )));
        }
        let is_help = table.given(&words).iter().any(|given| matches!(given.option, "--help" | "--version"));
        if !is_help && stdin().is_terminal() {
            return Err(Error::invalid("wire: the plan's file is missing: nicon wire FILE"));
        }
        words.insert(0, "wire".into());
        return Err(programs::become_named(&words));
    }
    let (file, words) = operand::WIRE.split_from_options(words)?;
    let before = [plan(on).with(watch).with([file]), Stage::new("resolve").with(watch)];
    let wire = Stage::new("wire").with(words);
    if watch.is_some() { lab::keep(&before, &wire, verbose) } else { lab::run(&before, &wire, verbose) }
}

/// Takes an option and its value out of some words.
///
/// # Errors
/// If it has none.
fn take_value(option: &str, words: &mut Vec<OsString>) -> Result<Option<OsString>> {
    let attached = format!("{option}=");
    let is_it = |word: &OsString| word == option || word.as_encoded_bytes().starts_with(attached.as_bytes());
    let Some(at) = words.iter().position(is_it) else { return Ok(None) };
    let word = words.remove(at);
    match word.to_string_lossy().strip_prefix(&attached) {
        Some(value) => Ok(Some(value.into())),
        None if at < words.len() => Ok(Some(words.remove(at))),
        None => Err(Error::invalid(format!("{option} wants a value"))),
    }
}

/// Whether words for nicon-resolve say which containers are meant, besides options and what these take.
fn names_containers(words: &[OsString]) -> bool {
    let options = Table::of_program("resolve").options_in(words);
    options < words.len() || words.iter().any(|word| word.as_encoded_bytes().starts_with(b"--of"))
}

/// The words for nicon-nsexec: a program of the host's, in the container's network.
fn with_host_program(program: &str, words: Vec<OsString>) -> Vec<OsString> {
    ["--net", program].map(OsString::from).into_iter().chain(words).collect()
}

fn is_option(word: &OsStr) -> bool {
    table::is_option(&word.to_string_lossy())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_are_listed_unless_some_are_named() {
        let names = |line: &str| names_containers(&line.split(' ').map(OsString::from).collect::<Vec<_>>());
        for all in ["--pid", "--timeout 5 -J", "--label x=y", "--engine=docker", "-o table", "-ojson"] {
            assert!(!names(all), "{all}");
        }
        for some in ["a.b", "--timeout 5 a", "--of pid:1", "--of=pid:1", "-J -"] {
            assert!(names(some), "{some}");
        }
    }

    #[test]
    fn an_option_may_stand_anywhere() {
        let split = |line: &str| line.split(' ').map(OsString::from).collect::<Vec<_>>();
        for (line, value, left) in [
            ("lab.yaml --on lab1 --prune", Some("lab1"), "lab.yaml --prune"),
            ("lab.yaml --on=lab1", Some("lab1"), "lab.yaml"),
            ("lab.yaml --online", None, "lab.yaml --online"),
        ] {
            let mut words = split(line);
            let taken = take_value("--on", &mut words).unwrap();
            assert_eq!((taken, words), (value.map(OsString::from), split(left)));
        }
        assert!(take_value("--on", &mut split("lab.yaml --on")).is_err());
    }
}
