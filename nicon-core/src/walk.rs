//! Walking all processes of /proc at the least cost: one system call a question, on the stack, and no handle.
//!
//! Nothing that is [`Seen`] is pinned. A walk is for choosing; what is chosen, is pinned and looked at once more.

use std::cell::LazyCell;
use std::ffi::CStr;
use std::io::Write as _;
use std::ops::ControlFlow;
use std::os::fd::{AsFd, OwnedFd};

use nix::dir::Dir;
use nix::errno::Errno;
use nix::fcntl::{OFlag, open, openat};
use nix::sched::{CpuSet, sched_getaffinity};
use nix::sys::stat::Mode;
use nix::unistd::Pid;

use crate::{Doing, NsType, Result, ns, proc, sys};

/// Long enough for `2147483647/task/2147483647/children` and its NUL.
const PATH: usize = 48;

/// Long enough for `cgroup:[18446744073709551615]`.
const LINK: usize = 64;

/// Far longer than the fields of /proc/PID/stat up to the start time.
const STAT: usize = 1024;

/// Visits each process that /proc lists, by ascending PID, until `visit` breaks off.
///
/// Processes come and go meanwhile: one that lives all the while is visited once.
///
/// # Errors
/// [`Status::Failed`](crate::Status::Failed) where /proc cannot be read, and what `visit` fails with.
pub fn walk(mut visit: impl FnMut(&Seen<'_>) -> Result<ControlFlow<()>>) -> Result<()> {
    let proc = Proc::open()?;
    for pid in Listing::open()?.iter() {
        if visit(&proc.process(pid?))?.is_break() {
            break;
        }
    }
    Ok(())
}

/// The most threads that share a walk: beyond, they wait for each other in the kernel.
const THREADS: usize = 4;

/// So few processes that it takes longer to start a thread than to look at them.
const SHARE: usize = 50;

/// Has each process that /proc lists looked at, by several threads where the machine has the processors. Each thread gets
/// the PIDs of a range, ascending; what they return comes in the order of the ranges.
///
/// # Errors
/// [`Status::Failed`](crate::Status::Failed) where /proc cannot be read, and what `look` fails with.
pub fn share<T: Send>(look: impl Fn(&mut dyn Iterator<Item = Seen<'_>>) -> Result<T> + Sync) -> Result<Vec<T>> {
    let proc = Proc::open()?;
    let pids = Listing::open()?.iter().collect::<Result<Vec<_>>>()?;
    // The standard library's available_parallelism reads files of the cgroup as well, which takes longer than some walks.
    let processors = sched_getaffinity(Pid::from_raw(0)).map_or(1, |set| count(&set));
    let threads = processors.min(THREADS).min(pids.len() / SHARE).max(1);
    let see = |range: &[i32]| look(&mut range.iter().map(|&pid| proc.process(pid)));
    let (first, others) = pids.split_at(pids.len().div_ceil(threads));
    std::thread::scope(|scope| {
        let see = &see;
        let start = |range| std::thread::Builder::new().stack_size(256 << 10).spawn_scoped(scope, move || see(range));
        let started: Vec<_> = others.chunks(first.len().max(1)).map(|range| (range, start(range))).collect();
        let mut found = vec![see(first)];
        for (range, thread) in started {
            // Where no thread can be had, its range is left to us.
            found.push(match thread {
                Ok(thread) => thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)),
                Err(_) => see(range),
            });
        }
        found.into_iter().collect()
    })
}

fn count(processors: &CpuSet) -> usize {
    (0..CpuSet::count()).filter(|&number| processors.is_set(number) == Ok(true)).count()
}

/// The open list of all processes.
struct Listing(Dir);

impl Listing {
    fn open() -> Result<Self> {
        Dir::open("/proc", OFlag::O_RDONLY | OFlag::O_CLOEXEC, Mode::empty()).map(Self).doing(|| "open /proc")
    }

    fn iter(&mut self) -> impl Iterator<Item = Result<i32>> {
        let entries = self.0.iter().map(|entry| entry.doing(|| "read /proc"));
        entries.filter_map(|entry| entry.map(|entry| entry.file_name().to_str().ok()?.parse().ok()).transpose())
    }
}

/// The open directory /proc, below which processes are looked at.
#[derive(Debug)]
pub struct Proc(OwnedFd);

impl Proc {
    /// Opens it.
    ///
    /// # Errors
    /// [`Status::Failed`](crate::Status::Failed) where it cannot be opened, or is not that of our own PID namespace.
    pub fn open() -> Result<Self> {
        proc::check()?;
        open("/proc", DIR, Mode::empty()).map(Self).doing(|| "open /proc")
    }

    /// A process to be looked at; whether there is one, shows when it is.
    #[must_use]
    pub fn process(&self, pid: i32) -> Seen<'_> {
        Seen { proc: &self.0, pid }
    }
}

