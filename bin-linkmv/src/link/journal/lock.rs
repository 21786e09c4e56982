//! Waiting for the run that holds a journal.

use std::fs::{File, TryLockError, read_to_string};
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::time::{Duration, Instant};

use nicon_core::filter::interrupt::Interrupt;
use nicon_core::filter::output::report;
use nicon_core::{Context, Error, Result};
use nix::sys::stat::{major, minor};

/// How long another run is waited for.
pub(super) const PATIENCE: Duration = Duration::from_secs(30);

/// How a run waits.
#[derive(Clone, Copy)]
pub(super) struct Options<'a> {
    /// What messages begin with.
    pub(super) program: &'static str,
    pub(super) patience: Duration,
    pub(super) interrupt: &'a Interrupt,
}

/// How long a run waits before it says so.
const SILENCE: Duration = Duration::from_secs(1);

/// How often another program than nicon has to be seen as the holder before it is believed: PIDs change.
const LOOKS: u32 = 6;

const SHORTEST_PAUSE: Duration = Duration::from_micros(50);
const LONGEST_PAUSE: Duration = Duration::from_millis(50);

/// Locks a journal. Another run of nicon is waited for, and no other program.
///
/// # Errors
/// If another program holds it, another run holds it for longer than our patience, or we are interrupted.
pub(super) fn wait(file: &File, path: &Path, options: &Options<'_>) -> Result<()> {
    let Options { program, patience, interrupt } = *options;
    let (begun, mut strangers, mut told) = (Instant::now(), 0, false);
    loop {
        match file.try_lock() {
            Ok(()) => return Ok(()),
            Err(TryLockError::WouldBlock) => {}
            Err(TryLockError::Error(error)) => return Err(Error::os(format!("lock {}", path.display()), error)),
        }
        let holder = holder(file).context(|| format!("find out who holds {}", path.display()))?;
        let who = in_words(holder.as_ref());
        let is_stranger = holder.is_some_and(|holder| !holder.is_nicon());
        strangers += u32::from(is_stranger);
        if strangers >= LOOKS {
            return Err(Error::failed(format!("{who} holds {}, which is nicon's (end it)", path.display())));
        }
        if begun.elapsed() >= patience {
            let seconds = patience.as_secs();
            return Err(Error::failed(format!(
                "{who} still holds {} after {seconds} s (end it, or wait)",
                path.display()
            )));
        }
        if begun.elapsed() >= SILENCE && !told {
            told = true;
            report(program, &Error::failed(format!("waiting for {who}, which holds {}", path.display())));
        }
        // So it is late by at most an eighth of what it has waited.
        interrupt.sleep((begun.elapsed() / 8).clamp(SHORTEST_PAUSE, LONGEST_PAUSE));
        interrupt.check()?;
    }
}

/// Who holds a file's lock, for a message.
///
/// # Errors
/// If the file cannot be looked at.
pub(super) fn who_holds(file: &File) -> std::io::Result<String> {
    Ok(in_words(holder(file)?.as_ref()))
}

fn in_words(holder: Option<&Holder>) -> String {
    holder.map_or_else(|| "another run".to_owned(), Holder::to_string)
}

/// The process that holds a lock.
struct Holder {
    pid: i32,
    /// Its name, if it is still there.
    comm: Option<String>,
}

impl Holder {
    fn is_nicon(&self) -> bool {
        let own = read_to_string("/proc/self/comm").ok();
        self.comm.as_ref().is_some_and(|comm| comm.starts_with("nicon-") || own.as_ref() == Some(comm))
    }
}

impl std::fmt::Display for Holder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let name = self.comm.as_deref().map_or("gone, but not its files", str::trim_end);
        write!(f, "PID {} ({name})", self.pid)
    }
}

/// Who holds a file's lock, as /proc/locks shows it; `None` if that is a process of another PID namespace, or nobody any more.
fn holder(file: &File) -> std::io::Result<Option<Holder>> {
    let found = file.metadata()?;
    let id = format!("{:02x}:{:02x}:{}", major(found.dev()), minor(found.dev()), found.ino());
    let pid = read_to_string("/proc/locks").ok().and_then(|locks| holder_in(&locks, &id));
    Ok(pid.map(|pid| Holder { pid, comm: read_to_string(format!("/proc/{pid}/comm")).ok() }))
}

/// The PID in a line like `7: FLOCK  ADVISORY  WRITE 4242 00:1a:98 0 EOF`; see `proc_locks(5)`.
fn holder_in(locks: &str, id: &str) -> Option<i32> {
    locks.lines().find_map(|line| {
        let fields: Vec<&str> = line.split_whitespace().collect();
        let is_it = fields.get(1) == Some(&"FLOCK") && fields.get(5) == Some(&id);
        fields.get(4).filter(|_| is_it)?.parse().ok()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_holds_a_lock() {
        let locks = "1: POSIX  ADVISORY  WRITE 41 00:1a:98 0 EOF\n2: FLOCK  ADVISORY  WRITE 42 00:1a:98 0 EOF\n2: -> FLOCK  ADVISORY  WRITE 43 00:1a:98 0 EOF\n";
        assert_eq!(holder_in(locks, "00:1a:98"), Some(42));
        assert_eq!(holder_in(locks, "00:1a:99"), None);
    }
}
