//! A pinned process: a pidfd, which a reused PID cannot redirect, and the identity that a record carries.

mod descriptor;
mod life;
mod pid_inode;
mod recorded;

use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::path::Path;
use std::sync::OnceLock;

use nix::errno::Errno;
use nix::fcntl::{AtFlags, OFlag, open, openat};
use nix::sys::stat::Mode;
use nix::unistd::{AccessFlags, faccessat};

use crate::pidfd::{inode, is_running, is_running_for};
use crate::privileges::ptrace_hint;
use crate::{Context, Error, Namespace, NsId, NsType, Result, Status, proc, sys};

pub use pid_inode::PidInode;

/// How long a process that has lost its namespaces may take to end, in milliseconds.
const MAX_ENDING: u8 = 100;

/// A process, held by a pidfd and by its directory in /proc. Both refer to this process even after its PID is reused.
#[derive(Debug)]
pub struct Process {
    pid: i32,
    pidfd: OwnedFd,
    dir: OwnedFd,
    /// The start time, once it has been read: it never changes.
    starttime: OnceLock<u64>,
}

impl Process {
    /// The message about a process that our PID namespace does not contain, and the way out.
    pub const OUTSIDE: &str = "the process is outside our PID namespace (in a container, --pid=host lets us see it)";

    /// Pins the process that has `pid` now, in our own PID namespace.
    ///
    /// # Errors
    /// [`Status::No`] if there is no such process; [`Status::Failed`]
    /// if /proc hides it, or the kernel is older than 5.3.
    pub fn pin(pid: i32) -> Result<Self> {
        proc::check()?;
        if pid <= 0 {
            return Err(Error::invalid(format!("{pid} is not a PID")));
        }
        match sys::pidfd_open(pid) {
            Ok(pidfd) => Self::hold(pid, pidfd),
            Err(Errno::ESRCH) => Err(Error::no(format!("no process has PID {pid}"))),
            // The latter since Linux 6.15.
            Err(Errno::EINVAL | Errno::ENOENT) => Err(thread(pid)),
            Err(errno) => Err(Error::os(format!("open a pidfd of process {pid}"), errno)),
        }
    }

    /// Pins the process of a pidfd, such as the kernel returns for `SO_PEERPIDFD`.
    ///
    /// # Errors
    /// [`Status::No`] if it has exited; [`Status::Failed`] if it
    /// lives outside our PID namespace.
    pub fn from_pidfd(pidfd: OwnedFd) -> Result<Self> {
        proc::check()?;
        let path = format!("/proc/self/fdinfo/{}", pidfd.as_raw_fd());
        let fdinfo = open(path.as_str(), OFlag::O_RDONLY | OFlag::O_CLOEXEC, Mode::empty()).and_then(proc::read);
        let fdinfo = fdinfo.context(|| format!("read {path}"))?;
        match proc::pidfd_pid(&String::from_utf8_lossy(&fdinfo)) {
            Some(pid) if pid > 0 => Self::hold(pid, pidfd),
            Some(-1) => Err(Error::no("the process has exited")),
            _ => Err(Error::failed(Self::OUTSIDE)),
        }
    }

    /// Pins the calling process.
    ///
    /// # Errors
    /// As [`Process::pin`].
    pub fn myself() -> Result<Self> {
        Self::pin(nix::unistd::getpid().as_raw())
    }

    /// Opens /proc/PID in addition to the pidfd. The pidfd is polled last: if its process is still alive, it had its PID
    /// all the time, so the directory is the right one.
    fn hold(pid: i32, pidfd: OwnedFd) -> Result<Self> {
        let gone = || Error::no(format!("process {pid} is gone"));
        let path = format!("/proc/{pid}");
        let flags = OFlag::O_PATH | OFlag::O_DIRECTORY | OFlag::O_CLOEXEC;
        let dir = match open(path.as_str(), flags, Mode::empty()) {
            Ok(dir) => dir,
            Err(Errno::ENOENT) if !is_running(&pidfd) => return Err(gone()),
            Err(Errno::ENOENT) => {
                return Err(hidden(pid));
            }
            Err(errno) => return Err(Error::os(format!("open {path}"), errno)),
        };
        let process = Self { pid, pidfd, dir, starttime: OnceLock::new() };
        if process.is_alive() { Ok(process) } else { Err(gone()) }
    }

