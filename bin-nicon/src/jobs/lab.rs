//! Wires, compares or takes away a lab, as a file says.

use std::ffi::OsString;
use std::io::{IsTerminal, stdin};
use std::path::Path;
use std::process::ExitCode;

use nicon_core::text::escape;
use nicon_core::{Error, Result, Status};

use crate::args::Plan;
use crate::jobs::other::become_named;
use crate::pipe::run::{keep, run};
use crate::pipe::stage::Stage;
use crate::words::operand;
use crate::words::table::Table;

/// Wires a lab once or for as long as this runs; without a file, becomes nicon-wire.
///
/// # Errors
/// If a program cannot be run, or an option is none of this command.
pub(super) fn wire(watch: bool, mut plan: Plan, mut words: Vec<OsString>, verbose: bool) -> Result<ExitCode> {
    // They may stand behind the file, as the options of nicon-wire do.
    let behind = words.iter().position(|word| word == "--watch").map(|at| words.remove(at));
    let watch = (watch || behind.is_some()).then_some("--watch");
    take(&mut plan, &mut words)?;
    let table = Table::of_program("wire");
    if table.options_in(&words) == words.len() {
        if let Some(option) = watch.or(plan.options().first().map(|(option, _)| *option)) {
            return Err(Error::invalid(format!(
                "wire: {option} wants the file of a plan: nicon wire {option} .. FILE"
            )));
        }
        let is_help = table.given(&words).iter().any(|given| matches!(given.option, "--help" | "--version"));
        if !is_help && stdin().is_terminal() {
            return Err(Error::invalid("wire: the plan's file is missing: nicon wire FILE"));
        }
        words.insert(0, "wire".into());
        return Err(become_named(&words));
    }
    let (file, words) = operand::WIRE.split_from_options(words)?;
    let before = [read(plan).with(watch).with([file]), Stage::new("resolve").with(watch)];
    let wire = Stage::new("wire").with(words);
    if watch.is_some() { keep(&before, &wire, verbose) } else { run(&before, &wire, Status::No, verbose) }
}

/// Shows what differs.
///
/// # Errors
/// If a program cannot be run, or an option is none of this command.
pub(super) fn check(mut plan: Plan, mut words: Vec<OsString>, verbose: bool) -> Result<ExitCode> {
    take(&mut plan, &mut words)?;
    let (file, words) = operand::CHECK.split_from_options(words)?;
    // What is to go is known only of the whole plan.
    let is_whole = Table::of_program("wire").gives(&words, "--prune");
    let before = [read(plan).with((!is_whole).then_some("--each")).with([file]), Stage::new("resolve")];
    run(&before, &Stage::new("wire").with(["--check"]).with(words), Status::No, verbose)
}

/// Takes away what is marked with the plan's name, whatever has become of the file, and of the names of other machines.
///
/// # Errors
/// If a program cannot be run, or an option is none of this command.
pub(super) fn destroy(words: Vec<OsString>, verbose: bool) -> Result<ExitCode> {
    let (file, words) = operand::DESTROY.split_from_options(words)?;
    if file != "-" && Path::new(&file).try_exists().is_ok_and(|is_there| !is_there) {
        let way_out = "of a plan without its file, the name is enough: echo 'name: NAME' | nicon destroy -";
        return Err(Error::invalid(format!(
            "destroy: there is no file {} ({way_out})",
            escape(&file.to_string_lossy())
        )));
    }
    let plan = Stage::new("plan").with(["--none".into(), file]);
    run(&[plan], &Stage::new("wire").with(["--destroy"]).with(words), Status::No, verbose)
}

/// What reads a plan: all of it, or a machine's half.
fn read(plan: Plan) -> Stage {
    let options = plan.options().into_iter().flat_map(|(option, value)| [option.into(), value]);
    Stage::new("plan").with::<OsString>(options)
}

/// Takes the options of a plan out of some words.
///
/// # Errors
/// If one of them has no value.
fn take(plan: &mut Plan, words: &mut Vec<OsString>) -> Result<()> {
    for (option, value) in plan.all() {
        while let Some(taken) = take_value(option, words)? {
            if value.replace(taken).is_some() {
                return Err(Error::invalid(format!("{option} is given twice")));
            }
        }
    }
    Ok(())
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::words::inside::tests::split;

    #[test]
    fn an_option_may_stand_anywhere() {
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
