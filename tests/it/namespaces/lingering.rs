//! A socket that nicon-nsfind asks is not held by it, nor it by the socket: whoever closes the last descriptor of one with data that its
//! peer does not take waits as long as `SO_LINGER` says.

use std::io::Write;
use std::net::{TcpListener, TcpStream};
use std::os::fd::AsRawFd;
use std::time::{Duration, Instant};

use libtest_mimic::{Failed, Trial};
use nicon_lab::{LIMIT, Lab, tool, until, witness};
use nix::libc::linger;
use nix::sys::socket::{setsockopt, sockopt};

use crate::support::suite::Suite;

/// How long a close of the socket waits.
const LINGER: Duration = Duration::from_mins(10);

pub(crate) fn trials(suite: &Suite) -> Vec<Trial> {
    vec![suite.trial("namespaces::lingering::a_socket_that_its_owner_closes_meanwhile", closed_meanwhile)]
}

fn closed_meanwhile(suite: &Suite, _: &Lab) -> Result<(), Failed> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let mut socket = TcpStream::connect(listener.local_addr()?)?;
    let peer = listener.accept()?;
    socket.set_nonblocking(true)?;
    while socket.write(&[0; 1 << 12]).is_ok() {}
    socket.set_nonblocking(false)?;
    let seconds = i32::try_from(LINGER.as_secs())?;
    setsockopt(&socket, sockopt::Linger, &linger { l_onoff: 1, l_linger: seconds })?;
    let link = std::fs::read_link(format!("/proc/self/fd/{}", socket.as_raw_fd()))?;
    let has_it = |pid: u32| {
        let descriptors = std::fs::read_dir(format!("/proc/{pid}/fd")).into_iter().flatten().flatten();
        descriptors.map(|entry| std::fs::read_link(entry.path())).any(|known| known.is_ok_and(|known| known == link))
    };
    // Each duplicate stays for a while before the program goes on. A machine with other work may still look too late: then it runs again.
    let strace = || {
        let mut traced = tool("strace");
        traced.args([
            "-fqq",
            "-o",
            "/dev/null",
            "-e",
            "trace=pidfd_getfd",
            "-e",
            "inject=pidfd_getfd:delay_exit=20000",
        ]);
        traced.arg(suite.bins()?.join("nicon-nsfind")).args(["--list", "-T", "net"]);
        let mut running = traced.stdout(std::process::Stdio::null()).stderr(std::process::Stdio::null()).spawn()?;
        while running.try_wait()?.is_none() {
            if witness::family(running.id()).into_iter().any(|(pid, _)| has_it(pid)) {
                return Ok::<_, Failed>(Some(running));
            }
        }
        Ok(None)
    };
    let mut seen = None;
    for _ in 0..10 {
        seen = strace()?;
        if seen.is_some() {
            break;
        }
    }
    let mut running = seen.ok_or("never a duplicate")?;
    let begin = Instant::now();
    drop(socket);
    assert!(begin.elapsed() < LIMIT, "it was not the last");
    let status = until("its end", || running.try_wait().unwrap());
    assert!(begin.elapsed() < LINGER && status.code().is_some(), "{status}");
    drop(peer);
    Ok(())
}
