//! What comes first on a command line, a container or the file of a plan, and the options that others put before it.

use std::ffi::OsString;

use nicon_core::suggest::nearest;
use nicon_core::text::escape;
use nicon_core::{Error, Result};

use crate::table::{Given, Table, is_option};

/// The operand that a command of nicon's begins with.
pub(crate) struct Operand {
    /// The command.
    job: &'static str,
    /// Its name in the help.
    name: &'static str,
    /// What it is.
    about: &'static str,
    /// The program of nicon's whose options follow it, without `nicon-`, if one does.
    program: Option<&'static str>,
    /// Options of that program that are none of this command.
    but: &'static [&'static str],
    /// What stands between it and options, with a space.
    between: &'static str,
}

pub(crate) const EXEC: Operand = Operand { program: Some("nsexec"), ..Operand::container("exec") };
pub(crate) const IP: Operand = Operand::container("ip");
pub(crate) const CAPTURE: Operand = Operand { between: "LINK -- ", ..Operand::container("capture") };
pub(crate) const WIRE: Operand = Operand::file("wire");
pub(crate) const CHECK: Operand = Operand { but: OF_WIRING, ..Operand::file("check") };
pub(crate) const DESTROY: Operand =
    Operand { but: &["--prune", "--wait", "--announce", "--check", "--destroy"], ..Operand::file("destroy") };

/// What nicon-wire takes only to wire, and the names of its other jobs.
const OF_WIRING: &[&str] = &["--wait", "--announce", "--check", "--destroy"];

impl Operand {
    const fn container(job: &'static str) -> Self {
        Self { job, name: "PATH", about: "the container", program: None, but: &[], between: "" }
    }

    const fn file(job: &'static str) -> Self {
        Self { job, name: "FILE", about: "the plan's file", program: Some("wire"), but: &[], between: "" }
    }

    /// The operand, and the words behind it.
    ///
    /// # Errors
    /// If an option stands in its place.
    pub(crate) fn split(&self, mut words: Vec<OsString>) -> Result<(OsString, Vec<OsString>)> {
        let is_misplaced = words.first().is_none_or(|first| is_option(&first.to_string_lossy()));
        if is_misplaced && !is_behind_dashes(&words) {
            return Err(self.refuse(&words));
        }
        let first = words.remove(0);
        Ok((first, words))
    }

    /// The same of an operand that only options of its program follow.
    ///
    /// # Errors
    /// If one of them is none of this command.
    pub(crate) fn split_from_options(&self, words: Vec<OsString>) -> Result<(OsString, Vec<OsString>)> {
        let (operand, words) = self.split(words)?;
        let table = self.program.map(Table::of_program).unwrap_or_default();
        let is_none = |given: &Given| given.option.is_empty() || self.but.contains(&given.option);
        let Some(given) = table.given(&words).into_iter().find(is_none) else { return Ok((operand, words)) };
        let known = table.options.iter().flat_map(|row| row.names.split(' ')).filter(|name| name.starts_with("--"));
        Err(match nearest(&given.name, known.filter(|name| !self.but.contains(name))).first() {
            Some(near) => {
                Error::invalid(format!("{}: no option {} (did you mean {near}?)", self.job, escape(&given.name)))
            }
            None => self.unknown(&given.name, &operand.to_string_lossy()),
        })
    }

    /// Why these words, which begin with an option, are refused, and what to say instead: nothing that would be refused as well.
    pub(crate) fn refuse(&self, words: &[OsString]) -> Error {
        let Self { job, name, about, between, .. } = self;
        let word = words.first().map(|first| first.to_string_lossy()).unwrap_or_default();
        let (mut option, mut operand) = (word.clone(), (*name).into());
        if let Some(program) = self.program {
            let table = Table::of_program(program);
            if let Some(found) = words.get(table.options_in(words)) {
                operand = found.to_string_lossy();
            }
            let options = table.options_of(&word);
            if options.iter().any(|given| given.option.is_empty() || self.but.contains(&given.option)) {
                return self.unknown(&word, &operand);
            }
            // Not each program takes the beginning of a long one.
            if let ([only], true) = (&options[..], word.starts_with("--")) {
                option = only.option.into();
            }
        }
        let line = format!("nicon {job} {operand} {between}{option} ..");
        Error::invalid(format!("{job}: {about} comes first: {}", escape(&line)))
    }

