//! nicon-resolve in containers whose file systems take a question and never answer it: not even SIGKILL ends that.

use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::process::Stdio;
use std::time::{Duration, Instant};

use libtest_mimic::{Failed, Trial};
use nicon_lab::{LIMIT, Lab, output_of_input, tool, until, wait_for, witness};

use crate::support::expect::{is_process, parse};
use crate::support::kernel::Feature;
use crate::support::suite::Suite;

pub(crate) fn trials(suite: &Suite) -> Vec<Trial> {
    vec![
        suite.trial_with(&[Feature::FullSpeed], "hostile::silence::names_sockets_and_files", names_sockets_and_files),
        suite.trial("hostile::silence::a_directory_that_is_held", a_directory_that_is_held),
        suite.trial("hostile::silence::siblings_need_not_wait", siblings_need_not_wait),
        suite.trial("hostile::silence::a_directory_of_a_users", a_directory_of_a_users),
        suite.trial("hostile::silence::more_than_threads", more_than_threads),
        suite.trial("hostile::silence::whoever_is_killed", whoever_is_killed),
    ]
}

/// The server of such file systems.
pub(crate) const SERVER: &str = include_str!("silent.c");

/// Containers with such file systems.
pub(crate) struct Servers<'a> {
    lab: &'a Lab,
    /// Where the server's program is, on the runner's private /run.
    pub(crate) directory: String,
}

impl<'a> Servers<'a> {
    pub(crate) fn new(lab: &'a Lab, name: &str) -> Result<Self, Failed> {
        Self::of(lab, name, SERVER)
    }

    fn of(lab: &'a Lab, name: &str, server: &str) -> Result<Self, Failed> {
        let directory = format!("/run/silent-{name}");
        fs::create_dir(&directory)?;
        let program = format!("{directory}/silent");
        output_of_input(tool("cc").args(["-x", "c", "-o", &program, "-"]), server, LIMIT)?.ok()?;
        Ok(Self { lab, directory })
    }

    /// Starts a container by a line of shell that ends with the server at /silent/silent.
    pub(crate) fn start(&self, name: &str, script: &str) -> Result<(), Failed> {
        let volume = format!("--volume={}:/silent", self.directory);
        let options = ["--device=/dev/fuse", "--cap-add=SYS_ADMIN", "--security-opt=seccomp=unconfined"];
        let more = ["--tmpfs=/run", &volume];
        self.lab.run_command("", name, &[&options[..], &more].concat(), &["sh", "-c", script])?;
        until("the server", || self.said(name).ok().filter(|said| said.contains("ready")));
        Ok(())
    }

    fn said(&self, name: &str) -> Result<String, String> {
        self.lab.docker("", &["logs", name])?.ok()
    }
}

/// Processes of nicon-resolve in these sessions that have ended as far as they can: a thread of theirs hangs.
fn hanging(sessions: &str) -> Vec<u32> {
    let hangs = |pid: &u32| {
        let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
        let session = stat.rsplit_once(") ").and_then(|(_, fields)| fields.split(' ').nth(3));
        let is_ours =
            stat.contains("(nicon-resolve)") && session.is_some_and(|own| sessions.lines().any(|line| line == own));
        let threads = fs::read_dir(format!("/proc/{pid}/task")).map_or(0, Iterator::count);
        is_ours && threads > 1 && witness::stat(*pid).is_some_and(|stat| stat.state == 'Z')
    };
    witness::pids().into_iter().filter(hangs).collect()
}

