//! How far into a container a command goes: all the way, unless options of nicon-nsexec say otherwise.

use std::ffi::{OsStr, OsString};
use std::path::Path;

use nicon_core::text::escape;
use nicon_core::{Error, Result};

use crate::words::table::{Given, Table};

/// The options of nicon-nsexec that say what is entered, or whose files the command has.
const CHOICES: [&str; 13] = [
    "--all",
    "--cgroup",
    "--ipc",
    "--mount",
    "--net",
    "--net-socket",
    "--pid",
    "--root",
    "--time",
    "--user",
    "--user-parent",
    "--uts",
    "--view",
];

/// Options of nicon-nsexec that take something of a process, and so cannot do with a network namespace alone.
const OF_A_PROCESS: [&str; 7] =
    ["--each", "--env", "--follow-context", "--join-cgroup", "--net-socket", "--record", "--stdin"];

/// Those of the given options that are choices.
pub(crate) fn choices(given: &[Given]) -> impl Iterator<Item = &Given> {
    given.iter().filter(|given| CHOICES.contains(&given.option))
}

/// Whether a command goes all the way inside without being told so, by the words for nicon-nsexec.
pub(crate) fn is_all_the_way(words: &[impl AsRef<OsStr>]) -> bool {
    choices(&Table::of_program("nsexec").given(words)).next().is_none()
}

/// The words for nicon-nsexec, with what they leave to us: all the way inside, and a shell where there is no command.
pub(crate) fn complete(words: Vec<OsString>) -> Vec<OsString> {
    if !is_all_the_way(&words) {
        return words;
    }
    let table = Table::of_program("nsexec");
    let has_command = words[table.options_in(&words)..].iter().any(|word| word != "--");
    // The shell would be the value that an option at the end wants.
    let wants_value = words.last().is_some_and(|last| table.awaits(&last.to_string_lossy()).is_some());
    let shell = (!has_command && !wants_value).then(|| OsString::from("sh"));
    [OsString::from("--all")].into_iter().chain(words).chain(shell).collect()
}

/// The words for nicon-nsexec where a network namespace is all that there is to enter: `--net` has its file.
///
/// # Errors
/// If they want more than that.
pub(crate) fn in_network(path: &str, file: &Path, mut words: Vec<OsString>) -> Result<Vec<OsString>> {
    let table = Table::of_program("nsexec");
    let given = table.given(&words);
    let is_net = |given: &Given| given.option == "--net" && !given.has_value;
    let is_net = |word: &OsString| matches!(&table.options_of(&word.to_string_lossy())[..], [only] if is_net(only));
    let is_only = choices(&given).filter(|given| given.option != "--view").count() == 1;
    let needs_process =
        |given: &&Given| OF_A_PROCESS.contains(&given.option) || given.option == "--wd" && !given.has_value;
    if let Some(given) = given.iter().find(needs_process) {
        let path = escape(path);
        let name = &given.name;
        return Err(Error::invalid(format!(
            "exec: {name}: {path} is a network, and no container that has such a thing"
        )));
    }
    let options = table.options_in(&words);
    let net = words[..options].iter_mut().find(|word| is_net(word));
    let Some(net) = net.filter(|_| is_only) else {
        let path = escape(path);
        return Err(Error::invalid(format!(
            "exec: {path} is a network, and no container: nicon exec {path} --net COMMAND runs the host's COMMAND in it"
        )));
    };
    *net = [OsStr::new("--net="), file.as_os_str()].into_iter().collect();
    Ok(words)
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    pub(crate) fn split(line: &str) -> Vec<OsString> {
        line.split_whitespace().map(OsString::from).collect()
    }

    #[test]
    fn all_the_way_inside_unless_told_otherwise() {
        for (line, expected) in [
            ("", "--all sh"),
            ("ls -l", "--all ls -l"),
            ("-- ls --net", "--all -- ls --net"),
            ("--set A=1 env", "--all --set A=1 env"),
            ("-S 1000 id -n", "--all -S 1000 id -n"),
            ("--setu 1000 id", "--all --setu 1000 id"),
            ("--wd=/tmp pwd", "--all --wd=/tmp pwd"),
            ("--clear-env -c env", "--all --clear-env -c env"),
            ("--no-pty", "--all --no-pty sh"),
            ("-S 0 --", "--all -S 0 -- sh"),
            ("-S", "--all -S"),
            ("--privileged id", "--all --privileged id"),
        ] {
            assert_eq!(complete(split(line)), split(expected), "{line}");
        }
        for line in [
            "--net ip",
            "-S 0 -n ip",
            "-FnS0 ip",
            "--cg ip",
            "-n/run/netns/x ip",
            "-N3 ip",
            "-r/x ls",
            "--view",
            "-a sh",
            "--set --net -p ps",
        ] {
            assert_eq!(complete(split(line)), split(line), "{line}");
        }
    }

    #[test]
    fn what_enters_or_has_its_files_is_a_choice_and_nothing_else() {
        for row in Table::of_program("nsexec").options {
            let is_choice = row.names.split(' ').any(|name| CHOICES.contains(&name));
            let has_files = matches!(row.names, "-r --root" | "--view");
            assert_eq!(is_choice, has_files || row.about.starts_with("Enter "), "{}", row.names);
        }
    }

    #[test]
    fn only_the_network_of_a_namespace() {
        let file = Path::new("/run/netns/blue");
        for (line, expected) in [
            ("--net ip addr --net", "--net=/run/netns/blue ip addr --net"),
            ("-S 0 --view -n ip", "-S 0 --view --net=/run/netns/blue ip"),
        ] {
            assert_eq!(in_network("netns:blue", file, split(line)).unwrap(), split(expected), "{line}");
        }
        for line in [
            "--all sh",
            "-n -m ip",
            "--net=red ip",
            "-n -n ip",
            "-nu ip",
            "--view ip",
            "-n --each ip",
            "-nc ip",
            "-n --wd ip",
        ] {
            assert!(in_network("netns:blue", file, split(line)).is_err(), "{line}");
        }
    }
}
