//! Every option of nsenter's, as of util-linux 2.42, in every spelling: the same comes of it where both take it.
//!
//! `NICON_NSENTER` names another nsenter than this machine's to compare with.

use std::collections::BTreeSet;

use libtest_mimic::{Failed, Trial};
use nicon_lab::{LIMIT, Lab, Ran, output_of_input, tool, witness};

use crate::nsexec::as_nsenter::Cell;
use crate::nsexec::options::holder_of_a_socket;
use crate::support::expect::refusal;
use crate::support::suite::Suite;

pub(crate) fn trials(suite: &Suite) -> Vec<Trial> {
    vec![
        suite.trial("nsexec::as_newest::each_option_in_each_spelling", each_option_in_each_spelling),
        suite.trial("nsexec::as_newest::options_that_are_deliberately_others", options_that_are_deliberately_others),
        suite.trial("nsexec::as_newest::files_without_a_target", files_without_a_target),
    ]
}

/// Whether an option takes an operand, and whether that may stand apart.
#[derive(Clone, Copy)]
enum Operand<'a> {
    None,
    /// Only attached.
    Optional(&'a str),
    Required(&'a str),
}
use Operand::{None as Bare, Optional, Required};

/// An option of nsenter's.
struct Of<'a> {
    letter: Option<&'a str>,
    word: &'a str,
    operand: Operand<'a>,
    /// What else is said, so that the option can be seen to do something.
    with: String,
    /// A line of the shell that shows what it does.
    line: &'static str,
}

impl Of<'_> {
    /// All ways to write it.
    fn spellings(&self) -> Vec<Vec<String>> {
        let letter = self.letter.map(|letter| format!("-{letter}"));
        let word = format!("--{}", self.word);
        // Any beginning that no other option has.
        let short = (self.word.len() > 5).then(|| word[..word.len() - 1].to_owned());
        let words = || [word.clone()].into_iter().chain(short.clone());
        let bare = || letter.clone().into_iter().chain(words()).map(|option| vec![option]);
        let attached = |operand: &str| {
            let letters = letter.iter().map(|letter| format!("{letter}{operand}"));
            letters
                .chain(words().map(|word| format!("{word}={operand}")))
                .map(|option| vec![option])
                .collect::<Vec<_>>()
        };
        match self.operand {
            Bare => bare().collect(),
            Optional(operand) => bare().chain(attached(operand)).collect(),
            Required(operand) => {
                let apart = bare().map(|option| [option, vec![operand.to_owned()]].concat());
                apart.chain(attached(operand)).collect()
            }
        }
    }

    fn run(&self, suite: &Suite, spelling: &[String], nsenter: &str) -> (Ran, Ran) {
        let spelling: Vec<&str> = spelling.iter().map(String::as_str).collect();
        let with: Vec<&str> = self.with.split(' ').collect();
        let words = [&with[..], &spelling, &["sh", "-c", self.line]].concat();
        let theirs = output_of_input(tool(nsenter).args(&words), "", LIMIT).unwrap();
        // It refuses that without --privileged, since the command has our files: see the documents.
        let guarded = self.word == "pid";
        let ours = [&["nicon-nsexec"][..], if guarded { &["--privileged"] } else { &[] }, &words].concat();
        (suite.run(&ours), theirs)
    }
}

