//! The operand of a command line: a container, or the file of a plan. Options of the program that it is for may stand on both sides of it.

use std::ffi::OsString;

use nicon_core::suggest::nearest;
use nicon_core::text::escape;
use nicon_core::{Error, Result};

use crate::words::table::{Given, Table};

/// The operand that a command of nicon's begins with.
pub(crate) struct Operand {
    /// The command.
    job: &'static str,
    /// Its name in the help.
    name: &'static str,
    /// What it is.
    about: &'static str,
    /// What kind of thing it is to completion.
    pub(crate) kind: &'static str,
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
    /// That of a command; `None` for others, which begin with none.
    pub(crate) fn of(job: &str) -> Option<Self> {
        [EXEC, IP, CAPTURE, WIRE, CHECK, DESTROY].into_iter().find(|operand| operand.job == job)
    }

    const fn container(job: &'static str) -> Self {
        Self { job, name: "PATH", about: "the container", kind: "container", program: None, but: &[], between: "" }
    }

    const fn file(job: &'static str) -> Self {
        Self { job, name: "FILE", about: "the plan's file", kind: "file", program: Some("wire"), but: &[], between: "" }
    }

    /// The operand, and the other words.
    ///
    /// # Errors
    /// If there is none, or if what precedes it is unknown: one cannot tell then whether it takes the next word.
    pub(crate) fn split(&self, mut words: Vec<OsString>) -> Result<(OsString, Vec<OsString>)> {
        let table = self.table();
        let at = if is_behind_dashes(&words) { 0 } else { table.options_in(&words) };
        let before = table.given(&words[..at]);
        if self.program.is_none() && at > 0 {
            return Err(self.misplaced(&words[0].to_string_lossy()));
        }
        if words.get(at).is_some_and(|word| word == "--") {
            words.remove(at);
        }
        let operand = words.get(at).map_or_else(|| self.name.into(), |operand| operand.to_string_lossy());
        if let Some(given) = before.iter().find(|given| given.option.is_empty()) {
            return Err(self.unknown(&given.name, &operand));
        }
        if at == words.len() {
            let Self { job, name, about, .. } = self;
            return Err(Error::invalid(format!("{job}: {about} is missing: nicon {job} {name} ..")));
        }
        let operand = words.remove(at);
        Ok((operand, words))
    }

    /// The same of an operand that only options of its program stand beside.
    ///
    /// # Errors
    /// If one of them is none of this command.
    pub(crate) fn split_from_options(&self, words: Vec<OsString>) -> Result<(OsString, Vec<OsString>)> {
        let (operand, words) = self.split(words)?;
        let table = self.table();
        let is_none = |given: &Given| given.option.is_empty();
        let Some(given) = table.given(&words).into_iter().find(is_none) else { return Ok((operand, words)) };
        Err(self.unknown(&given.name, &operand.to_string_lossy()))
    }

    /// The options that may stand beside it.
    pub(crate) fn table(&self) -> Table {
        self.program.map(Table::of_program).unwrap_or_default().without(self.but)
    }

    /// Refuses an option of a program that is none of nicon's, and may take the word behind it.
    fn misplaced(&self, option: &str) -> Error {
        let Self { job, name, about, between, .. } = self;
        let line = format!("nicon {job} {name} {between}{option} ..");
        Error::invalid(format!("{job}: {about} comes first: {}", escape(&line)))
    }

    fn unknown(&self, option: &str, operand: &str) -> Error {
        let table = self.table();
        let known = table.options.iter().flat_map(|row| row.names.split(' '));
        let similar = nearest(option.trim_start_matches('-'), known.filter_map(|name| name.strip_prefix("--")));
        let (job, option) = (self.job, escape(option));
        if let Some(similar) = similar.first() {
            return Error::invalid(format!("{job}: no option {option} (did you mean --{similar}?)"));
        }
        let way_out = match &*option {
            "-n" | "--dry-run" if job == "wire" => format!("nicon check {} shows what would be done", escape(operand)),
            _ => format!("see nicon {job} --help"),
        };
        Error::invalid(format!("{job}: there is no option {option} ({way_out})"))
    }
}

