//! The network namespaces that sockets are in, and keep.
//!
//! /proc does not tell them: a socket is asked through a duplicate of it (`pidfd_getfd(2)`), which is used for nothing else.

use std::collections::HashMap;
use std::io;
use std::os::fd::OwnedFd;
use std::sync::mpsc;

use nicon_core::file::FileInfo;
use nicon_core::privileges::ptrace_hint;
use nicon_core::{Error, Namespace, Process};
use nix::errno::Errno;
use nix::libc;

/// Device number of /dev/net/tun, whose descriptors have a socket each: `TUN_MINOR` of linux/miscdevice.h.
const TUN: u64 = libc::makedev(10, 200);

/// The sockets that were asked, and what could not be.
pub(crate) struct Sockets {
    /// Why none can be asked.
    unasked: Option<String>,
    /// The namespace of each socket, by its inode number.
    known: HashMap<u64, Option<u64>>,
    /// Where duplicates are closed.
    closer: mpsc::Sender<OwnedFd>,
    failed: usize,
    first_failure: Option<(i32, i32, Errno)>,
}

impl Sockets {
    /// Ready to ask.
    pub(crate) fn new() -> Self {
        // Whoever closes the last duplicate waits as long as SO_LINGER says, and the owner may close its own at any time. A thread that
        // still waits ends with the program.
        let (closer, closing) = mpsc::channel::<OwnedFd>();
        let thread = std::thread::Builder::new().stack_size(64 << 10);
        let _ = thread.spawn(move || closing.into_iter().for_each(drop));
        let unasked = charging(&std::fs::read_to_string("/proc/cgroups").unwrap_or_default());
        Self { unasked, known: HashMap::new(), closer, failed: 0, first_failure: None }
    }

    /// Whether a descriptor with this link, for which /proc knows no path, is a socket: its inode number.
    pub(crate) fn parse_link(link: &str) -> Option<u64> {
        link.strip_prefix("socket:[")?.strip_suffix(']')?.parse().ok()
    }

    /// Whether a file is what `/dev/net/tun` is, wherever its node lies.
    pub(crate) fn is_tun(file: &FileInfo) -> bool {
        file.rdev == TUN
    }

    /// The network namespace of a socket, or of a TUN device's: `None` if it was closed meanwhile, or could not be asked. `socket` is its
    /// inode number, none for TUN.
    pub(crate) fn namespace(&mut self, pid: i32, fd: i32, socket: Option<u64>) -> Option<Answer> {
        if self.unasked.is_some() {
            self.failed += 1;
            return None;
        }
        if let Some(known) = socket.and_then(|ino| self.known.get(&ino)) {
            return known.map(Answer::Known);
        }
        let answer = self.ask(pid, fd, socket);
        if let Some(ino) = socket
            && let Ok(answer) = &answer
        {
            self.known.insert(ino, answer.as_ref().map(|namespace| namespace.id().ino));
        }
        match answer {
            Ok(namespace) => namespace.map(Answer::New),
            Err(error) => {
                self.failed += 1;
                let errno = Errno::from_raw(error.raw_os_error().unwrap_or_default());
                self.first_failure.get_or_insert((pid, fd, errno));
                None
            }
        }
    }

    fn ask(&self, pid: i32, fd: i32, socket: Option<u64>) -> io::Result<Option<Namespace>> {
        let Ok(process) = Process::pin(pid) else { return Ok(None) };
        let duplicate = match process.duplicate(fd) {
            Ok(duplicate) => duplicate,
            Err(error) if matches!(error.raw_os_error(), Some(libc::EBADF | libc::ESRCH)) => return Ok(None),
            Err(error) => return Err(error),
        };
        // Its number may be another file's by now, and the PID another process's.
        let is_it = FileInfo::of(&duplicate)
            .is_ok_and(|file| socket.map_or(Self::is_tun(&file), |ino| file.is_socket() && file.ino == ino));
        let namespace = is_it.then(|| Namespace::of_socket(&duplicate));
        let _ = self.closer.send(duplicate);
        namespace.transpose()
    }

    /// Adds those that another search could not ask.
    pub(crate) fn join(&mut self, other: &Self) {
        self.failed += other.failed;
        self.first_failure = self.first_failure.or(other.first_failure);
    }

    /// The message that sockets are missing; `None` if all were asked.
    pub(crate) fn complaint(&self) -> Option<Error> {
        let sockets = match self.failed {
            0 => return None,
            1 => "1 socket was not asked".to_owned(),
            many => format!("{many} sockets were not asked"),
        };
        let why = match (&self.unasked, &self.first_failure) {
            (Some(why), _) => why.clone(),
            (None, Some((pid, fd, errno))) => {
                let error = Error::os(format!("descriptor {fd} of process {pid}"), *errno);
                format!("{error} ({}, and CAP_NET_ADMIN)", ptrace_hint("it has"))
            }
            (None, None) => return None,
        };
        Some(Error::failed(format!("{sockets} for the network namespaces that they keep: {why}")))
    }
}

/// A socket's network namespace.
pub(crate) enum Answer {
    /// Its inode number, as told before.
    Known(u64),
    /// The namespace, for the first time by this socket.
    New(Namespace),
}

impl Answer {
    /// Its inode number.
    pub(crate) fn ino(&self) -> u64 {
        match self {
            Self::Known(ino) => *ino,
            Self::New(namespace) => namespace.id().ino,
        }
    }
}

/// Why no socket may be duplicated, by /proc/cgroups: under cgroup v1, who gets a descriptor of a socket has its traffic counted
/// as that of its own cgroup (`__receive_sock` of net/core/scm.c).
fn charging(cgroups: &str) -> Option<String> {
    let charges = |line: &&str| {
        let fields: Vec<&str> = line.split_whitespace().collect();
        let [name, hierarchy, count, _] = fields[..] else { return false };
        matches!(name, "net_cls" | "net_prio") && hierarchy != "0" && count != "1"
    };
    let name = cgroups.lines().find(charges)?.split_whitespace().next()?;
    Some(format!("the machine uses {name} of cgroup v1, under which asking would change whose traffic is a socket's"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sockets_are_let_alone_where_asking_would_change_them() {
        let head = "#subsys_name\thierarchy\tnum_cgroups\tenabled\n";
        for (line, is_charged) in [
            ("net_cls\t0\t1\t1\n", false),
            ("net_cls\t0\t90\t1\n", false),
            ("net_cls\t5\t1\t1\nnet_prio\t5\t1\t1\n", false),
            ("cpu\t5\t3\t1\nnet_prio\t6\t3\t1\n", true),
            ("net_cls\t6\t3\t1\n", true),
            ("", false),
        ] {
            assert_eq!(charging(&format!("{head}{line}")).is_some(), is_charged, "{line}");
        }
    }

    #[test]
    fn links_of_sockets() {
        assert_eq!(Sockets::parse_link("socket:[42]"), Some(42));
        for other in ["pipe:[42]", "net:[42]", "socket:[]", "/socket:[42]", "socket:[42] (deleted)"] {
            assert_eq!(Sockets::parse_link(other), None, "{other}");
        }
    }
}
