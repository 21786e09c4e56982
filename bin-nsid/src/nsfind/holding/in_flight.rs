//! Descriptors on their way through unix sockets: no process has them, and /proc tells only how many there are.

use std::collections::HashMap;
use std::os::fd::OwnedFd;

use nicon_core::Error;
use nix::fcntl::{OFlag, openat};
use nix::sys::stat::Mode;

/// More than /proc/PID/fdinfo/N of a socket has.
const LONGEST: usize = 1024;

/// The descriptors that have been sent and not been received.
#[derive(Default)]
pub(crate) struct InFlight {
    /// How many wait in each socket that was looked at, by its inode number.
    waiting: HashMap<u64, u64>,
    first: Option<(i32, i32)>,
}

impl InFlight {
    /// Counts those that wait to be received from a socket (Linux 5.6; from one that listens, Linux 6.10).
    pub(crate) fn look(&mut self, dir: &OwnedFd, pid: i32, fd: i32, socket: u64) {
        if self.waiting.contains_key(&socket) {
            return;
        }
        let flags = OFlag::O_RDONLY | OFlag::O_CLOEXEC;
        let Ok(file) = openat(dir, format!("fdinfo/{fd}").as_str(), flags, Mode::empty()) else { return };
        let mut text = [0; LONGEST];
        let length = nix::unistd::read(&file, &mut text).unwrap_or_default();
        let count = pending(&String::from_utf8_lossy(&text[..length]));
        self.waiting.insert(socket, count);
        if count > 0 {
            self.first.get_or_insert((pid, fd));
        }
    }

    /// Adds those that another search has counted.
    pub(crate) fn join(&mut self, other: Self) {
        self.waiting.extend(other.waiting);
        self.first = self.first.or(other.first);
    }

    /// The message that they were not looked at; `None` if there are none.
    pub(crate) fn complaint(&self) -> Option<Error> {
        let (pid, fd) = self.first?;
        let descriptors = match self.waiting.values().sum() {
            1_u64 => "1 descriptor that was".to_owned(),
            many => format!("{many} descriptors that were"),
        };
        Some(Error::failed(format!(
            "{descriptors} sent and not received may keep namespaces: nobody can look at what waits in a unix socket \
             (descriptor {fd} of process {pid})"
        )))
    }
}

fn pending(fdinfo: &str) -> u64 {
    let count = fdinfo.lines().find_map(|line| line.strip_prefix("scm_fds:"));
    count.and_then(|count| count.trim().parse().ok()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sockets_tell_what_waits_in_them() {
        assert_eq!(pending("pos:\t0\nflags:\t02\nmnt_id:\t9\nino:\t7\nscm_fds: 2\n"), 2);
        for none in ["pos:\t0\nscm_fds: 0\n", "pos:\t0\n", "scm_fds: x", ""] {
            assert_eq!(pending(none), 0, "{none}");
        }
    }
}
