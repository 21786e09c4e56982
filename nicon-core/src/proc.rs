//! Reading procfs. What is not parsed in place is left to the procfs crate; files are opened here, relative to a pinned process.

use std::os::fd::AsFd;
use std::sync::OnceLock;

use nix::dir::Dir;
use nix::errno::Errno;
use nix::fcntl::OFlag;
use nix::sys::stat::Mode;
use nix::unistd::getpid;
use procfs::prelude::FromBufRead;

use crate::mountinfo::mounts;
use crate::privileges::ptrace_hint;
use crate::{Context, Error, Result};

/// Checks, once per run, that /proc is that of our own PID namespace.
///
/// In the /proc of another one, such as the host's mounted in a container, `/proc/42` is not the process with our PID 42.
///
/// # Errors
/// [`Status::Failed`](crate::Status::Failed), with the way out.
pub fn check() -> Result<()> {
    static CHECKED: OnceLock<Result<()>> = OnceLock::new();
    CHECKED
        .get_or_init(|| {
            let own = std::fs::read_link("/proc/self").context(|| "read /proc/self");
            let own = own.map_err(|error| match error.errno() {
                Some(libc::ENOENT) => error.suffix(" (is a /proc of our PID namespace mounted?)"),
                _ => error,
            })?;
            if own.to_str() == Some(&getpid().to_string()) {
                return Ok(());
            }
            Err(Error::failed(
                "/proc shows another PID namespace than ours: mount one of our own, or start the container with \
                 --pid=host",
            ))
        })
        .clone()
}

/// A thread other than the main thread, of the process whose /proc/PID is open as `dir`. After the main thread has exited,
/// only the others have links to the process's namespaces.
pub(crate) fn other_thread(dir: impl AsFd, pid: i32) -> Option<i32> {
    let mut threads = Dir::openat(dir, "task", OFlag::O_RDONLY | OFlag::O_CLOEXEC, Mode::empty()).ok()?;
    let mut tids = threads.iter().filter_map(|entry| entry.ok()?.file_name().to_str().ok()?.parse().ok());
    tids.find(|&tid| tid != pid)
}

/// The most that is read from a file of procfs, in bytes. Arguments and environment of a program take at most 6 MiB.
const MAX_FILE: usize = 8 << 20;

/// Reads a whole file of procfs, whose size is not known in advance. Fails with EFBIG if it is too large: a process can
/// declare all of its memory to be its command line (`PR_SET_MM_MAP` of `prctl(2)`), for which it needs no capability.
pub(crate) fn read(file: impl AsFd) -> nix::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    let mut chunk = [0; 4096];
    while bytes.len() <= MAX_FILE {
        match nix::unistd::read(&file, &mut chunk) {
            Ok(0) => return Ok(bytes),
            Ok(length) => bytes.extend_from_slice(&chunk[..length]),
            Err(Errno::EINTR) => {}
            Err(errno) => return Err(errno),
        }
    }
    Err(Errno::EFBIG)
}

/// The message that an answer may be incomplete: the processes `denied` could not be inspected, or /proc may hide some.
/// `None` if nothing is missing.
#[must_use]
pub fn complaint(denied: &[i32]) -> Option<Error> {
    let (missing, whose) = match denied {
        [] if hides_processes() => {
            ("/proc is mounted with hidepid, and may hide processes from us".to_owned(), "they have")
        }
        [] => return None,
        [one] => (format!("process {one} could not be inspected"), "it has"),
        [first, ..] => (format!("{} processes could not be inspected, such as {first}", denied.len()), "they have"),
    };
    Some(Error::failed(format!("{missing} ({}): the answer may be incomplete", ptrace_hint(whose))))
}

/// As [`complaint`], but without the processes that nobody in our user namespace may inspect: with `CAP_SYS_PTRACE` in it, all that
/// are denied to us are outside it.
#[must_use]
pub fn complaint_within_reach(denied: &[i32]) -> Option<Error> {
    let is_outside = || {
        let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
        may_ptrace(&status) && !is_in_initial_user_namespace()
    };
    complaint(denied).filter(|_| !is_outside())
}

/// Whether we have a capability, by its number in `linux/capability.h`, over all that a user namespace can own.
#[must_use]
pub fn has_everywhere(capability: u32) -> bool {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    is_in_initial_user_namespace() && has_capability(&status, capability)
}