fn each_option_in_each_spelling(suite: &Suite, _: &Lab) -> Result<(), Failed> {
    let cell = Cell::new(
        &["-m", "-u", "-i", "-n", "-p", "-C", "-T", "-f", "--mount-proc", "--kill-child"],
        "cd /var/tmp; export MARK=theirs; echo; exec sleep 60",
    );
    let pid = witness::family(cell.0.id()).last().ok_or("no child")?.0;
    let user = Cell::new(&["-U", "-r", "-n"], "echo; exec sleep 60");
    let (holder, fd) = holder_of_a_socket(&user)?;
    // Its parent is not ours, which nobody can enter.
    let outer = Cell::new(&["-U", "-r", "-f", "--kill-child"], "exec unshare -U -r sh -c 'echo; exec sleep 60'");
    let inner = witness::family(outer.0.id()).last().ok_or("no child")?.0;
    let (pid, user) = (pid.to_string(), user.pid());
    let file = |kind: &str| format!("/proc/{pid}/ns/{kind}");
    let files = ["mnt", "uts", "ipc", "net", "cgroup", "time", "pid_for_children"].map(file);
    let [mnt, uts, ipc, net, cgroup, time, pid_file] = files.each_ref().map(|file| Optional(file));
    let (user_file, root) = (format!("/proc/{user}/ns/user"), format!("/proc/{pid}/root"));
    let all = "for n in cgroup ipc mnt net pid time uts; do readlink /proc/self/ns/$n; done; pwd";
    let of = |letter: &'static str, word, operand, with: &str, line| {
        let targets = [("CELL", &pid), ("USER", &user), ("HOLDER", &holder.pid()), ("INNER", &inner.to_string())];
        let with = targets.iter().fold(with.to_owned(), |with, (word, pid)| with.replace(word, &format!("-t{pid}")));
        Of { letter: Some(letter).filter(|letter| !letter.is_empty()), word, operand, with, line }
    };
    let table = [
        of("a", "all", Bare, "CELL", all),
        of("t", "target", Required(&pid), "-n", "readlink /proc/self/ns/net"),
        of("m", "mount", mnt, "CELL -p -S0", "readlink /proc/self/ns/mnt"),
        of("u", "uts", uts, "CELL", "readlink /proc/self/ns/uts"),
        of("i", "ipc", ipc, "CELL", "readlink /proc/self/ns/ipc"),
        of("n", "net", net, "CELL", "readlink /proc/self/ns/net"),
        of("p", "pid", pid_file, "CELL", "echo $PPID"),
        of("C", "cgroup", cgroup, "CELL", "readlink /proc/self/ns/cgroup"),
        of("T", "time", time, "CELL", "readlink /proc/self/ns/time"),
        of("U", "user", Optional(&user_file), "USER", "id -u; readlink /proc/self/ns/user"),
        of("S", "setuid", Required("1000"), "CELL -n", "id"),
        of("S", "setuid", Required("follow"), "CELL -n", "id"),
        of("G", "setgid", Required("2000"), "CELL -n", "id"),
        of("G", "setgid", Required("follow"), "CELL -n", "id"),
        of("", "preserve-credentials", Bare, "USER -U", "id"),
        of("", "keep-caps", Bare, "USER -U", "grep -E '^Cap(Prm|Eff)' /proc/self/status"),
        of("r", "root", Optional(&root), "CELL -n -w/", "stat -c %d:%i /"),
        of("w", "wd", Optional("/usr"), "CELL -n", "pwd"),
        of("W", "wdns", Optional("/usr"), "CELL -n", "pwd"),
        of("e", "env", Bare, "CELL -m", "echo $MARK"),
        of("F", "no-fork", Bare, "CELL -n", "readlink /proc/self/ns/net"),
        of("Z", "follow-context", Bare, "CELL -n", "true"),
        of("c", "join-cgroup", Bare, "CELL -n", "cat /proc/self/cgroup"),
        of("N", "net-socket", Required(&fd), "HOLDER", "readlink /proc/self/ns/net"),
        of("", "user-parent", Bare, "INNER -U", "readlink /proc/self/ns/user"),
    ];
    let has_selinux = std::path::Path::new("/sys/fs/selinux/enforce").exists();
    let nsenter = std::env::var("NICON_NSENTER").unwrap_or_else(|_| "nsenter".to_owned());
    let (mut compared, mut ours_alone) = (BTreeSet::new(), BTreeSet::new());
    for option in &table {
        for spelling in option.spellings() {
            let (ours, theirs) = option.run(suite, &spelling, &nsenter);
            if option.word == "follow-context" && !has_selinux {
                // It is understood, and then refused, where nsenter follows nothing in silence.
                refusal(&ours, 125, &["--follow-context: SELinux is not enabled"]);
            } else if theirs.code() == Some(0) {
                assert_eq!(ours.ok()?, theirs.ok()?, "{spelling:?} {ours:?}\n{theirs:?}");
                compared.insert(option.word);
            } else {
                // The nsenter of Debian 12 lacks it, or that spelling.
                let told = ours.ok().map_err(|error| format!("{spelling:?} {error}\n{theirs:?}"))?;
                let there = match option.word {
                    "net-socket" => witness::ns_link(user.parse()?, "net"),
                    "user-parent" => witness::ns_link(outer.0.id(), "user"),
                    _ => None,
                };
                assert!(there.is_none_or(|there| there == told), "{spelling:?} {told}");
                ours_alone.insert(option.word);
            }
        }
    }
    let never: Vec<_> = ours_alone.difference(&compared).collect();
    let theirs = output_of_input(tool(&nsenter).arg("--help"), "", LIMIT)?.ok()?;
    // Their -c takes cgroup v2 alone.
    let has_cgroup_v2 = std::path::Path::new("/sys/fs/cgroup/cgroup.controllers").exists();
    let has = |option: &str| theirs.contains(&format!("--{option}")) && (has_cgroup_v2 || option != "join-cgroup");
    assert!(!never.iter().any(|option| has(option)), "compared nowhere: {never:?}\n{theirs}");
    for option in ["-h", "--help", "-V", "--version"] {
        let theirs = output_of_input(tool(&nsenter).arg(option), "", LIMIT)?;
        assert_eq!((suite.run(&["nicon-nsexec", option]).code(), theirs.code()), (Some(0), Some(0)), "{option}");
    }
    Ok(())
}

