//! What those who know docker type, and what they are told to type instead.

use std::ffi::OsString;

use nicon_core::text::escape;
use nicon_core::{Error, Result};

use crate::words::inside::choices;
use crate::words::table::{Given, Table};

const VARIABLE: &str = "a variable is --set NAME=VALUE";
const DIRECTORY: &str = "the directory is --wd=DIR";

/// Refuses what docker's letters would do behind the container: choose another target, or no more than a namespace that hardly
/// anyone wants alone, or take what is meant as a value for the command.
///
/// # Errors
/// What to say instead.
pub(crate) fn refuse_in_exec(path: &str, words: &[OsString]) -> Result<()> {
    let table = Table::of_program("nsexec");
    let given = table.given(words);
    unknown(&given, in_exec)?;
    if let Some(target) = given.iter().find(|given| given.option == "--target") {
        let why = format!("the target is {}, and a terminal is given without asking", escape(path));
        return Err(Error::invalid(format!("exec: leave out {}: {why}", target.name)));
    }
    let operand = words.get(table.options_in(words)).map(|word| word.to_string_lossy()).unwrap_or_default();
    if let Some(env) = given.iter().find(|given| given.option == "--env" && operand.contains('=')) {
        return Err(refused("exec", &env.name, VARIABLE));
    }
    if let Some(last) = given.last().filter(|last| lacks_directory(last) && operand.starts_with('/')) {
        let (name, operand) = (last.option, escape(&operand));
        let why = format!("the directory is attached: {name}={operand} (the command {operand} stands behind --)");
        return Err(refused("exec", &last.name, &why));
    }
    let mut choices = choices(&given).peekable();
    let first = choices.peek().and_then(|first| in_exec(&first.name));
    first.filter(|_| choices.all(|choice| in_exec(&choice.name).is_some())).map_or(Ok(()), Err)
}

/// Whether an option of a working directory has none in its own word.
fn lacks_directory(given: &Given) -> bool {
    !given.has_value && matches!(given.option, "--wd" | "--wdns")
}

/// Refuses options of `docker exec` before the container: what they take would be taken for the container.
///
/// # Errors
/// What to say instead.
pub(crate) fn refuse_before_container(words: &[OsString]) -> Result<()> {
    let given = Table::of_program("nsexec").given(words);
    // With a value of their own, those of nicon-nsexec are clear.
    let mut given = given.iter().filter(|given| given.option.is_empty() || !given.has_value);
    given.find_map(|given| in_exec(&given.name)).map_or(Ok(()), Err)
}

/// What is said of a word that `docker exec` would take; `None` for others.
fn in_exec(word: &str) -> Option<Error> {
    let why = match word {
        "-i" => "a terminal is given without asking: nicon exec PATH COMMAND (the IPC namespace is --ipc)",
        "-t" | "--interactive" | "--tty" => "a terminal is given without asking: nicon exec PATH COMMAND",
        "-u" => "the user is -S USER (the UTS namespace is --uts)",
        "--user" => "the user is -S USER (for the user namespace alone: nicon-nsexec --user)",
        "-e" | "--env" => VARIABLE,
        "-w" | "--workdir" => DIRECTORY,
        "-d" | "--detach" => "the shell runs it in the background: nicon exec PATH COMMAND </dev/null &",
        _ => return None,
    };
    Some(refused("exec", word, why))
}

/// Refuses options of `docker ps` that nicon-resolve does not have.
///
/// # Errors
/// What to say instead.
pub(crate) fn refuse_in_ls(words: &[OsString]) -> Result<()> {
    unknown(&Table::of_program("resolve").given(words), in_ls)
}

/// Refuses what the program does not know, and docker does.
fn unknown(given: &[Given], of_docker: fn(&str) -> Option<Error>) -> Result<()> {
    let mut unknown = given.iter().filter(|given| given.option.is_empty());
    unknown.find_map(|given| of_docker(&given.name)).map_or(Ok(()), Err)
}

fn in_ls(word: &str) -> Option<Error> {
    let why = match word {
        "-a" | "--all" => "only containers that run have a process, and all of these are listed: nicon ls",
        "-q" | "--quiet" => "bare PIDs are nicon ls --pid",
        "--format" => "records are nicon ls -o json (table, wide)",
        _ => return None,
    };
    Some(refused("ls", word, why))
}

fn refused(job: &str, word: &str, why: &str) -> Error {
    Error::invalid(format!("{job}: {word}: {why}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::words::inside::tests::split;

    #[test]
    fn dockers_letters_are_refused() {
        for line in [
            "-it sh",
            "-t sh",
            "-i sh",
            "-u root id",
            "-S 0 -ti sh",
            "-i -u root sh",
            "--targ 1 -n ip",
            "--user root id",
            "-e A=1 env",
            "-w /tmp pwd",
            "--wd /tmp pwd",
            "-S 0 --wdns /tmp",
            "--workdir /tmp pwd",
            "--workdir=/tmp pwd",
            "-d sleep 9",
            "-dit sleep 9",
            "--detach sleep 9",
            "--interactive sh",
        ] {
            assert!(refuse_in_exec("a", &split(line)).is_err(), "{line}");
        }
        for line in [
            "",
            "sh -it",
            "sh -d",
            "-m -u -i -n -p sh",
            "--ipc ipcs",
            "--uts hostname",
            "-un hostname",
            "-S 0 id",
            "-e env",
            "-w pwd",
            "--wd=/tmp /bin/pwd",
            "-w/tmp /bin/pwd",
            "-w -- /bin/pwd",
            "-w -S 0 /bin/pwd",
            "--net /sbin/ip",
            "--root /bin/ls",
            "--net -r /sbin/ip",
        ] {
            assert!(refuse_in_exec("a", &split(line)).is_ok(), "{line}");
        }
    }

    #[test]
    fn options_of_docker_ps_are_refused() {
        for line in ["-a", "-q", "-aq", "-qa a.*", "--all", "--quiet", "--format json", "--format=json", "-J -q"] {
            assert!(refuse_in_ls(&split(line)).is_err(), "{line}");
        }
        for line in ["", "--pid", "-o json", "-J a", "a -q", "-- -a", "--no-such"] {
            assert!(refuse_in_ls(&split(line)).is_ok(), "{line}");
        }
    }
}
