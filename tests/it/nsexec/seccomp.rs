//! A command that runs the container's files is bound by the seccomp filters of the target.

use std::fs;

use libtest_mimic::{Failed, Trial};
use nicon_lab::{LIMIT, Lab, Ran, output_within, wait_for};

use crate::nsexec::as_nsenter::Cell;
use crate::nsexec::fallbacks::traced;
use crate::support::suite::Suite;

pub(crate) fn trials(suite: &Suite) -> Vec<Trial> {
    vec![
        suite.trial("nsexec::seccomp::a_profile_of_dockers", a_profile_of_dockers),
        suite.trial("nsexec::seccomp::filters_on_filters", filters_on_filters),
        suite.trial("nsexec::seccomp::a_profile_that_permits_hardly_anything", a_profile_that_permits_hardly_anything),
        suite.trial("nsexec::seccomp::nobody_is_seen_without_a_filter", nobody_is_seen_without_a_filter),
    ]
}

/// Installs one filter for each word `CALL:ERRNO` (numbers of `x86_64`), with that of `seccomp(2)`'s flags behind a second colon, and
/// executes what follows `--`.
pub(crate) const FILTER: &str = r#"while ((my $word = shift) ne "--") { my ($call, $errno, $flags) = split /:/, "$word:0";
    my $filter = pack("(SCCL)4", 0x20, 0, 0, 0, 0x15, 0, 1, $call, 6, 0, 0, 0x50000 | $errno, 6, 0, 0, 0x7fff0000);
    my $program = pack("Sx6P", 4, $filter);
    syscall(157, 38, 1, 0, 0, 0) == 0 && syscall(317, 1, $flags + 0, $program) == 0 or die $!; } exec @ARGV or die $!;"#;

// Numbers of x86_64.
const FCNTL: u32 = 72;
pub(crate) const MKDIR: u32 = 83;
const EXIT_GROUP: u32 = 231;
pub(crate) const UNSHARE: u32 = 272;

/// A program behind filters, in a mount namespace of its own.
pub(crate) fn filtered(filters: &[String], program: &str) -> Cell {
    Cell::new(&["-m"], &format!("exec perl -e '{FILTER}' {} -- sh -c 'echo; exec {program}'", filters.join(" ")))
}

/// What makes a cell's command visible as soon as it has been started.
pub(crate) fn is_called(pid: u32, name: &str) -> bool {
    fs::read_to_string(format!("/proc/{pid}/comm")).is_ok_and(|comm| comm.trim_end() == name)
}

pub(crate) fn enter(suite: &Suite, pid: u32, options: &[&str], words: &[&str]) -> Ran {
    suite.run(&[&["nicon-nsexec", &format!("-t{pid}")], options, words].concat())
}

/// What a process says of the filters that bind it.
pub(crate) const LOOK: [&str; 4] = ["grep", "-E", "^Seccomp(_filters)?:", "/proc/self/status"];

/// How a command is bound, and can read in /proc that it is; and how it is, but cannot.
const BOUND: [&[&str]; 4] = [&["--all"], &["-m", "-p"], &["-r", "-p"], &["--all", "-S0"]];
const BOUND_UNSEEN: [&[&str]; 4] = [&["-m"], &["-r"], &["-m", "-F"], &["--all", "-F"]];

fn a_profile_of_dockers(suite: &Suite, lab: &Lab) -> Result<(), Failed> {
    let name = "filtered";
    lab.run_container("", name, &["--cap-add=SYS_ADMIN"])?;
    let pid = lab.host_pid(name)?;
    let theirs = output_within(&mut lab.command(name, &LOOK), LIMIT)?.ok()?;
    assert_eq!(theirs, "Seccomp:\t2\nSeccomp_filters:\t1");
    let keyring = ["perl", "-e", "syscall(250, 1, 0) > 0 or die $!"];
    let refused = output_within(&mut lab.command(name, &keyring), LIMIT)?;
    assert!(refused.stderr.contains("Operation not permitted"), "the profile has changed: {refused:?}");
    for options in BOUND {
        assert_eq!(enter(suite, pid, options, &LOOK).ok()?, theirs, "{options:?}");
    }
    for options in BOUND.into_iter().chain(BOUND_UNSEEN) {
        let ran = enter(suite, pid, options, &keyring);
        assert!(ran.code() != Some(0) && ran.stderr.contains("Operation not permitted"), "{options:?} {ran:?}");
    }
    let each = suite.feed(
        &[&["nicon-nsexec", "--each", "--all"], &LOOK[..]].concat(),
        &suite.run(&["nicon-nsid", &pid.to_string()]).ok()?,
    );
    assert_eq!(each.ok()?, theirs);
    for options in [&["--all", "--privileged"][..], &["--net"]] {
        assert_eq!(enter(suite, pid, options, &LOOK).ok()?, "Seccomp:\t0\nSeccomp_filters:\t0", "{options:?}");
        enter(suite, pid, options, &keyring).ok()?;
    }
    Ok(lab.remove("", name)?)
}