/// Every user ID is mapped to itself there alone.
fn is_in_initial_user_namespace() -> bool {
    let map = std::fs::read_to_string("/proc/self/uid_map").unwrap_or_default();
    map.split_whitespace().eq(["0", "0", "4294967295"])
}

/// Whether /proc may hide processes from us: mounted with `hidepid=invisible` or `hidepid=ptraceable`, it does not even
/// list the ones that we may not inspect.
fn hides_processes() -> bool {
    // PID 1 is the one most likely to have a capability that we lack. If it may be inspected, all may, and there is no
    // need to read the mounts: a machine with many containers has thousands.
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    if may_ptrace(&status) && std::fs::exists("/proc/1").unwrap_or(false) {
        return false;
    }
    hides(&std::fs::read("/proc/self/mountinfo").unwrap_or_default())
}

/// Only the last file system mounted on /proc counts: it covers the earlier ones.
pub(crate) fn hides(mountinfo: &[u8]) -> bool {
    let on_proc = mounts(mountinfo).rfind(|mount| mount.point == b"/proc");
    let hiding = ["hidepid=2", "hidepid=4", "hidepid=invisible", "hidepid=ptraceable"];
    on_proc.is_some_and(|mount| hiding.iter().any(|option| mount.has_option(option)))
}

/// A field of /proc/PID/status by its name, without the colon; see `proc_pid_status(5)`.
#[must_use]
pub fn status_field<'a>(status: &'a str, name: &str) -> Option<&'a str> {
    status.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':')).map(str::trim)
}

/// Whether the effective capabilities in /proc/PID/status include `CAP_SYS_PTRACE`, bit 19.
pub(crate) fn may_ptrace(status: &str) -> bool {
    has_capability(status, 19)
}

fn has_capability(status: &str, bit: u32) -> bool {
    let effective = status_field(status, "CapEff");
    effective.and_then(|bits| u64::from_str_radix(bits, 16).ok()).is_some_and(|bits| bits & 1 << bit != 0)
}

/// A flag of a task that ends: `linux/sched.h`.
const PF_EXITING: u64 = 0x4;

/// What /proc/PID/stat says about a process; see `proc_pid_stat(5)`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Stat {
    /// Whether it is a zombie, about to be reaped, or ending: field 3 is `Z` or `X`, or field 9 has `PF_EXITING`; and field 20
    /// counts no other thread. The first process of a PID namespace is ending for as long as a process in there is not reaped.
    pub ended: bool,
    /// Whether a signal has stopped it: field 3 is `T`.
    pub stopped: bool,
    /// The PID of its parent, or of the process that adopted it, in our own PID namespace: field 4.
    pub parent: i32,
    /// Its process group, by the PID of the process that leads it: field 5.
    pub group: i32,
    /// Its session, by the PID of the process that leads it: field 6.
    pub session: i32,
    /// Its start time, in clock ticks since boot: field 22.
    pub starttime: u64,
}

impl Stat {
    /// Parses the file, or as much of it as has these fields. A command's name cannot shift them.
    pub(crate) fn parse(line: &[u8]) -> Option<Self> {
        // The command's name may contain anything, so count the fields from the last parenthesis.
        let end = line.iter().rposition(|&byte| byte == b')')?;
        let mut fields = line[end + 1..].split(|&byte| byte == b' ').skip(1);
        let state = fields.next()?;
        let number = |field: &[u8]| std::str::from_utf8(field).ok()?.parse::<u64>().ok();
        let mut pid = || i32::try_from(number(fields.next()?)?).ok();
        let (parent, group, session) = (pid()?, pid()?, pid()?);
        let is_ending = number(fields.nth(2)?)? & PF_EXITING != 0;
        let threads = number(fields.nth(10)?)?;
        let starttime = number(fields.nth(1)?)?;
        let ended = (matches!(state, b"Z" | b"X") || is_ending) && threads <= 1;
        Some(Self { ended, stopped: state == b"T", parent, group, session, starttime })
    }
}

/// The PIDs in the `NSpid` line of /proc/PID/status, outermost namespace first; see `proc_pid_status(5)`.
pub(crate) fn nspid(status: &str) -> std::result::Result<Vec<i32>, String> {
    let status = procfs::process::Status::from_buf_read(status.as_bytes());
    status.map_err(|error| error.to_string())?.nspid.ok_or_else(|| "it has no NSpid line (Linux 4.1)".to_owned())
}

