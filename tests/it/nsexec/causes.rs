//! What cannot be entered, or not so: the message names the cause and a way out.

use std::fs::File;
use std::io::{BufRead, BufReader, Read};
use std::os::fd::AsRawFd;
use std::process::{Command, Stdio};

use libtest_mimic::{Failed, Trial};
use nicon_lab::{LIMIT, Lab, Ran, output_of_input, output_within, tool, wait_for, witness};

use crate::nsexec::as_nsenter::Cell;
use crate::nsexec::own::Copy;
use crate::support::expect::refusal;
use crate::support::suite::Suite;

pub(crate) fn trials(suite: &Suite) -> Vec<Trial> {
    vec![
        suite.trial("nsexec::causes::groups_that_cannot_be_set", groups_that_cannot_be_set),
        suite.trial("nsexec::causes::ids_that_are_not_mapped", ids_that_are_not_mapped),
        suite.trial("nsexec::causes::a_thread_as_target", a_thread_as_target),
        suite.trial("nsexec::causes::a_pid_namespace_without_init", a_pid_namespace_without_init),
        suite.trial("nsexec::causes::a_container_that_is_paused", a_container_that_is_paused),
        suite.trial("nsexec::causes::processes_that_proc_hides", processes_that_proc_hides),
        suite.trial("nsexec::causes::records_and_words_without_a_process", records_and_words_without_a_process),
    ]
}

/// The command waits with the container, and somebody says so.
fn a_container_that_is_paused(suite: &Suite, lab: &Lab) -> Result<(), Failed> {
    let name = "nsexec-paused";
    lab.run_container("", name, &["--security-opt=seccomp=unconfined"])?;
    let target = format!("-t{}", lab.host_pid(name)?);
    lab.docker("", &["pause", name])?.ok()?;
    // Out of the cgroup, it is not frozen.
    suite.run(&["nicon-nsexec", &target, "--all", "--no-cgroup", "true"]).ok()?;
    let start = |word: &str| {
        let mut command = suite.command("nicon-nsexec")?;
        command
            .args([&target, "--all", "echo", word])
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        Ok::<_, Failed>(Cell(command.spawn()?))
    };
    let told = |cell: &mut Cell| {
        let mut line = String::new();
        BufReader::new(cell.0.stderr.as_mut().unwrap()).read_line(&mut line).unwrap();
        line
    };
    let mut waits = start("thawed")?;
    let line = told(&mut waits);
    assert!(line.contains("frozen") && line.contains("docker unpause") && line.contains("--no-cgroup"), "{line}");
    // One that is to end does not wait for that.
    let mut ends = start("never")?;
    told(&mut ends);
    output_within(tool("kill").arg(ends.pid()), LIMIT)?.ok()?;
    wait_for("end", || ends.0.try_wait().unwrap().is_some());
    assert_eq!(ends.0.wait()?.code(), Some(143));
    lab.docker("", &["unpause", name])?.ok()?;
    let mut shown = String::new();
    waits.0.stdout.as_mut().ok_or("no output")?.read_to_string(&mut shown)?;
    assert_eq!((shown.as_str(), waits.0.wait()?.code()), ("thawed\n", Some(0)));
    Ok(lab.remove("", name)?)
}

/// Of uid 1000 with a group besides, which only a privileged process can give up.
fn user(program: impl AsRef<std::ffi::OsStr>) -> Command {
    let mut command = tool("setpriv");
    command.args(["--reuid=1000", "--regid=1000", "--groups=1000,27", "--inh-caps=-all", "--pdeathsig=KILL", "--"]);
    command.arg(program);
    command
}

fn groups_that_cannot_be_set(suite: &Suite, _: &Lab) -> Result<(), Failed> {
    let copy = Copy::new(suite, "nsexec-with-groups")?;
    let cell = Cell(user("unshare").args(["-U", "-r", "sleep", "60"]).stdin(Stdio::null()).spawn()?);
    let denied =
        || std::fs::read_to_string(format!("/proc/{}/setgroups", cell.pid())).is_ok_and(|text| text == "deny\n");
    wait_for("map", || {
        denied() && std::fs::read_to_string(format!("/proc/{}/gid_map", cell.pid())).is_ok_and(|map| !map.is_empty())
    });
    let target = format!("-t{}", cell.pid());
    let run = |options: &[&str]| -> Ran {
        let mut command = user(&copy.0);
        output_of_input(command.arg(&target).args(options).args(["id", "-u"]), "", LIMIT).unwrap()
    };
    for options in [&["-U"][..], &["-U", "-G", "0"], &["-a", "-G", "0"], &["-U", "-S", "0"]] {
        let words = ["set the supplementary groups: the user namespace denies it to all", "--preserve-credentials"];
        refusal(&run(options), 125, &words);
    }
    assert_eq!(run(&["-U", "--preserve-credentials"]).ok()?, "0");
    assert_eq!(run(&["-a", "--preserve-credentials"]).ok()?, "0");
    Ok(())
}

