//! nicon-nsexec side by side with nsenter: option by option, and where nsenter goes wrong.

use std::fs;
use std::process::{Command, Stdio};

use libtest_mimic::{Failed, Trial};
use nicon_lab::{LIMIT, Lab, Ran, output_of_input, tool, wait_for, witness};

pub(crate) use crate::support::cell::Cell;
use crate::support::expect::refusal;
use crate::support::suite::Suite;

pub(crate) fn trials(suite: &Suite) -> Vec<Trial> {
    vec![
        suite.trial("nsexec::as_nsenter::each_namespace_as_nsenter", each_namespace_as_nsenter),
        suite.trial("nsexec::as_nsenter::environment_and_shell", environment_and_shell),
        suite.trial("nsexec::as_nsenter::cgroups_follow", cgroups_follow),
        suite.trial("nsexec::as_nsenter::privileges_are_at_most_the_targets", privileges_are_at_most_the_targets),
        suite.trial("nsexec::as_nsenter::exit_statuses", exit_statuses),
        suite.trial("nsexec::as_nsenter::nothing_but_0_to_2_is_open", nothing_but_0_to_2_is_open),
    ]
}

/// The container that is entered.
pub(crate) const CONTAINER: &str = "setup.olt_1.lt_1";

/// A directory in /run for one test, which is removed in the end with all that is in it.
pub(crate) struct Scratch(pub(crate) String);

