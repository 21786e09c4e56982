//! nicon-resolve in containers whose file systems take a question and never answer it: not even SIGKILL ends that.

use std::fs;
use std::process::Stdio;
use std::time::{Duration, Instant};

use libtest_mimic::{Failed, Trial};
use nicon_lab::{LIMIT, Lab, output_of_input, tool, witness};

use crate::expect::{is_process, parse};
use crate::kernel::Feature;
use crate::suite::Suite;

pub(crate) fn trials(suite: &Suite) -> Vec<Trial> {
    vec![
        suite.trial_with(&[Feature::FullSpeed], "hostile_silence::names_sockets_and_files", names_sockets_and_files),
        suite.trial("hostile_silence::whoever_is_killed", whoever_is_killed),
    ]
}

/// The server of such file systems.
const SERVER: &str = include_str!("silent.c");

/// Processes of nicon-resolve that have ended as far as they can: a thread of theirs hangs.
fn hanging() -> Vec<u32> {
    let hangs = |pid: &u32| {
        let is_ours = fs::read_to_string(format!("/proc/{pid}/comm")).is_ok_and(|name| name == "nicon-resolve\n");
        let threads = fs::read_dir(format!("/proc/{pid}/task")).map_or(0, Iterator::count);
        is_ours && threads > 1 && witness::stat(*pid).is_some_and(|stat| stat.state == 'Z')
    };
    witness::pids().into_iter().filter(hangs).collect()
}

/// What is asked of such a file system, and nothing else, is left unanswered; the program ends, and so does what comes after
/// it in a pipe.
fn names_sockets_and_files(suite: &Suite, lab: &Lab) -> Result<(), Failed> {
    let options = ["--device=/dev/fuse", "--cap-add=SYS_ADMIN", "--security-opt=seccomp=unconfined"];
    let more = ["--tmpfs=/run", "--volume=/run/silence:/silence"];
    fs::create_dir("/run/silence")?;
    output_of_input(tool("cc").args(["-x", "c", "-o", "/run/silence/silent", "-"]), SERVER, LIMIT)?.ok()?;
    for (name, prepare, served) in [
        ("silent-names", ":", "/run 40000"),
        ("silent-socket", "touch /run/docker.sock", "/run/docker.sock 140000"),
        ("silent-files", "mkdir /run/runc", "/run/runc 40000"),
        ("silent-file", "mkdir -p /run/runc/web && touch /run/runc/web/state.json", "/run/runc/web/state.json 100644"),
    ] {
        let script = format!("{prepare} && exec /silence/silent {served}");
        lab.run_command("", name, &[&options[..], &more].concat(), &["sh", "-c", &script])?;
        let said = || Ok::<_, Failed>(lab.docker("", &["logs", name])?.ok()?);
        while !said()?.contains("ready") {
            std::thread::sleep(Duration::from_millis(20));
        }
        let begun = Instant::now();
        for inside in ["web", "**"] {
            let asked = format!("nicon-resolve --timeout=0.5 '{name}.{inside}' setup.olt_1 | cat");
            let ran = suite.shell(&asked, "");
            assert_eq!(ran.code(), Some(2), "{ran:?}");
            assert!(ran.stderr.contains("does not answer (waited 0.5 s)"), "{ran:?}");
            is_process(&parse(&ran.stdout)[0], lab.host_pid("setup.olt_1")?);
        }
        assert!(begun.elapsed() < Duration::from_secs(10), "{:?}", begun.elapsed());
        assert!(said()?.contains("asked"), "{name}: nobody asked");
        let left = hanging();
        assert!(!left.is_empty(), "{name}: nobody hangs");
        lab.remove("", name)?;
        while left.iter().any(|pid| hanging().contains(pid)) {
            assert!(begun.elapsed() < LIMIT, "{name}: {left:?} outlive the server");
            std::thread::sleep(Duration::from_millis(20));
        }
    }
    Ok(fs::remove_dir_all("/run/silence")?)
}

/// The work is done in a child: neither outlives the other.
fn whoever_is_killed(suite: &Suite, lab: &Lab) -> Result<(), Failed> {
    for victim in ["the child", "the program"] {
        let mut command = suite.command("nicon-resolve")?;
        let mut program = command.stdin(Stdio::piped()).stderr(Stdio::piped()).spawn()?;
        let (pid, begun) = (program.id(), Instant::now());
        let child = loop {
            if let [_, (child, _)] = witness::family(pid)[..] {
                break child;
            }
            assert!(begun.elapsed() < LIMIT, "no child");
        };
        lab.signal(if victim == "the child" { child } else { pid }, "KILL")?;
        let input = program.stdin.take();
        let ended = program.wait_with_output()?;
        if victim == "the child" {
            assert_eq!(ended.status.code(), Some(2), "{ended:?}");
            let said = String::from_utf8_lossy(&ended.stderr);
            assert_eq!(said, "nicon-resolve: our child was ended by SIGKILL\n");
        }
        while witness::stat(child).is_some() {
            assert!(begun.elapsed() < LIMIT, "{child} outlives the program");
            std::thread::sleep(Duration::from_millis(5));
        }
        drop(input);
    }
    Ok(())
}