    /// Its pidfd, which becomes readable when it exits; see `pidfd_open(2)`.
    #[must_use]
    pub fn pidfd(&self) -> BorrowedFd<'_> {
        self.pidfd.as_fd()
    }

    /// Its PID in our own PID namespace.
    #[must_use]
    pub fn pid(&self) -> i32 {
        self.pid
    }

    /// Its start time: field 22 of /proc/PID/stat, in clock ticks since boot.
    ///
    /// # Errors
    /// [`Status::No`] if the process is gone.
    pub fn starttime(&self) -> Result<u64> {
        match self.starttime.get() {
            Some(starttime) => Ok(*starttime),
            None => Ok(self.stat()?.starttime),
        }
    }

    /// The inode number of its pidfd on pidfs, never reused until the next boot; `None` before Linux 6.9.
    ///
    /// # Errors
    /// [`Status::Failed`] with the kernel's reason.
    pub fn pidfs(&self) -> Result<Option<u64>> {
        inode(&self.pidfd).context(|| format!("stat the pidfd of process {}", self.pid))
    }

    /// Whether it has ended or is about to: a process loses its root directory and its namespaces first. The first process of a PID
    /// namespace ends when all others in there have.
    #[must_use]
    pub fn is_ending(&self) -> bool {
        self.root().is_err_and(|error| error.status() == Status::No)
    }

    /// Its directory in /proc, opened with `O_PATH`. Names in it always refer to this process.
    #[must_use]
    pub fn dir(&self) -> BorrowedFd<'_> {
        self.dir.as_fd()
    }

    /// Reads a file of its /proc directory, such as "cgroup". Bytes that are not UTF-8 are replaced; they occur only in
    /// text that the process chose, such as its name.
    ///
    /// # Errors
    /// [`Status::No`] if the process is gone.
    pub fn read(&self, file: &str) -> Result<String> {
        Ok(String::from_utf8_lossy(&self.read_bytes(file)?).into_owned())
    }

    /// Reads a file of its /proc directory that need not be text, such as "environ".
    ///
    /// # Errors
    /// As [`Process::read`].
    pub fn read_bytes(&self, file: &str) -> Result<Vec<u8>> {
        proc::read(self.open(file)?).map_err(|errno| self.failed("read", file, errno))
    }

    /// Its command line with spaces between the arguments, or, if that is empty, as for kernel threads, its name. At most
    /// 4 KiB. A process can set both to anything.
    ///
    /// # Errors
    /// [`Status::No`] if the process is gone.
    pub fn command(&self) -> Result<String> {
        for file in ["cmdline", "comm"] {
            let mut bytes = [0; 4096];
            let length = nix::unistd::read(self.open(file)?, &mut bytes);
            let length = length.map_err(|errno| self.failed("read", file, errno))?;
            let words = bytes[..length].split(|byte| matches!(byte, 0 | b'\n')).filter(|word| !word.is_empty());
            let words: Vec<_> = words.map(String::from_utf8_lossy).collect();
            if !words.is_empty() {
                return Ok(words.join(" "));
            }
        }
        Err(Error::no(format!("process {} is gone", self.pid)))
    }

    /// Its PID in each PID namespace that it is in, ours first.
    ///
    /// # Errors
    /// [`Status::No`] if the process is gone.
    pub fn nspid(&self) -> Result<Vec<i32>> {
        self.parse("status", proc::nspid)
    }

    /// Its user IDs in our own user namespace: real, effective, saved, and that for files; see `credentials(7)`.
    ///
    /// # Errors
    /// [`Status::No`] if the process is gone.
    pub fn uids(&self) -> Result<[u32; 4]> {
        self.parse("status", proc::uids)
    }

    /// The PID of its parent, in our own PID namespace; 0 if the parent is outside it.
    ///
    /// # Errors
    /// [`Status::No`] if the process is gone.
    pub fn parent(&self) -> Result<i32> {
        Ok(self.stat()?.parent)
    }

    fn stat(&self) -> Result<proc::Stat> {
        let stat = self.parse("stat", |stat| {
            proc::Stat::parse(stat.as_bytes()).ok_or_else(|| "it has not the fields of a process".to_owned())
        })?;
        let _ = self.starttime.set(stat.starttime);
        Ok(stat)
    }

    /// Opens one of its namespaces.
    ///
    /// # Errors
    /// [`Status::No`] if the process is gone; [`Status::Failed`] if
    /// it may not be inspected: see `ptrace(2)`, "Ptrace access mode checking".
    pub fn namespace(&self, ns_type: NsType) -> Result<Namespace> {
        let open = |file: &str| openat(&self.dir, file, OFlag::O_RDONLY | OFlag::O_CLOEXEC, Mode::empty());
        let link = format!("ns/{ns_type}");
        let namespace = self.by_link(&link, open).and_then(Namespace::hold);
        namespace.map_err(|errno| self.without_namespace("open", ns_type, errno))
    }

    /// The identity of one of its namespaces, or `None` if the kernel lacks that type.
    ///
    /// # Errors
    /// As [`Process::namespace`].
    pub fn namespace_id(&self, ns_type: NsType) -> Result<Option<NsId>> {
        match self.by_link(&format!("ns/{ns_type}"), |file| NsId::named_by(&self.dir, file)) {
            Ok(id) => Ok(Some(id)),
            // A process that ends has lost its links, too: only if we have none does the kernel lack the type.
            Err(Errno::ENOENT) if !has(ns_type) && self.is_alive() => Ok(None),
            Err(errno) => Err(self.without_namespace("read", ns_type, errno)),
        }
    }

    /// Opens its root directory with `O_PATH`.
    ///
    /// # Errors
    /// [`Status::No`] if the process is gone or ending, [`Status::Failed`] if it may not be
    /// inspected.
    pub fn root(&self) -> Result<OwnedFd> {
        let flags = OFlag::O_PATH | OFlag::O_DIRECTORY | OFlag::O_CLOEXEC;
        let root = self.by_link("root", |file| openat(&self.dir, file, flags, Mode::empty()));
        root.map_err(|errno| self.without_link("open", "root", errno))
    }

    /// Calls `ask` with a link of its /proc directory: the main thread's or, if that has exited, another thread's.
    fn by_link<T>(&self, link: &str, ask: impl Fn(&str) -> nix::Result<T>) -> nix::Result<T> {
        match ask(link) {
            Err(Errno::ENOENT) => match proc::other_thread(&self.dir, self.pid) {
                Some(tid) => ask(&format!("task/{tid}/{link}")),
                None => Err(Errno::ENOENT),
            },
            answer => answer,
        }
    }

    fn open(&self, file: &str) -> Result<OwnedFd> {
        openat(&self.dir, file, OFlag::O_RDONLY | OFlag::O_CLOEXEC, Mode::empty())
            .map_err(|errno| self.failed("open", file, errno))
    }

    fn parse<T>(&self, file: &str, parser: impl FnOnce(&str) -> std::result::Result<T, String>) -> Result<T> {
        parser(&self.read(file)?).map_err(|cause| {
            // If the process is reaped while the kernel writes the file, some fields are "-1" (`do_task_stat` of
            // `fs/proc/array.c`).
            if !self.is_alive() {
                return self.gone();
            }
            Error::failed(format!("read /proc/{}/{file}: {cause}", self.pid))
        })
    }

    fn without_namespace(&self, verb: &str, ns_type: NsType, errno: Errno) -> Error {
        let link = format!("ns/{ns_type}");
        if has(ns_type) { self.without_link(verb, &link, errno) } else { self.failed(verb, &link, errno) }
    }

    /// The error for a link that every process has, until it ends.
    fn without_link(&self, verb: &str, link: &str, errno: Errno) -> Error {
        if errno != Errno::ENOENT || self.is_hidden() {
            return self.failed(verb, link, errno);
        }
        // Most are gone in some microseconds. The first process of a PID namespace will not be before all others in there are.
        let is_gone = !is_running_for(&self.pidfd, MAX_ENDING.into());
        if is_gone { self.gone() } else { Error::no(format!("process {} is ending", self.pid)) }
    }

    /// Whether /proc tells us nothing of it although it lives: it is then mounted with `hidepid`, see `proc(5)`.
    fn is_hidden(&self) -> bool {
        let found = faccessat(&self.dir, "stat", AccessFlags::F_OK, AtFlags::empty());
        matches!(found, Err(Errno::ENOENT | Errno::EPERM)) && self.is_alive()
    }

    fn gone(&self) -> Error {
        Error::no(format!("process {} is gone", self.pid))
    }

    fn failed(&self, verb: &str, file: &str, errno: Errno) -> Error {
        if errno == Errno::ESRCH || !self.is_alive() {
            return self.gone();
        }
        if self.is_hidden() {
            return hidden(self.pid);
        }
        let error = Error::os(format!("{verb} /proc/{}/{file}", self.pid), errno);
        match errno {
            Errno::EACCES | Errno::EPERM => error.suffix(&format!(" ({})", ptrace_hint("the process has"))),
            _ => error,
        }
    }
}