/// The operands among the last words of the command line, and the others: options, and what these take.
pub(crate) fn apart(table: &Table, mut words: &[OsString]) -> (Vec<OsString>, Vec<OsString>) {
    let (mut operands, mut options) = (Vec::new(), Vec::new());
    if is_behind_dashes(words) {
        return (words.to_vec(), options);
    }
    loop {
        let (before, rest) = words.split_at(table.options_in(words));
        options.extend_from_slice(before);
        match rest.split_first() {
            None => break,
            Some((word, rest)) if word == "--" => {
                operands.extend_from_slice(rest);
                break;
            }
            Some((operand, rest)) => {
                operands.push(operand.clone());
                words = rest;
            }
        }
    }
    (operands, options)
}

/// Whether a `--` precedes these words, which are the last of the command line: the name of a container may begin as an option does.
fn is_behind_dashes(words: &[OsString]) -> bool {
    !words.is_empty() && std::env::args_os().rev().nth(words.len()).is_some_and(|word| word == "--")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::words::inside::tests::split;

    #[test]
    fn options_stand_on_both_sides() {
        for (of, line, operand, others) in [
            (EXEC, "P ip -n", "P", "ip -n"),
            (EXEC, "-n P ip", "P", "-n ip"),
            (EXEC, "-S 0 P --wd=/ id -u", "P", "-S 0 --wd=/ id -u"),
            (EXEC, "--net -- -P ip", "-P", "--net ip"),
            (EXEC, "P -n -- ip", "P", "-n -- ip"),
            (IP, "P -brief addr", "P", "-brief addr"),
            (CAPTURE, "P eth0 -- -n", "P", "eth0 -- -n"),
            (WIRE, "--wait 5 a.yaml --prune", "a.yaml", "--wait 5 --prune"),
            (CHECK, "-J -", "-", "-J"),
        ] {
            assert_eq!(of.split(split(line)).unwrap(), (operand.into(), split(others)), "{line}");
        }
    }

    #[test]
    fn several_operands_are_told_from_options() {
        let table = Table::of_program("links");
        for (line, operands, options) in [
            ("a 'b.*' -s", "a 'b.*'", "-s"),
            ("--having tcp:80 a -ts b --kind=veth", "a b", "--having tcp:80 -ts --kind=veth"),
            ("-s -- -a -s", "-a -s", "-s"),
            ("-t host", "", "-t host"),
        ] {
            assert_eq!(apart(&table, &split(line)), (split(operands), split(options)), "{line}");
        }
    }

    #[test]
    fn what_is_missing_unknown_or_not_ours() {
        let unknown_to_wire = "wire: there is no option -n (nicon check a.yaml shows what would be done)";
        for (of, line, expected) in [
            (EXEC, "", "exec: the container is missing: nicon exec PATH .."),
            (EXEC, "--net", "exec: the container is missing: nicon exec PATH .."),
            (EXEC, "--rm P", "exec: there is no option --rm (see nicon exec --help)"),
            (IP, "-brief P addr", "ip: the container comes first: nicon ip PATH -brief .."),
            (CAPTURE, "-i eth0 P", "capture: the container comes first: nicon capture PATH LINK -- -i .."),
            (WIRE, "-n a.yaml", unknown_to_wire),
            (WIRE, "a.yaml -Jn", unknown_to_wire),
            (WIRE, "--foo a.yaml", "wire: there is no option --foo (see nicon wire --help)"),
            (WIRE, "a.yaml --pruen", "wire: no option --pruen (did you mean --prune?)"),
            (CHECK, "--wait 5 a.yaml", "check: there is no option --wait (see nicon check --help)"),
            (CHECK, "a.yaml --prune --wait 5", "check: there is no option --wait (see nicon check --help)"),
            (DESTROY, "a.yaml --prune", "destroy: there is no option --prune (see nicon destroy --help)"),
        ] {
            assert_eq!(of.split_from_options(split(line)).unwrap_err().to_string(), expected, "{line}");
        }
    }
}