/// What is asked of such a file system, and nothing else, is left unanswered; the program ends, and so does what comes after
/// it in a pipe.
fn names_sockets_and_files(suite: &Suite, lab: &Lab) -> Result<(), Failed> {
    let servers = Servers::new(lab, "silence")?;
    for (name, prepare, served) in [
        ("silent-names", ":", "/run 40000"),
        ("silent-socket", "touch /run/docker.sock", "/run/docker.sock 140000"),
        ("silent-files", "mkdir /run/runc", "/run/runc 40000"),
        ("silent-link", "mkdir /quiet && ln -s /quiet/docker.sock /run", "/quiet 40000"),
        ("silent-file", "mkdir -p /run/runc/web && touch /run/runc/web/state.json", "/run/runc/web/state.json 100644"),
    ] {
        servers.start(name, &format!("{prepare} && exec /silent/silent {served}"))?;
        let sessions = format!("{}/{name}", servers.directory);
        for inside in ["web", "**"] {
            // A session of its own tells its processes from those of other tests.
            let asked = format!("echo $$ >>{sessions}; nicon-resolve --timeout=2 '{name}.{inside}' setup.olt_1 | cat");
            let ran = suite.shell(r#"setsid --wait bash -o pipefail -fc "$(cat)""#, asked);
            assert_eq!(ran.code(), Some(2), "{ran:?}");
            assert!(ran.stderr.contains("does not answer (waited 2 s)"), "{ran:?}");
            is_process(&parse(&ran.stdout)[0], lab.host_pid("setup.olt_1")?);
        }
        assert!(servers.said(name)?.contains("asked"), "{name}: nobody asked");
        let sessions = fs::read_to_string(sessions)?;
        let left = hanging(&sessions);
        assert!(!left.is_empty(), "{name}: nobody hangs");
        lab.remove("", name)?;
        let is_left = |pid: &_| hanging(&sessions).contains(pid);
        wait_for(format_args!("the end of {left:?} with the server, {name}"), || !left.iter().any(is_left));
    }
    Ok(())
}

/// Whoever reads a directory holds its lock while the kernel writes to his memory. Where that is a file of such a file system, and somebody
/// waits to make something there, nobody else gets in, though the directory itself is on a tmpfs.
fn a_directory_that_is_held(suite: &Suite, lab: &Lab) -> Result<(), Failed> {
    let servers = Servers::of(lab, "held", include_str!("held.c"))?;
    servers.start("silent-reader", "touch /memory && exec /silent/silent /memory /run")?;
    let told = format!("{}/told", servers.directory);
    for inside in ["web", "**"] {
        let asked = format!("nicon-resolve --timeout=2 'silent-reader.{inside}' setup.olt_1 2>{told} | cat");
        let ran = suite.shell("set -o pipefail; eval \"$(cat)\"", asked);
        assert_eq!(ran.code(), Some(2), "{ran:?}");
        is_process(&parse(&ran.stdout)[0], lab.host_pid("setup.olt_1")?);
        let told = fs::read_to_string(&told)?;
        assert!(told.contains("does not answer (waited 2 s)"), "{told}");
    }
    Ok(lab.remove("", "silent-reader")?)
}

/// Many containers that never answer, and all others are told before the first of those is given up: whoever is slow has only a
/// part of the slots, and keeps our own engine from nothing.
fn siblings_need_not_wait(suite: &Suite, lab: &Lab) -> Result<(), Failed> {
    const TIMEOUT: Duration = Duration::from_secs(25);
    let servers = Servers::new(lab, "siblings")?;
    let names: Vec<_> = (0..10).map(|number| format!("a-silent-{number}")).collect();
    names.iter().try_for_each(|name| servers.start(name, "exec /silent/silent /run 40000"))?;
    let mut command = suite.command("nicon-resolve")?;
    command.arg(format!("--timeout={}", TIMEOUT.as_secs())).arg("**").stdout(Stdio::piped()).stderr(Stdio::null());
    let begun = Instant::now();
    let mut program = command.spawn()?;
    let lines = BufReader::new(program.stdout.take().ok_or("no stdout")?).lines().map_while(Result::ok);
    let targets = lines.map(|line| parse(&line)[0]["target"].as_str().unwrap_or_default().to_owned());
    // What is in `setup` takes three questions, one after the other, and its name comes last.
    let found = targets.into_iter().any(|target| target == "setup.olt_1.lt_1");
    assert!(found && begun.elapsed() < TIMEOUT, "after {:?}", begun.elapsed());
    program.kill()?;
    program.wait()?;
    Ok(names.iter().try_for_each(|name| lab.remove("", name))?)
}

/// One user's runtime directory is such a file system: that is told, and root's engine beside it is asked all the same.
fn a_directory_of_a_users(suite: &Suite, lab: &Lab) -> Result<(), Failed> {
    let script = "mkdir -p /run/user/1234 && exec 3<>/dev/fuse &&
        mount -i -t fuse -o fd=3,rootmode=40000,user_id=0,group_id=0,allow_other none /run/user/1234 && exec dockerd";
    lab.run_daemon_command("", "silent-user", &["--device=/dev/fuse"], &["sh", "-c", script])?;
    lab.run_container("silent-user", "leaf", &[])?;
    let leaf = lab.host_pid("silent-user.leaf")?;
    let ran = suite.run(&["nicon-resolve", "--timeout=8", "silent-user.**", "silent-user.leaf"]);
    assert_eq!(ran.code(), Some(2), "{ran:?}");
    let told = "look for engines of users in /run/user: no answer (waited 2 s)";
    assert!(ran.stderr.contains(told), "{ran:?}");
    let found = parse(&ran.stdout);
    assert_eq!(found.len(), 2, "{ran:?}");
    for record in &found {
        is_process(record, leaf);
    }
    Ok(lab.remove("", "silent-user")?)
}

/// Each thread that asks such a file system is left behind. Their number has an end, which is told, and what needs no thread
/// is found beyond it.
fn more_than_threads(suite: &Suite, lab: &Lab) -> Result<(), Failed> {
    const THREADS: usize = 256;
    const PROCESSES: usize = 280;
    let servers = Servers::new(lab, "threads")?;
    let many = format!("for i in $(seq {PROCESSES}); do sleep 1000 & done; exec /silent/silent /run 40000");
    servers.start("silent-threads", &many)?;
    let (own, setup) = (lab.host_pid("silent-threads")?, lab.host_pid("setup")?);
    let paths = witness::family(own).into_iter().skip(1).take(PROCESSES).map(|(pid, _)| format!("pid:{pid}.web\n"));
    let paths: String = paths.chain([format!("pid:{setup}\n")]).collect();
    let ran = suite.feed(&["nicon-resolve", "--timeout=0.5"], paths);
    assert_eq!(ran.code(), Some(2), "{ran:?}");
    let count = |words: &str| ran.stderr.lines().filter(|line| line.contains(words)).count();
    assert_eq!(count("the engine does not answer (waited 0.5 s)"), THREADS, "{ran:?}");
    let refused = count("256 threads wait for file systems that do not answer: no more are started");
    assert_eq!(refused, PROCESSES - THREADS, "{ran:?}");
    is_process(&parse(&ran.stdout)[0], setup);
    Ok(lab.remove("", "silent-threads")?)
}

/// The work is done in a child: neither outlives the other.
fn whoever_is_killed(suite: &Suite, lab: &Lab) -> Result<(), Failed> {
    for victim in ["the child", "the program"] {
        let mut command = suite.command("nicon-resolve")?;
        let mut program = command.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::piped()).spawn()?;
        let pid = program.id();
        let mut input = program.stdin.take().ok_or("no standard input")?;
        // For what is inside a container, threads are needed, and so a child.
        input.write_all(b"setup.olt_1\n")?;
        let child = until("a child", || match witness::family(pid)[..] {
            [_, (child, _)] => Some(child),
            _ => None,
        });
        lab.signal(if victim == "the child" { child } else { pid }, "KILL")?;
        let ended = program.wait_with_output()?;
        if victim == "the child" {
            assert_eq!(ended.status.code(), Some(2), "{ended:?}");
            let said = String::from_utf8_lossy(&ended.stderr);
            assert_eq!(said, "nicon-resolve: our child was killed by SIGKILL\n");
        }
        wait_for(format_args!("the end of {child} with the program"), || witness::stat(child).is_none());
        drop(input);
    }
    Ok(())
}