/// The table of docs/nsexec-security.md, "Where it differs from nsenter", as far as no other test has it.
fn options_that_are_deliberately_others(suite: &Suite, _: &Lab) -> Result<(), Failed> {
    let cell = Cell::new(&["-m", "-n"], "cd /var/tmp; echo; exec sleep 60");
    let (target, file) = (format!("-t{}", cell.pid()), format!("--net=/proc/{}/ns/net", cell.pid()));
    let run = |words: &[&str]| suite.run(&[&["nicon-nsexec"], words].concat());
    for (words, cause) in [
        (&[&target, "-n", "-t1", "true"][..], "cannot be used multiple times"),
        (&[&target, "-n", &file, "true"], "cannot be used multiple times"),
        (&[&target, "-n", "-N0", "true"], "cannot be used with"),
        (&["--user-parent", "-t1", "true"], "--user-parent: choose the namespace"),
    ] {
        let ran = run(words);
        assert!(ran.code() == Some(125) && ran.stderr.contains(cause), "{words:?} {ran:?}");
    }
    refusal(&run(&["--net=:4026531840", "true"]), 125, &["open :4026531840: No such file", "nicon-nsfind"]);
    if !std::path::Path::new("/sys/fs/selinux/enforce").exists() {
        refusal(&run(&[&target, "-n", "-Z", "true"]), 125, &["--follow-context: SELinux is not enabled"]);
    }
    Ok(())
}

fn files_without_a_target(suite: &Suite, _: &Lab) -> Result<(), Failed> {
    let cell = Cell::new(&["-m"], "echo; exec sleep 60");
    let mount = format!("--mount=/proc/{}/ns/mnt", cell.pid());
    for option in [mount.as_str(), "--root=/", "-r/"] {
        let ran = suite.run(&["nicon-nsexec", option, "true"]);
        refusal(&ran, 125, &["no target: with --mount=FILE or --root=DIR", "--target PID", "--privileged"]);
    }
    let look = ["readlink", "/proc/self/ns/mnt"];
    let there = witness::ns_link(cell.0.id(), "mnt");
    let target = format!("-t{}", cell.pid());
    for way_out in ["--privileged", &target] {
        let ran = suite.run(&[&["nicon-nsexec", &mount, way_out][..], &look].concat());
        assert_eq!(Some(ran.ok()?), there, "{way_out}");
    }
    Ok(())
}
