//! nicon-resolve where an engine or a container is not as tidy as usual: what proves a process, and what is waited for.

use std::io::{BufRead, BufReader, Write};
use std::os::fd::AsRawFd;
use std::os::unix::net::{UnixListener, UnixStream};

use libtest_mimic::{Failed, Trial};
use nicon_lab::{LIMIT, Lab, Ran, output_within, tool, wait_for, witness};
use nix::sys::socket::{AddressFamily, Backlog, SockFlag, SockType, UnixAddr, bind, listen, socket};

use crate::support::expect::{is_process, record, refusal};
use crate::support::silent::fill;
use crate::support::suite::Suite;

pub(crate) fn trials(suite: &Suite) -> Vec<Trial> {
    vec![
        suite.trial("resolve::proofs::by_the_shim_in_a_foreign_cgroup", by_the_shim),
        suite.trial("resolve::proofs::by_a_peer_without_a_pidfd", by_a_mere_pid),
        suite.trial("resolve::proofs::behind_a_listener_that_is_behind", behind_a_full_queue),
    ]
}

fn by_the_shim(suite: &Suite, lab: &Lab) -> Result<(), Failed> {
    let id = lab.run_container("setup", "strayed", &[])?;
    let pid = lab.host_pid("setup.strayed")?;
    let proof = |ran: &Ran| record(ran)["hops"][1]["verified"].clone();
    assert_eq!(proof(&suite.run(&["nicon-resolve", "setup.strayed"])), "cgroup");
    // In version 2, only the topmost cgroup takes processes beside those that have limits.
    for topmost in witness::cgroup_mounts() {
        std::fs::write(topmost.join("cgroup.procs"), pid.to_string())?;
    }
    let cgroup = std::fs::read_to_string(format!("/proc/{pid}/cgroup"))?;
    assert!(!cgroup.contains(id.trim()), "{cgroup}");
    let ran = suite.run(&["nicon-resolve", "setup.strayed"]);
    assert_eq!(proof(&ran), "shim");
    is_process(&record(&ran), pid);
    Ok(lab.remove("setup", "strayed")?)
}

/// As Linux before 6.5 answers: it knows only the PIDs of who listens and writes.
fn by_a_mere_pid(suite: &Suite, lab: &Lab) -> Result<(), Failed> {
    let path = "setup.olt_1.lt_1";
    let trace = "/run/proved-trace";
    let mut strace = tool("strace");
    strace.args(["-f", "-qq", "-o", trace, "-e", "trace=setsockopt,getsockopt"]);
    // Of each connection it is asked to tell the writer's credentials first, and then the pidfd; and of who listens, the pidfd first.
    strace.args([
        "-e",
        "inject=setsockopt:error=ENOPROTOOPT:when=2+2",
        "-e",
        "inject=getsockopt:error=ENOPROTOOPT:when=1+2",
    ]);
    strace.arg(suite.bins()?.join("nicon-resolve")).arg(path);
    let ran = output_within(&mut strace, LIMIT)?;
    is_process(&record(&ran), lab.host_pid(path)?);
    let calls = std::fs::read_to_string(trace)?;
    let count = |name: &str, end: &str| calls.lines().filter(|call| call.contains(name) && call.ends_with(end)).count();
    for (call, end) in [(" setsockopt(", "(INJECTED)"), (" getsockopt(", "(INJECTED)"), ("SO_PEERCRED", " = 0")] {
        assert!(count(call, end) >= 3, "{call}: {calls}");
    }
    Ok(())
}

/// A listener whose queue is full tells so at once; nicon-resolve asks again until the hop's time is up.
fn behind_a_full_queue(suite: &Suite, _: &Lab) -> Result<(), Failed> {
    let path = "/run/proved-queue.sock";
    let listener = socket(AddressFamily::Unix, SockType::Stream, SockFlag::SOCK_CLOEXEC, None)?;
    bind(listener.as_raw_fd(), &UnixAddr::new(path)?)?;
    listen(&listener, Backlog::new(0)?)?;
    let queue = fill(path)?;
    let trace = "/run/proved-queue-trace";
    let ask = |timeout: &str| {
        let mut strace = tool("strace");
        strace.args(["-f", "-qq", "-o", trace, "-e", "trace=connect"]).arg(suite.bins()?.join("nicon-resolve"));
        strace.args(["--timeout", timeout, "web"]).env("DOCKER_HOST", format!("unix://{path}"));
        Ok::<_, Failed>(output_within(&mut strace, LIMIT)?)
    };
    let has_met_it = move || {
        let calls = std::fs::read_to_string(trace).unwrap_or_default();
        calls.lines().any(|call| call.contains("AF_UNIX") && call.contains("EAGAIN"))
    };
    refusal(&ask("0.3")?, 2, &["hop 1 (web)", "0.3 s"]);
    assert!(has_met_it(), "{:?}", std::fs::read_to_string(trace));
    std::fs::remove_file(trace)?;
    let listener = UnixListener::from(listener);
    // The thread ends with the test program; so does the socket, on its private /run.
    std::thread::spawn(move || {
        wait_for("a program that finds the queue full", has_met_it);
        // Those that filled the queue come first.
        for stream in listener.incoming().skip(queue.len()) {
            std::thread::spawn(|| know_nothing(&mut stream.expect("a connection")));
        }
    });
    refusal(&ask("10")?, 1, &["hop 1 (web)", "no container \"web\""]);
    Ok(())
}

/// Answers as an engine that has no containers.
fn know_nothing(stream: &mut UnixStream) {
    let Ok(requests) = stream.try_clone() else { return };
    let mut status = "404 Not Found";
    for line in BufReader::new(requests).lines().map_while(Result::ok) {
        if line.starts_with("GET") {
            status = if line.contains("/containers/json") { "200 OK" } else { "404 Not Found" };
        } else if line.is_empty() {
            // Whoever asked may have had enough already.
            let _ =
                write!(stream, "HTTP/1.1 {status}\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n[]");
        }
    }
}