fn ids_that_are_not_mapped(suite: &Suite, _: &Lab) -> Result<(), Failed> {
    let nobody = Cell::new(&["-U"], "echo; exec sleep 60");
    let root = Cell::new(&["-U", "-r"], "echo; exec sleep 60");
    let (nobody, root) = (format!("-t{}", nobody.pid()), format!("-t{}", root.pid()));
    let keep = "--preserve-credentials keeps the caller's";
    for (target, options, what) in [
        (
            &root,
            &["-U", "-S", "5"][..],
            "set user ID 5: it is not mapped in the user namespace (--setuid chooses another",
        ),
        (&root, &["-U", "-S", "daemon"], "not mapped in the user namespace (--setgid chooses another"),
        (&root, &["-a", "-G", "5"], "set group ID 5: it is not mapped in the user namespace (--setgid chooses another"),
        (&nobody, &["-a"], "set group ID 65534: it stands for one that is not mapped in the user namespace"),
        (&nobody, &["-U"], "set group ID 0: it is not mapped in the user namespace"),
    ] {
        let ran = suite.run(&[&["nicon-nsexec", target.as_str()][..], options, &["true"]].concat());
        refusal(&ran, 125, &[what, keep]);
    }
    for target in [&nobody, &root] {
        let ran = suite.run(&["nicon-nsexec", target, "-U", "--preserve-credentials", "true"]);
        assert_eq!(ran.code(), Some(0), "{ran:?}");
    }
    Ok(())
}

fn a_thread_as_target(suite: &Suite, lab: &Lab) -> Result<(), Failed> {
    let process = lab.host_pid("setup")?;
    let tasks = std::fs::read_dir(format!("/proc/{process}/task"))?.flatten();
    let thread = tasks.filter_map(|entry| entry.file_name().into_string().ok()).find(|tid| *tid != process.to_string());
    let thread = thread.ok_or("dockerd has one thread")?;
    let words = format!("PID {thread} is a thread of process {process}");
    refusal(&suite.run(&["nicon-nsexec", &format!("-t{thread}"), "-n", "true"]), 125, &[&words]);
    let nsid = suite.run(&["nicon-nsid", &thread]);
    assert!(nsid.stderr.contains(&words), "{nsid:?}");
    Ok(())
}

fn a_pid_namespace_without_init(suite: &Suite, _: &Lab) -> Result<(), Failed> {
    let cell = Cell::new(&["-p", "-f", "--kill-child"], "echo; exec sleep 60");
    let inner = witness::family(cell.0.id()).last().ok_or("unshare has no child")?.0;
    let namespace = File::open(format!("/proc/{inner}/ns/pid"))?;
    drop(cell);
    wait_for("end of the namespace's init", || witness::stat(inner).is_none());
    let file = format!("--pid=/proc/{}/fd/{}", std::process::id(), namespace.as_raw_fd());
    let theirs = output_within(tool("nsenter").args([&file, "true"]), LIMIT)?;
    assert_eq!(theirs.code(), Some(1), "{theirs:?}");
    let ours = suite.run(&["nicon-nsexec", &file, "--privileged", "true"]);
    refusal(&ours, 125, &["start a process in its PID namespace", "init has ended", "Cannot allocate memory"]);
    Ok(())
}

fn processes_that_proc_hides(suite: &Suite, _: &Lab) -> Result<(), Failed> {
    let copy = Copy::new(suite, "nsexec-and-hidepid")?;
    let program = copy.0.display();
    for hidepid in [1, 2, 4] {
        for option in ["-n", "-a", "-w"] {
            let user = "setpriv --reuid=1000 --regid=1000 --clear-groups --inh-caps=-all";
            let script = format!(
                "mount -o remount,hidepid={hidepid} /proc; sleep 60 & {user} {program} -t $! {option} true; code=$?; kill $!; exit $code"
            );
            let ran =
                output_within(tool("unshare").args(["-m", "-p", "-f", "--mount-proc", "sh", "-c", &script]), LIMIT)?;
            let words = ["is hidden from us: /proc is mounted with hidepid", "CAP_SYS_PTRACE"];
            refusal(&ran, 125, &words);
        }
    }
    Ok(())
}

fn records_and_words_without_a_process(suite: &Suite, _: &Lab) -> Result<(), Failed> {
    for (record, words) in [
        (r#"{"target":"host"}"#, "the record names the host, which is no process (--target 1 is its first process)"),
        (r#"{"target":"netns:blue"}"#, "(--net=blue enters it)"),
        (r#"{"target":"file:/run/x"}"#, "(--net=/run/x enters a network namespace)"),
        (r#"{"target":"setup.olt_1"}"#, "(nicon-resolve adds its \"pid\")"),
        (r#"{"link":"eth0"}"#, "the record has no \"pid\""),
    ] {
        for options in [&["-n"][..], &["--each", "-n"]] {
            let ran = suite.feed(&[&["nicon-nsexec"], options, &["true"]].concat(), record);
            refusal(&ran, 125, &["line 1: ", words]);
        }
    }
    for (word, hint) in [
        ("pid:7", "expected PID or PID:INODE: 7"),
        ("host", "1 is the host's first process"),
        ("setup.olt_1", "nicon-resolve PATH | nicon-nsexec"),
        ("0", "expected PID"),
    ] {
        let ran = suite.run(&["nicon-nsexec", "--target", word, "-n", "true"]);
        assert!(ran.code() == Some(125) && ran.stderr.contains(hint), "{ran:?}");
    }
    Ok(())
}