fn filters_on_filters(suite: &Suite, _: &Lab) -> Result<(), Failed> {
    // Of two that refuse the same, the later one counts; in the other order that is the other errno. One is logged.
    for (first, second, reason) in [(1, 2, "No such file or directory"), (2, 1, "Operation not permitted")] {
        let cell = filtered(&[format!("{MKDIR}:{first}:2"), format!("{MKDIR}:{second}")], "sleep 60");
        for options in [&["-m"][..], &["-r"], &["--all"], &["-m", "-F"]] {
            assert_eq!(enter(suite, cell.0.id(), options, &LOOK).ok()?, "Seccomp:\t2\nSeccomp_filters:\t2");
            let ran = enter(suite, cell.0.id(), options, &["mkdir", "/nowhere/at-all"]);
            assert!(ran.code() == Some(1) && ran.stderr.contains(reason), "{options:?} {ran:?}");
        }
    }
    // Many, and one that keeps the last step from what it does before them.
    let mut filters: Vec<_> = (0..40).map(|_| format!("{MKDIR}:1")).collect();
    for last in [MKDIR, FCNTL] {
        filters.push(format!("{last}:1"));
        let cell = filtered(&filters, "sleep 60");
        let shown = enter(suite, cell.0.id(), &["-m"], &LOOK).ok()?;
        assert_eq!(shown, format!("Seccomp:\t2\nSeccomp_filters:\t{}", filters.len()));
        let look = "for fd in 3 4 5 6 7 8 9; do (: <&$fd) 2>/dev/null && echo $fd is open; done; true";
        for options in [&["-m"][..], &["-m", "-F"]] {
            assert_eq!(enter(suite, cell.0.id(), options, &["sh", "-c", look]).ok()?, "", "{options:?}");
        }
    }
    Ok(())
}

/// No process, no file and no descriptor can be made or changed, and no reason be told.
const HARDLY_ANYTHING: &str = r#"{"defaultAction": "SCMP_ACT_ALLOW", "syscalls": [{"action": "SCMP_ACT_ERRNO", "names": [
    "fcntl", "prctl", "fork", "vfork", "mkdir", "mkdirat", "writev", "dup", "dup2", "dup3", "pipe", "pipe2", "socket", "ptrace",
    "seccomp", "unlink", "unlinkat", "rename", "kill", "setuid", "setgid", "chmod", "chown", "mount", "unshare", "setns"]}]}"#;

/// Installs a filter that permits what a small program takes to start, sleep and write, and nothing else.
const PERMIT: &str = r#"my @calls = (59, 12, 9, 10, 11, 158, 257, 0, 3, 5, 262, 17, 21, 218, 273, 334, 302, 318, 230, 219, 202, 1, 231, 221);
    my $filter = pack "SCCL", 0x20, 0, 0, 0; my $left = @calls;
    $filter .= pack "SCCL", 0x15, $left--, 0, $_ for @calls;
    $filter .= pack "(SCCL)2", 6, 0, 0, 0x50001, 6, 0, 0, 0x7fff0000;
    my $program = pack "Sx6P", 3 + @calls, $filter;
    syscall(157, 38, 1, 0, 0, 0) == 0 && syscall(317, 1, 0, $program) == 0 or die $!; exec @ARGV or die $!;"#;

fn a_profile_that_permits_hardly_anything(suite: &Suite, lab: &Lab) -> Result<(), Failed> {
    let (name, profile) = ("hardly-filtered", format!("/run/nsexec-profile-{}.json", std::process::id()));
    fs::write(&profile, HARDLY_ANYTHING)?;
    let option = format!("--security-opt=seccomp={profile}");
    let run = lab.run_container("", name, &[&option, "--security-opt=no-new-privileges"]);
    fs::remove_file(&profile)?;
    run?;
    let pid = lab.host_pid(name)?;
    for options in BOUND {
        assert_eq!(enter(suite, pid, options, &["cat", "/proc/self/comm"]).ok()?, "cat", "{options:?}");
        let ran = enter(suite, pid, options, &["mkdir", "/tmp/made"]);
        assert!(ran.code() == Some(1) && ran.stderr.contains("Operation not permitted"), "{options:?} {ran:?}");
    }
    enter(suite, pid, &["--all", "--privileged"], &["mkdir", "/tmp/made"]).ok()?;
    // The reason cannot be told then: the status can.
    assert_eq!(enter(suite, pid, &["--all"], &["/no/such/program"]).code(), Some(127));
    lab.remove("", name)?;
    let cell = Cell::new(&["-m"], &format!("echo; exec perl -e '{PERMIT}' sleep 60"));
    wait_for("sleep", || is_called(cell.0.id(), "sleep"));
    for options in [&["-m"][..], &["-r"], &["-m", "-F"]] {
        assert_eq!(enter(suite, cell.0.id(), options, &["echo", "said"]).ok()?, "said", "{options:?}");
        assert_ne!(enter(suite, cell.0.id(), options, &["mkdir", "/run/made"]).code(), Some(0), "{options:?}");
    }
    // Where even the end is forbidden, it comes by a signal.
    let cell = filtered(&[format!("{FCNTL}:1"), format!("{EXIT_GROUP}:1")], "sleep 60");
    assert_eq!(enter(suite, cell.0.id(), &["-m"], &["/no/such/program"]).code(), Some(128 + 4));
    Ok(())
}

/// A process without a filter that the container can trace is one without a filter for the container.
fn nobody_is_seen_without_a_filter(suite: &Suite, _: &Lab) -> Result<(), Failed> {
    for (forbidden, order) in [
        (MKDIR, ["seccomp(", "execveat(", "clone(CLONE_PARENT"]),
        (FCNTL, ["prctl(PR_SET_DUMPABLE, SUID_DUMP_DISABLE", "clone(CLONE_PARENT", "seccomp("]),
    ] {
        let cell = filtered(&[format!("{forbidden}:1")], "sleep 60");
        let (ran, trace) = traced(
            suite,
            &["-e", "trace=seccomp,prctl,clone,execveat,execve"],
            &[&format!("-t{}", cell.pid()), "-m", "true"],
        )?;
        ran.ok()?;
        // strace shows the flags of that clone under their names.
        let trace = trace.replace("clone(child_stack=NULL, flags=", "clone(");
        let places: Vec<_> = order.iter().map(|call| trace.rfind(call)).collect();
        assert!(places.iter().all(Option::is_some) && places.is_sorted(), "{order:?} {places:?} {trace}");
    }
    Ok(())
}
