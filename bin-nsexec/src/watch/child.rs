//! What has become of a child. Signals go by their numbers, since real-time signals have no names.

use nix::errno::Errno;
use nix::unistd::Pid;
use rustix::process::{self, WaitId, WaitIdOptions, WaitOptions};

/// What has become of a child.
pub(super) enum Change {
    Exited(i32),
    /// By this signal.
    Killed(i32),
    /// By this signal.
    Stopped(i32),
    /// Nothing yet.
    None,
}

impl Change {
    /// The exit status, as a shell tells it, if that is its end.
    pub(super) fn status(&self) -> Option<u8> {
        match self {
            Self::Exited(code) => u8::try_from(code & 0xff).ok(),
            Self::Killed(signal) => u8::try_from(128 + signal).ok(),
            Self::Stopped(_) | Self::None => None,
        }
    }
}

/// Waits for the end of a child, or looks, and takes note of it: `waitpid(2)`. A signal interrupts that.
pub(super) fn wait(pid: Pid, options: WaitOptions) -> nix::Result<Change> {
    let Some((_, status)) = process::waitpid(child(pid), options).map_err(errno)? else { return Ok(Change::None) };
    let exited = status.exit_status().map(Change::Exited);
    let killed = || status.terminating_signal().map(Change::Killed);
    let stopped = || status.stopping_signal().map(Change::Stopped);
    Ok(exited.or_else(killed).or_else(stopped).unwrap_or(Change::None))
}

/// Looks whether a child has ended, and leaves it to be waited for: until then no other process gets its PID. See `waitid(2)`.
pub(super) fn look(pid: Pid) -> nix::Result<Change> {
    let Some(pid) = child(pid) else { return Err(Errno::ECHILD) };
    let options = WaitIdOptions::EXITED | WaitIdOptions::NOHANG | WaitIdOptions::NOWAIT;
    let Some(status) = process::waitid(WaitId::Pid(pid), options).map_err(errno)? else { return Ok(Change::None) };
    let exited = status.exit_status().map(Change::Exited);
    Ok(exited.or_else(|| status.terminating_signal().map(Change::Killed)).unwrap_or(Change::None))
}

fn child(pid: Pid) -> Option<process::Pid> {
    process::Pid::from_raw(pid.as_raw())
}

fn errno(errno: rustix::io::Errno) -> Errno {
    Errno::from_raw(errno.raw_os_error())
}