impl Scratch {
    /// Its name is for one test alone. What a run that was killed has left there is removed.
    pub(crate) fn new(name: &str) -> Result<Self, Failed> {
        let scratch = Self(format!("/run/{name}"));
        let _ = fs::remove_dir_all(&scratch.0);
        fs::create_dir(&scratch.0)?;
        Ok(scratch)
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// Runs both programs with the same arguments.
pub(crate) fn both(suite: &Suite, arguments: &[&str]) -> (Ran, Ran) {
    let nsexec = suite.run(&[&["nicon-nsexec"], arguments].concat());
    (nsexec, output_of_input(tool("nsenter").args(arguments), "", LIMIT).unwrap())
}

#[track_caller]
pub(crate) fn same(suite: &Suite, arguments: &[&str]) -> String {
    let (ours, theirs) = both(suite, arguments);
    assert_eq!(ours.code(), theirs.code(), "{ours:?}\n{theirs:?}");
    assert_eq!(ours.stdout, theirs.stdout, "{ours:?}\n{theirs:?}");
    ours.ok().unwrap()
}

fn each_namespace_as_nsenter(suite: &Suite, lab: &Lab) -> Result<(), Failed> {
    let pid = lab.host_pid(CONTAINER)?;
    let target = format!("-t{pid}");
    for (option, kind) in [("-u", "uts"), ("-i", "ipc"), ("-n", "net"), ("-C", "cgroup"), ("-T", "time")] {
        let link = same(suite, &[&target, option, "readlink", &format!("/proc/self/ns/{kind}")]);
        assert_eq!(Some(link), witness::ns_link(pid, kind));
    }
    for kind in ["mnt", "pid"] {
        let link = same(suite, &[&target, "-m", "-p", "readlink", &format!("/proc/self/ns/{kind}")]);
        assert_eq!(Some(link), witness::ns_link(pid, kind));
    }
    let all = same(suite, &[&target, "--all", "sh", "-c", "for n in /proc/self/ns/*; do readlink $n; done; hostname"]);
    for kind in ["cgroup", "ipc", "mnt", "net", "pid", "uts"] {
        assert!(all.contains(&witness::ns_link(pid, kind).ok_or("gone")?), "{all}");
    }
    // What is not asked for stays ours.
    let net = same(suite, &[&target, "--net", "readlink", "/proc/self/ns/mnt"]);
    assert_eq!(Some(net), witness::ns_link(std::process::id(), "mnt"));
    // A PID namespace without a child is for children only.
    let words = ["-F", "-p", "readlink", "/proc/self/ns/pid_for_children"];
    let ours = suite.run(&[&["nicon-nsexec", &target, "--privileged"], &words[..]].concat());
    let theirs = output_of_input(tool("nsenter").arg(&target).args(words), "", LIMIT)?;
    assert_eq!(ours.ok()?, theirs.ok()?);
    Ok(())
}

fn environment_and_shell(suite: &Suite, lab: &Lab) -> Result<(), Failed> {
    let target = format!("-t{}", lab.host_pid(CONTAINER)?);
    let run = |words: &[&str], input: &str| {
        let mut command = suite.command("nicon-nsexec").unwrap();
        command.arg(&target).args(words).env("MARK", "ours").env("SHELL", "/bin/sh");
        output_of_input(&mut command, input, LIMIT).unwrap()
    };
    assert!(run(&["-n", "env"], "").ok()?.contains("MARK=ours"));
    assert!(run(&["-p", "--privileged", "env"], "").ok()?.contains("MARK=ours"));
    for options in [&["-a"][..], &["-m"], &["-r"], &["-a", "-F"], &["-a", "--privileged"], &["-n", "--clear-env"]] {
        let clean = run(&[options, &["env"]].concat(), "").ok()?;
        let names = clean.lines().map(|line| line.split('=').next().unwrap());
        assert!(names.clone().all(|name| ["TERM", "PATH", "NICON_TARGET"].contains(&name)), "{options:?} {clean}");
        assert!(names.clone().any(|name| name == "PATH"), "{options:?} {clean}");
    }
    assert!(run(&["-a", "--keep-env", "env"], "").ok()?.contains("MARK=ours"));
    // Single variables, given or the caller's; what the caller does not have is not set.
    let set = ["--set", "MARK", "--set=ONE=a=b", "--set", "ONE=c", "--set", "NO_SUCH_VARIABLE_OF_OURS"];
    for options in [&["-a"][..], &["-a", "-e"], &["-n"], &["-n", "--clear-env"]] {
        let shown = run(&[options, &set, &["env"]].concat(), "").ok()?;
        let count = |text: &str| shown.lines().filter(|line| line.starts_with(text)).count();
        let counts = [count("MARK=ours"), count("MARK="), count("ONE=c"), count("ONE="), count("NO_SUCH")];
        assert_eq!(counts, [1, 1, 1, 1, 0], "{options:?} {shown}");
    }
    for refused in [&["--set", "=x"][..], &["--set", ""], &["--keep-env", "-e"], &["--keep-env", "--clear-env"]] {
        assert_eq!(run(&[&["-a"], refused, &["env"]].concat(), "").code(), Some(125), "{refused:?}");
    }
    let theirs = run(&["-a", "-e", "env"], "").ok()?;
    assert!(theirs.contains("HOSTNAME=lt_1") && !theirs.contains("MARK"), "{theirs}");
    let clear = run(&["-a", "--clear-env", "env"], "").ok()?;
    assert!(clear.contains("PATH=") && !clear.contains("MARK") && clear.lines().count() <= 3, "{clear}");
    // Without a command: the shell, as a login shell.
    assert_eq!(run(&["-a"], "echo $0 in $(hostname)\n").ok()?, "-sh in lt_1");
    assert_eq!(run(&["-a", "--set=SHELL=/bin/bash"], "echo $0 in $(hostname)\n").ok()?, "-bash in lt_1");
    Ok(())
}

fn cgroups_follow(suite: &Suite, lab: &Lab) -> Result<(), Failed> {
    let pid = lab.host_pid(CONTAINER)?;
    let target = format!("-t{pid}");
    let theirs = fs::read_to_string(format!("/proc/{pid}/cgroup"))?;
    let ours = fs::read_to_string("/proc/self/cgroup")?;
    assert_ne!(theirs, ours);
    let shown = |words: &[&str]| suite.run(&[&["nicon-nsexec", &target], words].concat()).stdout;
    assert_eq!(shown(&["-n", "-c", "cat", "/proc/self/cgroup"]), theirs);
    assert_eq!(shown(&["-n", "cat", "/proc/self/cgroup"]), ours);
    // Entered with its mount namespace, it follows by itself; seen from outside, for inside it calls itself "/".
    for (option, expected) in [(&[][..], &theirs), (&["--privileged"][..], &ours)] {
        let mut command = suite.command("nicon-nsexec")?;
        command.arg(&target).arg("--all").args(option).args(["sleep", "60"]);
        let child = Cell(command.stdin(Stdio::null()).spawn()?);
        wait_for("cgroup", || {
            let family = witness::family(child.0.id());
            family.last().is_some_and(|(last, _)| {
                fs::read(format!("/proc/{last}/comm")).is_ok_and(|name| name == b"sleep\n")
                    && fs::read_to_string(format!("/proc/{last}/cgroup")).is_ok_and(|text| text == *expected)
            })
        });
    }
    Ok(())
}

fn privileges_are_at_most_the_targets(suite: &Suite, lab: &Lab) -> Result<(), Failed> {
    let pid = lab.host_pid(CONTAINER)?;
    let target = format!("-t{pid}");
    let field = |status: &str, name: &str| {
        let line = status.lines().find(|line| line.starts_with(name)).unwrap().to_owned();
        u64::from_str_radix(line.split_whitespace().last().unwrap(), 16).unwrap()
    };
    let theirs = fs::read_to_string(format!("/proc/{pid}/status"))?;
    let own = fs::read_to_string("/proc/self/status")?;
    let shown = |words: &[&str]| {
        suite.run(&[&["nicon-nsexec", &target], words, &["cat", "/proc/self/status"]].concat()).ok().unwrap()
    };
    let limited = shown(&["--all"]);
    for set in ["CapPrm", "CapEff", "CapBnd", "CapInh", "CapAmb"] {
        let (have, may) = (field(&limited, set), field(&theirs, "CapBnd"));
        assert_eq!(have & !may, 0, "{set} {have:x} of {may:x}");
        assert_ne!(field(&own, "CapEff") & !may, 0, "the container is not limited at all");
    }
    assert_eq!(field(&limited, "CapEff"), field(&theirs, "CapEff"), "root in the container has what root there has");
    assert_eq!(field(&limited, "NoNewPrivs"), 1);
    let privileged = shown(&["--all", "--privileged"]);
    assert_eq!(field(&privileged, "CapEff"), field(&own, "CapEff"));
    assert_eq!(field(&privileged, "NoNewPrivs"), 0);
    // The network alone changes nothing.
    let net = shown(&["--net"]);
    for name in ["CapPrm", "CapEff", "CapBnd", "NoNewPrivs"] {
        assert_eq!(field(&net, name), field(&own, name), "{name}");
    }
    // nsenter hands the caller's capabilities to the container's code.
    let nsenter =
        output_of_input(tool("nsenter").args([&target, "-a", "cat", "/proc/self/status"]), "", LIMIT)?.ok()?;
    assert_eq!(field(&nsenter, "CapEff"), field(&own, "CapEff"));
    Ok(())
}

fn exit_statuses(suite: &Suite, lab: &Lab) -> Result<(), Failed> {
    let target = format!("-t{}", lab.host_pid(CONTAINER)?);
    for options in [&["-n"][..], &["-a"], &["-a", "-F"], &["-p", "--privileged"], &["-a", "--privileged"]] {
        let run = |words: &[&str]| suite.run(&[&["nicon-nsexec", &target], options, &["--"], words].concat());
        for status in [0, 1, 42, 125, 255] {
            assert_eq!(run(&["sh", "-c", &format!("exit {status}")]).code(), Some(status), "{options:?}");
        }
        refusal(&run(&["no-such-program"]), 127, &["nicon-nsexec: run no-such-program: No such file"]);
        refusal(&run(&["/usr"]), 126, &["nicon-nsexec: run /usr: Permission denied"]);
        refusal(&run(&["/etc/passwd"]), 126, &["Permission denied"]);
        refusal(&run(&[""]), 127, &["nicon-nsexec: run \"\": No such file"]);
    }
    for (signal, number) in [("TERM", 15), ("KILL", 9), ("SEGV", 11)] {
        let ran = suite.run(&["nicon-nsexec", &target, "-a", "sh", "-c", &format!("kill -{signal} $$")]);
        assert_eq!(ran.code(), Some(128 + number), "{ran:?}");
    }
    for usage in [&["--no-such-option"][..], &["-t", "x"], &["-t", "0"], &["-t", "1", "-S", "x"], &["--each", "-t1"]] {
        assert_eq!(suite.run(&[&["nicon-nsexec"], usage, &["true"]].concat()).code(), Some(125), "{usage:?}");
    }
    refusal(&suite.run(&["nicon-nsexec", "-t", "4194304", "-n", "true"]), 125, &["no process has PID 4194304"]);
    assert_eq!(suite.run(&["nicon-nsexec", "--help"]).code(), Some(0));
    Ok(())
}

fn nothing_but_0_to_2_is_open(suite: &Suite, lab: &Lab) -> Result<(), Failed> {
    let pid = lab.host_pid(CONTAINER)?;
    let program = suite.bins()?.join("nicon-nsexec").display().to_string();
    let list = |tool_and_options: &str, closing: &str| {
        // `ls` itself has the directory open, as the next free number.
        let line = format!("exec 7</etc/passwd 9>/dev/null; {tool_and_options} ls /proc/self/fd {closing}");
        let ran = output_of_input(tool("bash").args(["-c", &line]), "", LIMIT).unwrap();
        ran.stdout.split_whitespace().map(str::to_owned).collect::<Vec<_>>()
    };
    for options in ["--net", "--net --mount --pid", "--all --privileged", "--all"] {
        let ours = list(&format!("{program} -t {pid} {options}"), "");
        assert_eq!(ours, ["0", "1", "2", "3"], "{options}");
        // What the caller closed stays closed, and `ls` then finds that number free.
        assert_eq!(list(&format!("{program} -t {pid} {options}"), "<&-"), ["0", "1", "2"], "{options}");
    }
    let theirs = list(&format!("nsenter -t {pid} -n"), "");
    assert!(theirs.contains(&"7".to_owned()), "nsenter has learned to close: {theirs:?}");
    // Standard input is never replaced.
    for options in [&["--net"][..], &["--all"][..]] {
        let target = format!("-t{pid}");
        let mut command = Command::new(&program);
        command.arg(target).args(options).args(["readlink", "/proc/self/fd/0"]);
        let ran = output_of_input(&mut command, "", LIMIT)?;
        assert!(ran.ok()?.starts_with("pipe:"), "{options:?}");
    }
    Ok(())
}