/// The user IDs in the `Uid` line of /proc/PID/status: real, effective, saved, and that for files.
pub(crate) fn uids(status: &str) -> std::result::Result<[u32; 4], String> {
    let status = procfs::process::Status::from_buf_read(status.as_bytes()).map_err(|error| error.to_string())?;
    Ok([status.ruid, status.euid, status.suid, status.fuid])
}

/// The PID in /proc/self/fdinfo/N of a pidfd: 0 if the process is outside our PID namespace, -1 if it is gone.
pub(crate) fn pidfd_pid(fdinfo: &str) -> Option<i32> {
    fdinfo.lines().find_map(|line| line.strip_prefix("Pid:"))?.trim().parse().ok()
}

#[cfg(test)]
mod tests {
    use procfs::prelude::FromRead;

    use super::*;

    #[test]
    fn a_command_name_cannot_shift_the_fields_of_stat() {
        let own = std::fs::read_to_string("/proc/self/stat").unwrap();
        let stat = Stat::parse(own.as_bytes()).unwrap();
        assert_eq!((stat.ended, stat.parent), (false, nix::unistd::getppid().as_raw()));
        let whole = procfs::process::Stat::from_read(own.as_bytes()).unwrap();
        assert_eq!((stat.parent, stat.group, stat.session), (whole.ppid, whole.pgrp, whole.session));
        assert_eq!(stat.starttime, whole.starttime);
        let forged = b"7 (a) Z 1 ) Z 1 7 7 0 -1 4 0 0 0 0 0 0 0 0 20 0 1 0 12345 0 0";
        assert_eq!(
            Stat::parse(forged),
            Some(Stat { ended: true, stopped: false, parent: 1, group: 7, session: 7, starttime: 12345 })
        );
        // The first process of a PID namespace that waits for the others to be reaped; and one whose main thread ends.
        let ending = b"7 (sleep) S 1 7 7 0 -1 4194308 0 0 0 0 0 0 0 0 20 0 1 0 12345 0 0";
        assert!(Stat::parse(ending).unwrap().ended);
        let main_thread = b"7 (a) S 1 7 7 0 -1 4194308 0 0 0 0 0 0 0 0 20 0 3 0 12345 0 0";
        assert!(!Stat::parse(main_thread).unwrap().ended);
        let stopped = b"7 (a) T 1 7 7 0 -1 4 0 0 0 0 0 0 0 0 20 0 1 0 12345 0 0";
        assert!(Stat::parse(stopped).unwrap().stopped && !stat.stopped);
        // One that was reaped while the kernel wrote the line.
        let reaped = b"7 (a) X 0 -1 -1 0 -1 4194308 0 0 0 0 0 0 0 0 20 0 0 0 12345 0 0";
        for text in [&reaped[..], b"7 (a) R 1", b"docker-default (enforce)", b")", b""] {
            assert_eq!(Stat::parse(text), None);
        }
    }

    #[test]
    fn hidepid_and_capabilities_are_parsed() {
        let line = |on, options| format!("22 27 0:21 / {on} rw,nosuid shared:5 - proc proc {options}\n");
        let hides = |list: &str| hides(list.as_bytes());
        for hiding in ["rw,hidepid=2", "rw,gid=5,hidepid=invisible", "rw,hidepid=ptraceable"] {
            assert!(hides(&line("/proc", hiding)), "{hiding}");
            assert!(!hides(&(line("/proc", hiding) + &line("/proc", "rw"))));
            assert!(!hides(&line("/mnt", hiding)));
        }
        assert!(!hides(&line("/proc", "rw,hidepid=off")) && !hides(""));
        assert!(may_ptrace("Name:\tx\nCapEff:\t0000000000080000\n"));
        assert!(!may_ptrace("CapEff:\t000001fffff7ffff\n"));
    }

    #[test]
    fn pids_of_fdinfo() {
        assert_eq!(pidfd_pid("pos:\t0\nPid:\t42\nNSpid:\t42\n"), Some(42));
        assert_eq!(pidfd_pid("pos:\t0\nPid:\t-1\n"), Some(-1));
        assert_eq!(pidfd_pid("pos:\t0\n"), None);
    }
}
