//! Every day's jobs, each of them a pipe.

use std::ffi::{OsStr, OsString};
use std::io::{IsTerminal, stdin, stdout};
use std::process::ExitCode;

use nicon_core::filter::output::report;
use nicon_core::{Error, Result};

use crate::args::{Args, Job};
use crate::complete;
use crate::enter::{NOT_ENTERED, enter};
use crate::lab;
use crate::pipe::{Stage, show};
use crate::programs;

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
        Job::Exec { path, words } => {
            // Run for several, a command has no input of its own.
            let is_for_each = words.iter().take_while(|word| *word != "--").any(|word| word == "--each");
            enter(path, inside(words), !is_for_each && !stdin().is_terminal(), verbose)
        }
        Job::Ip { path, words } => enter(path, with_host_program("ip", words), false, verbose),
        Job::Capture { path, link, filter } => {
            if stdout().is_terminal() {
                return Err(Error::invalid(
                    "capture: the packets are for a program or a file: nicon capture .. | wireshark -k -i -",
                ));
            }
            let options = ["-U", "-w", "-", "-i"].map(OsString::from);
            let words = options.into_iter().chain([link]).chain(filter).collect();
            enter(path, with_host_program("tcpdump", words), false, verbose)
        }
        Job::Ls { words } => {
            let all = (!names_containers(&words)).then(|| OsString::from("**"));
            let list = Stage::new("resolve").with(words).with(all);
            if verbose {
                show(&list.to_string());
            }
            Err(programs::become_program(&mut list.command()?))
        }
        Job::Wire { watch, on, words } => wire(watch, on, words, verbose),
        Job::Check { on, file } => {
            let plan = plan(on).with([OsString::from("--each"), file.into()]);
            lab::run(&[plan, Stage::new("resolve")], &Stage::new("wire").with(["--check"]), verbose)
        }
        Job::Destroy { on, file, words } => {
            let wire = Stage::new("wire").with(["--destroy"]).with(words);
            lab::run(&[plan(on).with([file])], &wire, verbose)
        }
        Job::Complete { line } => complete::run(&line).map(|()| ExitCode::SUCCESS),
        Job::Program(words) => Err(programs::become_named(&words)),
    }
}

/// What reads a plan: all of it, or a machine's half.
fn plan(on: Option<OsString>) -> Stage {
    Stage::new("plan").with(on.into_iter().flat_map(|machine| [OsString::from("--on"), machine]))
}

/// Wires a lab from a file, once or for as long as this runs; without a file, becomes nicon-wire.
fn wire(watch: bool, on: Option<OsString>, mut words: Vec<OsString>, verbose: bool) -> Result<ExitCode> {
    // It may stand behind the file, as the options of nicon-wire do.
    let behind = words.iter().position(|word| word == "--watch").map(|at| words.remove(at));
    let watch = (watch || behind.is_some()).then_some("--watch");
    if words.first().is_none_or(|first| is_option(first)) {
        if let Some(option) = watch.or(on.as_ref().map(|_| "--on")) {
            return Err(Error::invalid(format!(
                "wire: {option} wants the file of a plan: nicon wire {option} .. FILE"
            )));
        }
        words.insert(0, "wire".into());
        return Err(programs::become_named(&words));
    }
    let file = words.remove(0);
    let before = [plan(on).with(watch).with([file]), Stage::new("resolve").with(watch)];
    let wire = Stage::new("wire").with(words);
    if watch.is_some() { lab::keep(&before, &wire, verbose) } else { lab::run(&before, &wire, verbose) }
}

/// Whether words for nicon-resolve say which containers are meant, besides options and what these take.
fn names_containers(words: &[OsString]) -> bool {
    const WITH_VALUE: [&str; 8] =
        ["--engine", "--socket", "--timeout", "--wait", "--label", "--translate", "--output", "-o"];
    let mut before = OsStr::new("");
    words.iter().any(|word| {
        let is_value = WITH_VALUE.iter().any(|option| *option == before);
        before = word;
        !is_value && (!is_option(word) || word.as_encoded_bytes().starts_with(b"--of"))
    })
}

/// The words for nicon-nsexec: all the way inside, unless options say otherwise; a shell, unless there is a command.
fn inside(words: Vec<OsString>) -> Vec<OsString> {
    let has_options = words.first().is_some_and(|first| is_option(first) && first != "--");
    if has_options {
        return words;
    }
    let is_shell = words.iter().all(|word| word == "--");
    let shell = is_shell.then(|| OsString::from("sh"));
    [OsString::from("--all")].into_iter().chain(words).chain(shell).collect()
}

/// The words for nicon-nsexec: a program of the host's, in the container's network.
fn with_host_program(program: &str, words: Vec<OsString>) -> Vec<OsString> {
    ["--net", program].map(OsString::from).into_iter().chain(words).collect()
}

fn is_option(word: &OsStr) -> bool {
    word != "-" && word.as_encoded_bytes().starts_with(b"-")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_the_way_inside_unless_told_otherwise() {
        let inside = |words: &[&str]| {
            let words = inside(words.iter().map(OsString::from).collect());
            words.into_iter().map(|word| word.into_string().unwrap()).collect::<Vec<_>>().join(" ")
        };
        assert_eq!(inside(&[]), "--all sh");
        assert_eq!(inside(&["ls", "-l"]), "--all ls -l");
        assert_eq!(inside(&["--", "ls", "--net"]), "--all -- ls --net");
        assert_eq!(inside(&["--net", "ip"]), "--net ip");
    }

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
}
