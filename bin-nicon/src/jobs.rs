//! Every day's jobs, each of them a pipe.

use std::ffi::{OsStr, OsString};
use std::io::{IsTerminal, stdin, stdout};
use std::process::ExitCode;

use nicon_core::filter::output::report;
use nicon_core::text::escape;
use nicon_core::{Error, Result};

use crate::args::{Args, Job};
use crate::complete;
use crate::enter::{NOT_ENTERED, enter};
use crate::lab;
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
        Job::Exec { path, words } => {
            // Run for several, a command has no input of its own.
            let options = table("nsexec").options_in(&words);
            let is_for_each = words[..options].iter().any(|word| word == "--each");
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
        Job::Destroy { file, words } => {
            // Whatever has become of the file, and of the names of other machines: what is marked with the plan's name goes.
            let plan = Stage::new("plan").with(["--none".into(), file.into_os_string()]);
            lab::run(&[plan], &Stage::new("wire").with(["--destroy"]).with(words), verbose)
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
    // They may stand behind the file, as the options of nicon-wire do.
    let behind = words.iter().position(|word| word == "--watch").map(|at| words.remove(at));
    let watch = (watch || behind.is_some()).then_some("--watch");
    let on = on.or(take_value("--on", &mut words)?);
    if words.first().is_none_or(|first| is_option(first)) {
        if let Some(option) = watch.or(on.as_ref().map(|_| "--on")) {
            return Err(Error::invalid(format!(
                "wire: {option} wants the file of a plan: nicon wire {option} .. FILE"
            )));
        }
        if let Some(file) = words.get(table("wire").options_in(&words)) {
            let line = format!("nicon wire {} {} ..", file.to_string_lossy(), words[0].to_string_lossy());
            return Err(Error::invalid(format!("wire: the plan's file comes first: {}", escape(&line))));
        }
        words.insert(0, "wire".into());
        return Err(programs::become_named(&words));
    }
    let file = words.remove(0);
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
    let options = table("resolve").options_in(words);
    options < words.len() || words.iter().any(|word| word.as_encoded_bytes().starts_with(b"--of"))
}

/// What can stand on the command line of a program.
fn table(program: &str) -> Table {
    Table::of(&format!("nicon-{program}")).unwrap_or_default()
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
    table::is_option(&word.to_string_lossy())
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