/// A process as a walk passes it. By the next question its PID may belong to another.
#[derive(Debug)]
pub struct Seen<'a> {
    proc: &'a OwnedFd,
    pid: i32,
}

/// What the kernel tells of a process in its line of /proc/PID/stat.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Life {
    /// Whether it has ended and only waits to be reaped: field 3 is `Z` or `X`, and of its threads no other lives.
    pub ended: bool,
    /// The PID of its parent, or of who adopted it, in our own PID namespace: field 4.
    pub parent: i32,
    /// When it started, in clock ticks since boot: field 22.
    pub starttime: u64,
}

impl Seen<'_> {
    /// Its PID in our own PID namespace.
    #[must_use]
    pub fn pid(&self) -> i32 {
        self.pid
    }

    /// Opens its directory in /proc with `O_PATH`; names below it keep meaning this process.
    ///
    /// # Errors
    /// The kernel's answer: `ENOENT` where it is gone.
    pub fn dir(&self) -> nix::Result<OwnedFd> {
        self.open(format_args!("{}", self.pid))
    }

    /// The inode number of one of its namespaces.
    ///
    /// # Errors
    /// The kernel's answer: `ENOENT` or `ESRCH` where it has ended, `EACCES` or `EPERM` where it may not be looked at.
    pub fn namespace(&self, ns_type: NsType) -> nix::Result<u64> {
        match link(self.proc, path(&mut [0; PATH], format_args!("{}/ns/{ns_type}", self.pid))?) {
            Err(Errno::ENOENT) => link_in(&self.links_of_a_thread(&self.links()?)?, ns_type),
            answer => answer,
        }
    }

    /// Calls `each` with the inode number of each of its namespaces that are of `types`; all of the same process.
    ///
    /// # Errors
    /// As [`Seen::namespace`]; a process of which some links are gone (a zombie keeps only two) is no error.
    pub fn namespaces(&self, types: &[NsType], mut each: impl FnMut(NsType, u64)) -> nix::Result<()> {
        if let [only] = types {
            return self.namespace(*only).map(|ino| each(*only, ino));
        }
        // The open directory stays with its process: its names cannot come to mean another one's namespaces.
        let links = self.links()?;
        let others = LazyCell::new(|| self.links_of_a_thread(&links));
        for &ns_type in types {
            let answer = match (link_in(&links, ns_type), &others) {
                (Err(Errno::ENOENT), others) => {
                    others.as_ref().map_err(|&errno| errno).and_then(|others| link_in(others, ns_type))
                }
                (answer, _) => answer,
            };
            match answer {
                Ok(ino) => each(ns_type, ino),
                Err(Errno::ENOENT | Errno::ESRCH) => {}
                Err(errno) => return Err(errno),
            }
        }
        Ok(())
    }

    /// Whether it lives and since when, or `None` where it is gone.
    #[must_use]
    pub fn life(&self) -> Option<Life> {
        let mut buffer = [0; PATH];
        let file = path(&mut buffer, format_args!("{}/stat", self.pid)).ok()?;
        let fd = openat(self.proc, file, OFlag::O_RDONLY | OFlag::O_CLOEXEC, Mode::empty()).ok()?;
        let mut line = [0; STAT];
        let length = nix::unistd::read(&fd, &mut line).ok()?;
        parse_life(&line[..length])
    }

    /// The processes that its main thread has started, or adopted, and that have not been waited for. None where it is
    /// gone, or the kernel does not tell (`CONFIG_PROC_CHILDREN`).
    ///
    /// Whatever is adopted, and by whom: a parent is always older than its children.
    #[must_use]
    pub fn children(&self) -> Vec<i32> {
        let mut buffer = [0; PATH];
        let Ok(file) = path(&mut buffer, format_args!("{0}/task/{0}/children", self.pid)) else { return Vec::new() };
        let fd = openat(self.proc, file, OFlag::O_RDONLY | OFlag::O_CLOEXEC, Mode::empty());
        let list = fd.and_then(proc::read).unwrap_or_default();
        let pids = list.split(|&byte| byte == b' ');
        pids.filter_map(|pid| std::str::from_utf8(pid).ok()?.parse().ok()).collect()
    }

    /// Its links to its namespaces.
    fn links(&self) -> nix::Result<OwnedFd> {
        self.open(format_args!("{}/ns", self.pid))
    }

    /// The links of another thread of the process, which lives on in those where its main thread has ended.
    fn links_of_a_thread(&self, links: &OwnedFd) -> nix::Result<OwnedFd> {
        let process = openat(links, c"..", DIR, Mode::empty())?;
        let tid = proc::other_thread(&process, self.pid).ok_or(Errno::ENOENT)?;
        openat(process, path(&mut [0; PATH], format_args!("task/{tid}/ns"))?, DIR, Mode::empty())
    }

    fn open(&self, dir: std::fmt::Arguments<'_>) -> nix::Result<OwnedFd> {
        openat(self.proc, path(&mut [0; PATH], dir)?, DIR, Mode::empty())
    }
}