    fn unknown(&self, option: &str, operand: &str) -> Error {
        let (job, option) = (self.job, escape(option));
        let way_out = match job {
            "wire" => format!("nicon check {} shows what would be done", escape(operand)),
            _ => format!("see nicon {job} --help"),
        };
        Error::invalid(format!("{job}: there is no option {option} ({way_out})"))
    }
}

/// Whether a `--` precedes these words, which are the last of the command line: the name of a container may begin as an option does.
fn is_behind_dashes(words: &[OsString]) -> bool {
    !words.is_empty() && std::env::args_os().rev().nth(words.len()).is_some_and(|word| word == "--")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_stands_before_is_told_its_place() {
        for (first, line, expected) in [
            (EXEC, "-n P ip", "exec: the container comes first: nicon exec P -n .."),
            (EXEC, "-S 0 P id", "exec: the container comes first: nicon exec P -S .."),
            (EXEC, "--net", "exec: the container comes first: nicon exec PATH --net .."),
            (EXEC, "--cg P", "exec: the container comes first: nicon exec P --cgroup .."),
            (EXEC, "--detach P", "exec: there is no option --detach (see nicon exec --help)"),
            (IP, "-brief P addr", "ip: the container comes first: nicon ip PATH -brief .."),
            (CAPTURE, "-i eth0 P", "capture: the container comes first: nicon capture PATH LINK -- -i .."),
            (WIRE, "--prune lab.yaml", "wire: the plan's file comes first: nicon wire lab.yaml --prune .."),
            (WIRE, "--prun lab.yaml", "wire: the plan's file comes first: nicon wire lab.yaml --prune .."),
            (WIRE, "-n a.yaml", "wire: there is no option -n (nicon check a.yaml shows what would be done)"),
            (CHECK, "-J lab.yaml", "check: the plan's file comes first: nicon check lab.yaml -J .."),
            (CHECK, "--prune lab.yaml", "check: the plan's file comes first: nicon check lab.yaml --prune .."),
            (CHECK, "--wait lab.yaml", "check: there is no option --wait (see nicon check --help)"),
            (DESTROY, "--force lab.yaml", "destroy: the plan's file comes first: nicon destroy lab.yaml --force .."),
            (DESTROY, "--wait 5 lab.yaml", "destroy: there is no option --wait (see nicon destroy --help)"),
        ] {
            let words = line.split(' ').map(OsString::from).collect();
            assert_eq!(first.split(words).unwrap_err().to_string(), expected, "{line}");
        }
    }

    #[test]
    fn what_stands_behind_a_file_are_options() {
        let split =
            |first: &Operand, line: &str| first.split_from_options(line.split(' ').map(OsString::from).collect());
        for (first, line, expected) in [
            (
                WIRE,
                "a.yaml --dry-run",
                "wire: there is no option --dry-run (nicon check a.yaml shows what would be done)",
            ),
            (WIRE, "a.yaml -Jn", "wire: there is no option -n (nicon check a.yaml shows what would be done)"),
            (WIRE, "a.yaml --pruen", "wire: no option --pruen (did you mean --prune?)"),
            (CHECK, "a.yaml --prune --wait 5", "check: there is no option --wait (see nicon check --help)"),
            (DESTROY, "a.yaml --prune", "destroy: there is no option --prune (see nicon destroy --help)"),
        ] {
            assert_eq!(split(&first, line).unwrap_err().to_string(), expected, "{line}");
        }
        for (first, line) in [(WIRE, "a.yaml --prune --wait 5 -J"), (CHECK, "a.yaml --prune -o table"), (DESTROY, "-")]
        {
            assert!(split(&first, line).is_ok(), "{line}");
        }
    }
}
