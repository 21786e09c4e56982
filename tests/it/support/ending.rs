//! A process that takes its time to end.

use std::process::{Child, Stdio};

use libtest_mimic::Failed;
use nicon_lab::{tool, until, witness};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::support::subject::members;

/// The first and only process of a PID namespace, killed: it waits for a guest in there, which ends when this is dropped.
pub(crate) struct Ending(Child);

impl Ending {
    pub(crate) fn of(first: u32) -> Result<Self, Failed> {
        let pidns = witness::ns_link(first, "pid").ok_or("gone")?;
        let mut guest = tool("setpriv");
        guest.args(["--pdeathsig", "KILL", "nsenter", "-t", &first.to_string(), "-p", "sleep", "600"]);
        let guest = Self(guest.stdin(Stdio::null()).spawn()?);
        until("a guest", || (members(&pidns).len() == 2).then_some(()));
        let signal = |pid: u32, signal| kill(Pid::from_raw(pid.cast_signed()), signal);
        signal(guest.0.id(), Signal::SIGSTOP)?;
        // Before it has stopped, it would still reap the process that the first one waits for.
        until("a stop", || (witness::stat(guest.0.id())?.state == 'T').then_some(()));
        signal(first, Signal::SIGKILL)?;
        // Linux 6.1 calls this wait idle (I), 6.18 sleep.
        until("an end", || {
            let waits = matches!(witness::stat(first)?.state, 'S' | 'I');
            (witness::ns_link(first, "net").is_none() && waits).then_some(())
        });
        Ok(guest)
    }
}

impl Drop for Ending {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}