/// How directories are opened that only lead to what is in them.
const DIR: OFlag = OFlag::O_PATH.union(OFlag::O_DIRECTORY).union(OFlag::O_CLOEXEC);

fn path<'a>(buffer: &'a mut [u8; PATH], words: std::fmt::Arguments<'_>) -> nix::Result<&'a CStr> {
    // The last byte stays NUL: a path that is too long fails to be written.
    let (mut room, _) = buffer.split_at_mut(PATH - 1);
    room.write_fmt(words).map_err(|_| Errno::ENAMETOOLONG)?;
    CStr::from_bytes_until_nul(buffer).map_err(|_| Errno::ENAMETOOLONG)
}

fn link_in(links: &OwnedFd, ns_type: NsType) -> nix::Result<u64> {
    link(links, path(&mut [0; PATH], format_args!("{ns_type}"))?)
}

fn link(dir: impl AsFd, path: &CStr) -> nix::Result<u64> {
    let mut buffer = [0; LINK];
    let text = sys::readlinkat(dir, path, &mut buffer)?;
    std::str::from_utf8(text).ok().and_then(ns::parse_link).map(|(_, ino)| ino).ok_or(Errno::EINVAL)
}

fn parse_life(line: &[u8]) -> Option<Life> {
    // The command's name may hold anything: the fields are counted from its last parenthesis.
    let end = line.iter().rposition(|&byte| byte == b')')?;
    let mut fields = line[end + 1..].split(|&byte| byte == b' ').skip(1);
    let main_has_ended = matches!(fields.next()?, b"Z" | b"X");
    let number = |field: &[u8]| std::str::from_utf8(field).ok()?.parse::<u64>().ok();
    let parent = i32::try_from(number(fields.next()?)?).ok()?;
    let threads = number(fields.nth(15)?)?;
    let starttime = number(fields.nth(1)?)?;
    let ended = main_has_ended && threads <= 1;
    Some(Life { ended, parent, starttime })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_links_are_the_kernels() {
        let proc = Proc::open().unwrap();
        let me = proc.process(nix::unistd::getpid().as_raw());
        let mut seen = Vec::new();
        me.namespaces(&NsType::ALL, |ns_type, ino| seen.push(format!("{ns_type}:[{ino}]"))).unwrap();
        assert!(seen.len() >= 7, "{seen:?}");
        for link in seen {
            let (name, _) = link.split_once(':').unwrap();
            assert_eq!(std::fs::read_link(format!("/proc/self/ns/{name}")).unwrap().to_str(), Some(link.as_str()));
        }
        assert_eq!(proc.process(i32::MAX).namespace(NsType::Net), Err(Errno::ENOENT));
    }

    #[test]
    fn children_are_their_parents() {
        let proc = Proc::open().unwrap();
        let me = nix::unistd::getpid().as_raw();
        let parent = nix::unistd::getppid().as_raw();
        assert!(proc.process(parent).children().contains(&me));
        assert!(proc.process(i32::MAX).children().is_empty());
    }

    #[test]
    fn a_life_is_parsed_behind_any_command() {
        let own = std::fs::read_to_string("/proc/self/stat").unwrap();
        let life = parse_life(own.as_bytes()).unwrap();
        assert_eq!(life.starttime, proc::Stat::parse(&own).unwrap().starttime);
        assert_eq!((life.ended, life.parent), (false, nix::unistd::getppid().as_raw()));
        let forged = b"7 (a) Z 1 ) Z 1 7 7 0 -1 4 0 0 0 0 0 0 0 0 20 0 1 0 12345 0 0";
        assert_eq!(parse_life(forged), Some(Life { ended: true, parent: 1, starttime: 12345 }));
        assert_eq!(parse_life(b"7 (a) R 1"), None);
    }

    #[test]
    fn a_walk_passes_us_once_and_in_order() {
        let mut pids = Vec::new();
        walk(|seen| {
            pids.push(seen.pid());
            Ok(ControlFlow::Continue(()))
        })
        .unwrap();
        assert!(pids.is_sorted());
        let shared = share(|seen| Ok(seen.map(|seen| seen.pid()).collect::<Vec<_>>())).unwrap().concat();
        assert!(shared.is_sorted());
        assert!(shared.contains(&nix::unistd::getpid().as_raw()));
        assert_eq!(pids.iter().filter(|&&pid| pid == nix::unistd::getpid().as_raw()).count(), 1);
    }
}
