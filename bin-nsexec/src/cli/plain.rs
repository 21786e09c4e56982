//! The plain command lines: a target by its PID or none, namespaces of the target, and a command.
//!
//! To set up clap and its description of all options takes longer than to enter a namespace. These few words mean the same
//! to both; whatever is not understood here, or is wrong, is left to clap.

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::OsStrExt;

use crate::cli::args::Args;
use crate::operand::Source;

/// What the command line asks for, its first word being the program's name; `None` if it is not plain.
pub(crate) fn parse(words: &[OsString]) -> Option<Args> {
    let mut args = Args::default();
    let mut rest = words.get(1..)?;
    loop {
        let (word, behind) = rest.split_first()?;
        if !word.as_bytes().starts_with(b"-") {
            args.command = rest.to_vec();
            return Some(args);
        }
        rest = behind;
        if let Some(option) = option(&mut args, word.as_bytes()) {
            // Twice the same is an error.
            option.replace(Source::Target).is_none().then_some(())?;
        } else if matches!(word.as_bytes(), b"-a" | b"--all") {
            (!std::mem::replace(&mut args.all, true)).then_some(())?;
        } else {
            let (target, behind) = target(word, rest)?;
            rest = behind;
            args.target.replace(target.to_str()?.parse().ok()?).is_none().then_some(())?;
        }
    }
}

fn option<'a>(args: &'a mut Args, word: &[u8]) -> Option<&'a mut Option<Source>> {
    match word {
        b"-m" | b"--mount" | b"--mnt" => Some(&mut args.mount),
        b"-u" | b"--uts" => Some(&mut args.uts),
        b"-i" | b"--ipc" => Some(&mut args.ipc),
        b"-n" | b"--net" => Some(&mut args.net),
        b"-p" | b"--pid" => Some(&mut args.pid),
        b"-C" | b"--cgroup" => Some(&mut args.cgroup),
        b"-U" | b"--user" => Some(&mut args.user),
        b"-T" | b"--time" => Some(&mut args.time),
        _ => None,
    }
}

/// The operand of `--target`, and what follows it.
fn target<'a>(word: &'a OsStr, rest: &'a [OsString]) -> Option<(&'a OsStr, &'a [OsString])> {
    let word = word.as_bytes();
    if matches!(word, b"-t" | b"--target") {
        let (operand, rest) = rest.split_first()?;
        return Some((operand, rest));
    }
    let attached = word.strip_prefix(b"--target=").or_else(|| word.strip_prefix(b"-t"))?;
    Some((OsStr::from_bytes(attached), rest))
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::Parser;

    fn both(line: &str) -> (Option<String>, Option<String>) {
        let words: Vec<OsString> = ["nsexec"].into_iter().chain(line.split(' ')).map(OsString::from).collect();
        let shown = |args: Args| format!("{args:?}");
        (parse(&words).map(shown), Args::try_parse_from(words).ok().map(shown))
    }

    #[test]
    fn what_is_understood_means_the_same_to_clap() {
        for line in [
            "-t 1 -n ip link",
            "-t1 --net --uts --ipc --cgroup --time ip -n -t 2 --all",
            "--target=7 -a sh",
            "--all --target 7:99 sh -c x --",
            "-m -u -i -n -p -t 7 -U -C -T sh",
            "--mnt -t 3 --pid --user sh",
            "-t 3 sh",
            "-n ip",
            "--all sh -t 1",
            "ip",
            "",
        ] {
            let (plain, clap) = both(line);
            assert_eq!(plain, clap, "{line}");
        }
    }

    #[test]
    fn the_rest_is_left_to_clap() {
        let lines = "-n|-t|-n -t|-t 1|-t 1 -n|-t 1 -n -n ip|-t 1 -t 1 -n ip|-t 0 -n ip|-t  -n ip|-t -1 -n ip|-t=1 -n ip|\
                     -t 99999999999 -n ip|-t 1 -a -a ip|-t 1 -nu ip|-t 1 -n=/x ip|-t 1 -n/x ip|-t 1 --ne ip|-t 1 -n -- ip|\
                     -t 1 -n - ip|-t 1 -n --each ip|--version";
        for line in lines.split('|') {
            assert_eq!(both(line).0, None, "{line}");
        }
    }
}