impl AsFd for Process {
    /// The pidfd.
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.pidfd.as_fd()
    }
}

/// The error for the ID of a thread that is not the first of its process.
fn thread(tid: i32) -> Error {
    let status = std::fs::read_to_string(format!("/proc/{tid}/status")).unwrap_or_default();
    let process = proc::status_field(&status, "Tgid").map(|pid| format!(" of process {pid}"));
    Error::invalid(format!("PID {tid} is a thread{}", process.unwrap_or_else(|| ", not a process".to_owned())))
}

/// The error for a process that /proc hides, and the ways out.
fn hidden(pid: i32) -> Error {
    Error::failed(format!(
        "/proc/{pid} is hidden from us: /proc is mounted with hidepid (root, CAP_SYS_PTRACE, or the group of its option gid \
         sees it)"
    ))
}

/// Whether this kernel has namespaces of that type: then we are in one.
fn has(ns_type: NsType) -> bool {
    Path::new(&format!("/proc/self/ns/{ns_type}")).exists()
}

#[cfg(test)]
mod tests {
    use std::process::{Command, Stdio};

    use super::*;

    #[test]
    fn what_is_read_while_it_ends_is_no_error() {
        let mut child = Command::new("cat").stdin(Stdio::piped()).spawn().unwrap();
        let process = Process::pin(child.id().cast_signed()).unwrap();
        drop(child.stdin.take());
        while process.is_alive() {
            std::thread::yield_now();
        }
        // A zombie's files can be read.
        let error = process.parse("stat", |_| Err::<(), _>("it has not the fields of a process".into())).unwrap_err();
        assert_eq!(error.to_string(), format!("process {} is gone", process.pid()));
        child.wait().unwrap();
    }
}
