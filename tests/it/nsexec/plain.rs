//! nicon-nsexec's plain command lines, which it understands without clap: they mean and do the same, only sooner.

use std::os::unix::fs::PermissionsExt;
use std::process::Command;

use libtest_mimic::{Failed, Trial};
use nicon_lab::{LIMIT, Lab, Ran, output_of_input, witness};

use crate::nsexec::as_nsenter::CONTAINER;
use crate::nsexec::fallbacks::traced;
use crate::support::suite::Suite;

pub(crate) fn trials(suite: &Suite) -> Vec<Trial> {
    vec![
        suite.trial("nsexec::plain::system_calls", system_calls),
        suite.trial("nsexec::plain::as_by_clap", as_by_clap),
        suite.trial("nsexec::plain::the_command_is_found_as_by_clap", the_command_is_found_as_by_clap),
    ]
}

/// What the C library does for its own sake, at its start or for memory; of these, nothing is the container's.
const OF_THE_C_LIBRARY: [&str; 14] = [
    "arch_prctl",
    "brk",
    "fcntl",
    "getpid",
    "getrandom",
    "mmap",
    "mprotect",
    "munmap",
    "prlimit64",
    "readlink",
    "rseq",
    "set_robust_list",
    "set_tid_address",
    "uname",
];

fn system_calls(suite: &Suite, lab: &Lab) -> Result<(), Failed> {
    let pid = lab.host_pid(CONTAINER)?.to_string();
    let (joined, equals) = (format!("-t{pid}"), format!("--target={pid}"));
    for options in [
        &["-t", &pid, "-n"][..],
        &["--net", &joined],
        &["--target", &pid, "--net", "--uts", "--ipc", "--cgroup"],
        &[&equals, "-n", "-u", "-i", "-C"],
    ] {
        let (ran, trace) = traced(suite, &[], &[options, &["/bin/readlink", "/proc/self/ns/net"]].concat())?;
        assert_eq!(Some(ran.ok()?), witness::ns_link(pid.parse()?, "net"), "{options:?}");
        let calls = trace.lines().filter_map(|line| line.split_once(' ')?.1.trim().split('(').next());
        let calls: Vec<&str> = calls.filter(|call| !OF_THE_C_LIBRARY.contains(call)).take(9).collect();
        // The directory in /proc, and whether the command is the operand of an option; each C library has its own names.
        let [exec, pin, open, alive, stat, rest @ ..] = &calls[..] else { panic!("{options:?} {trace}") };
        assert_eq!([*exec, *pin, *alive], ["execve", "pidfd_open", "poll"], "{options:?} {trace}");
        assert!(open.starts_with("open") && stat.contains("stat"), "{options:?} {trace}");
        assert_eq!(rest, ["poll", "setns", "close_range", "execve"], "{options:?} {trace}");
    }
    Ok(())
}

/// Runs with `options`, and once more with one besides that means nothing here and is not plain.
fn both_ways(suite: &Suite, options: &[&str], words: &[&str], prepare: impl Fn(&mut Command)) -> (Ran, Ran) {
    let run = |besides: &[&str]| {
        let mut command = suite.command("nicon-nsexec").unwrap();
        command.args(options).args(besides).args(words);
        prepare(&mut command);
        output_of_input(&mut command, "", LIMIT).unwrap()
    };
    (run(&[]), run(&["--no-fork"]))
}

fn as_by_clap(suite: &Suite, lab: &Lab) -> Result<(), Failed> {
    let pid = lab.host_pid(CONTAINER)?.to_string();
    let beyond = format!("{}", u64::from(u32::MAX) + 1 + pid.parse::<u64>()?);
    let look = "readlink /proc/self/ns/net /proc/self/ns/uts /proc/self/ns/mnt; grep -E '^(SigBlk|SigIgn|Cap)' /proc/self/status";
    for (options, status) in [
        (&["-t", &pid, "-n"][..], 0),
        (&["-t", &pid, "-u"], 0),
        (&["-t", &pid, "-un"], 0),
        (&["-t", &pid], 125),
        (&["-n"], 125),
        (&["-t", &pid, "-n", "-n"], 125),
        (&["-t", &pid, "-t", &pid, "-n"], 125),
        (&["-t", "0", "-n"], 125),
        (&["-t", "", "-n"], 125),
        (&["-t", "-1", "-n"], 125),
        (&["-t", &beyond, "-n"], 125),
        (&["-t", "4194304", "-n"], 125),
        (&["-t", &pid, "--nets"], 125),
        (&["-t", &pid, "--ne"], 125),
    ] {
        let words = ["sh", "-c", look, "-t", "1"];
        let (plain, clap) = both_ways(suite, options, &words, |_| {});
        assert_eq!(plain.code(), Some(status), "{plain:?}");
        assert_eq!(
            (&plain.stdout, &plain.stderr, plain.code()),
            (&clap.stdout, &clap.stderr, clap.code()),
            "{options:?}"
        );
    }
    Ok(())
}

fn the_command_is_found_as_by_clap(suite: &Suite, lab: &Lab) -> Result<(), Failed> {
    let pid = lab.host_pid(CONTAINER)?.to_string();
    let directory = format!("/run/nsexec-plain-{}", std::process::id());
    std::fs::create_dir_all(format!("{directory}/first"))?;
    let write = |name: &str, text: &str, mode: u32| {
        let path = format!("{directory}/{name}");
        std::fs::write(&path, text)?;
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode))
    };
    write("first/hidden", "#!/bin/sh\necho not to be executed\n", 0o644)?;
    write("hidden", "#!/bin/sh\necho found $0 $1\n", 0o755)?;
    write("plain", "echo a script of the shell $0 $1\n", 0o755)?;
    let long_name = "x".repeat(5000);
    for (path, program, status, said) in [
        (Some(format!("{directory}/first:/etc/passwd:/nowhere:{directory}")), "hidden", 0, "found"),
        (Some(format!("{directory}/first")), "hidden", 126, ""),
        (Some(format!("{directory}:/bin")), "plain", 0, "a script"),
        (Some(format!(":{directory}/first")), "hidden", 0, "found ./hidden"),
        (Some("/nowhere".to_owned()), "hidden", 127, ""),
        (Some(String::new()), "hidden", 0, "found"),
        (None, "true", 0, ""),
        (None, "./hidden", 0, "found ./hidden"),
        (None, "", 127, ""),
        (None, "/etc", 126, ""),
        (None, &long_name, 126, ""),
    ] {
        let prepare = |command: &mut Command| {
            command.current_dir(&directory).env_remove("PATH");
            if let Some(path) = &path {
                command.env("PATH", path);
            }
        };
        let (plain, clap) = both_ways(suite, &["-t", &pid, "--net"], &[program, "word"], prepare);
        let case = format!("{path:?} {program:?}");
        assert_eq!(plain.code(), Some(status), "{case} {plain:?}");
        assert!(plain.stdout.starts_with(said), "{case} {plain:?}");
        assert_eq!((&plain.stdout, &plain.stderr, plain.code()), (&clap.stdout, &clap.stderr, clap.code()), "{case}");
    }
    std::fs::remove_dir_all(directory)?;
    Ok(())
}
