//! A fast walk over all processes in /proc: one system call per question, no allocation, no open handles.
//!
//! An [`Unpinned`] is not pinned. Pin the process that you choose, and check it again.

use std::cell::LazyCell;
use std::ffi::CStr;
use std::io::{self, Write as _};
use std::ops::ControlFlow;
use std::os::fd::{AsFd, OwnedFd};

use nix::dir::Dir;
use nix::errno::Errno;
use nix::fcntl::{OFlag, open, openat};
use nix::sched::{CpuSet, sched_getaffinity};
use nix::sys::stat::Mode;
use nix::unistd::Pid;

pub use crate::proc::Stat;
use crate::{Context, NsType, Result, ns, proc, sys};

/// Enough for `2147483647/task/2147483647/children` and its NUL.
const PATH: usize = 48;

/// Enough for `cgroup:[18446744073709551615]`.
const LINK: usize = 64;

/// More than enough for the fields of /proc/PID/stat up to the start time.
const STAT: usize = 1024;

/// Visits each process that /proc lists, by ascending PID, until `visit` breaks.
///
/// A process that exists during the whole walk is visited exactly once.
///
/// # Errors
/// [`Status::Failed`](crate::Status::Failed) if /proc cannot be read, and what `visit` fails with.
pub fn walk(mut visit: impl FnMut(&Unpinned<'_>) -> Result<ControlFlow<()>>) -> Result<()> {
    let proc = Proc::open()?;
    for pid in Listing::open()?.iter() {
        if visit(&proc.process(pid?))?.is_break() {
            break;
        }
    }
    Ok(())
}

/// The most threads that share a walk; more would wait for each other in the kernel.
const THREADS: usize = 4;

/// The fewest processes per thread: fewer are visited sooner than a thread starts.
const SHARE: usize = 50;

/// The most generations that are looked at.
const MAX_ANCESTRY: usize = 1024;

/// Visits each process that /proc lists with several threads, if there are as many processors. Each thread gets a range of
/// ascending PIDs; the results are in the order of the ranges.
///
/// # Errors
/// [`Status::Failed`](crate::Status::Failed) if /proc cannot be read, and what `visit` fails with.
pub fn share<T: Send>(visit: impl Fn(&mut dyn Iterator<Item = Unpinned<'_>>) -> Result<T> + Sync) -> Result<Vec<T>> {
    let proc = Proc::open()?;
    let pids = Listing::open()?.iter().collect::<Result<Vec<_>>>()?;
    // std::thread::available_parallelism reads the cgroup's files as well, which takes longer than some walks.
    let processors = sched_getaffinity(Pid::from_raw(0)).map_or(1, |set| count(&set));
    let threads = processors.min(THREADS).min(pids.len() / SHARE).max(1);
    let visit_range = |range: &[i32]| visit(&mut range.iter().map(|&pid| proc.process(pid)));
    let (first, others) = pids.split_at(pids.len().div_ceil(threads));
    std::thread::scope(|scope| {
        let visit_range = &visit_range;
        let builder = || std::thread::Builder::new().stack_size(256 << 10);
        let start = |range| builder().spawn_scoped(scope, move || visit_range(range));
        let started: Vec<_> = others.chunks(first.len().max(1)).map(|range| (range, start(range))).collect();
        let mut results = vec![visit_range(first)];
        for (range, thread) in started {
            results.push(match thread {
                Ok(thread) => thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)),
                // No thread could be started: do its work here.
                Err(_) => visit_range(range),
            });
        }
        results.into_iter().collect()
    })
}

fn count(processors: &CpuSet) -> usize {
    (0..CpuSet::count()).filter(|&number| processors.is_set(number) == Ok(true)).count()
}

/// The open list of all processes.
struct Listing(Dir);

impl Listing {
    fn open() -> Result<Self> {
        Dir::open("/proc", OFlag::O_RDONLY | OFlag::O_CLOEXEC, Mode::empty()).map(Self).context(|| "open /proc")
    }

    fn iter(&mut self) -> impl Iterator<Item = Result<i32>> {
        let entries = self.0.iter().map(|entry| entry.context(|| "read /proc"));
        entries.filter_map(|entry| entry.map(|entry| entry.file_name().to_str().ok()?.parse().ok()).transpose())
    }
}

/// Whether an [`Unpinned`] could not be asked because its process has exited: ENOENT or ESRCH.
#[must_use]
pub fn is_gone(error: &io::Error) -> bool {
    matches!(error.raw_os_error(), Some(libc::ENOENT | libc::ESRCH))
}

/// The open directory /proc.
#[derive(Debug)]
pub struct Proc(OwnedFd);

impl Proc {
    /// Opens it.
    ///
    /// # Errors
    /// [`Status::Failed`](crate::Status::Failed) if it cannot be opened, or is not that of our own PID namespace.
    pub fn open() -> Result<Self> {
        proc::check()?;
        open("/proc", DIR, Mode::empty()).map(Self).context(|| "open /proc")
    }

    /// The entry of a PID, whether or not a process has it.
    #[must_use]
    pub fn process(&self, pid: i32) -> Unpinned<'_> {
        Unpinned { proc: &self.0, pid }
    }

    /// The PID and the start time of a process, of its parent, and so on, up to one that is gone, or the first one. Of more than 1,024
    /// the others are not looked at.
    pub fn ancestry(&self, pid: i32) -> impl Iterator<Item = (i32, u64)> {
        let stat_of = |pid: i32| Some((pid, self.process(pid).stat()?)).filter(|_| pid > 1);
        let upwards = std::iter::successors(stat_of(pid), move |(_, stat)| stat_of(stat.parent));
        upwards.map(|(pid, stat)| (pid, stat.starttime)).take(MAX_ANCESTRY)
    }
}

/// A process as /proc lists it, not pinned: between two calls its PID may be reused.
#[derive(Debug)]
pub struct Unpinned<'a> {
    proc: &'a OwnedFd,
    pid: i32,
}

impl Unpinned<'_> {
    /// Its PID in our own PID namespace.
    #[must_use]
    pub fn pid(&self) -> i32 {
        self.pid
    }

    /// Opens its directory in /proc with `O_PATH`. Names in it always refer to the same process.
    ///
    /// # Errors
    /// `ENOENT` if it is gone.
    pub fn dir(&self) -> io::Result<OwnedFd> {
        Ok(self.open(format_args!("{}", self.pid))?)
    }

    /// The inode number of one of its namespaces.
    ///
    /// # Errors
    /// `ENOENT` or `ESRCH` if it has exited, `EACCES` or `EPERM` if it may not be inspected.
    pub fn namespace(&self, ns_type: NsType) -> io::Result<u64> {
        Ok(self.inode_of(ns_type)?)
    }

    fn inode_of(&self, ns_type: NsType) -> nix::Result<u64> {
        match link(self.proc, path(&mut [0; PATH], format_args!("{}/ns/{ns_type}", self.pid))?) {
            Err(Errno::ENOENT) => link_in(&self.links_of_a_thread(&self.links()?)?, ns_type),
            answer => answer,
        }
    }

    /// Calls `each` with the inode number of each of its namespaces of these `types`, all read from the same process.
    ///
    /// # Errors
    /// As [`Unpinned::namespace`], except that missing links are not an error: a zombie has only two.
    pub fn namespaces(&self, types: &[NsType], mut each: impl FnMut(NsType, u64)) -> io::Result<()> {
        if let [only] = types {
            return self.namespace(*only).map(|ino| each(*only, ino));
        }
        // The open directory stays with its process, so the links cannot be those of two processes.
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
                Err(errno) => return Err(errno.into()),
            }
        }
        Ok(())
    }

    /// Its state, parent and start time, or `None` if it is gone.
    #[must_use]
    pub fn stat(&self) -> Option<Stat> {
        let mut buffer = [0; PATH];
        let file = path(&mut buffer, format_args!("{}/stat", self.pid)).ok()?;
        let fd = openat(self.proc, file, OFlag::O_RDONLY | OFlag::O_CLOEXEC, Mode::empty()).ok()?;
        let mut line = [0; STAT];
        let length = nix::unistd::read(&fd, &mut line).ok()?;
        Stat::parse(&line[..length])
    }

    /// The children of its main thread, started or adopted, that have not been waited for. Empty if it is gone, or the
    /// kernel was built without `CONFIG_PROC_CHILDREN`.
    ///
    /// A parent is always older than its children, adopted ones included.
    #[must_use]
    pub fn children(&self) -> Vec<i32> {
        let mut buffer = [0; PATH];
        let Ok(file) = path(&mut buffer, format_args!("{0}/task/{0}/children", self.pid)) else { return Vec::new() };
        let fd = openat(self.proc, file, OFlag::O_RDONLY | OFlag::O_CLOEXEC, Mode::empty());
        let list = fd.and_then(proc::read).unwrap_or_default();
        let pids = list.split(|&byte| byte == b' ');
        pids.filter_map(|pid| std::str::from_utf8(pid).ok()?.parse().ok()).collect()
    }

    /// The directory of its links to its namespaces.
    fn links(&self) -> nix::Result<OwnedFd> {
        self.open(format_args!("{}/ns", self.pid))
    }

    /// That directory of another thread, for a process whose main thread has exited.
    fn links_of_a_thread(&self, links: &OwnedFd) -> nix::Result<OwnedFd> {
        let process = openat(links, c"..", DIR, Mode::empty())?;
        let tid = proc::other_thread(&process, self.pid).ok_or(Errno::ENOENT)?;
        openat(process, path(&mut [0; PATH], format_args!("task/{tid}/ns"))?, DIR, Mode::empty())
    }

    fn open(&self, dir: std::fmt::Arguments<'_>) -> nix::Result<OwnedFd> {
        openat(self.proc, path(&mut [0; PATH], dir)?, DIR, Mode::empty())
    }
}

/// How a directory is opened that is only used to open files in it.
const DIR: OFlag = OFlag::O_PATH.union(OFlag::O_DIRECTORY).union(OFlag::O_CLOEXEC);

fn path<'a>(buffer: &'a mut [u8; PATH], words: std::fmt::Arguments<'_>) -> nix::Result<&'a CStr> {
    // The last byte stays NUL: writing a path that is too long fails.
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn namespaces_match_the_links_in_proc() {
        let proc = Proc::open().unwrap();
        let me = proc.process(nix::unistd::getpid().as_raw());
        let mut links = Vec::new();
        me.namespaces(&NsType::ALL, |ns_type, ino| links.push(format!("{ns_type}:[{ino}]"))).unwrap();
        assert!(links.len() >= 7, "{links:?}");
        for link in links {
            let (name, _) = link.split_once(':').unwrap();
            assert_eq!(std::fs::read_link(format!("/proc/self/ns/{name}")).unwrap().to_str(), Some(link.as_str()));
        }
        let nobody = proc.process(i32::MAX).namespace(NsType::Net);
        assert_eq!(nobody.unwrap_err().kind(), io::ErrorKind::NotFound);
    }

    #[test]
    fn children_lists_the_children_of_a_process() {
        let proc = Proc::open().unwrap();
        let me = nix::unistd::getpid().as_raw();
        let parent = nix::unistd::getppid().as_raw();
        assert!(proc.process(parent).children().contains(&me));
        assert!(proc.process(i32::MAX).children().is_empty());
    }

    #[test]
    fn a_walk_visits_each_process_once_and_in_order() {
        let mut pids = Vec::new();
        walk(|entry| {
            pids.push(entry.pid());
            Ok(ControlFlow::Continue(()))
        })
        .unwrap();
        assert!(pids.is_sorted());
        let shared = share(|entries| Ok(entries.map(|entry| entry.pid()).collect::<Vec<_>>())).unwrap().concat();
        assert!(shared.is_sorted());
        assert!(shared.contains(&nix::unistd::getpid().as_raw()));
        assert_eq!(pids.iter().filter(|&&pid| pid == nix::unistd::getpid().as_raw()).count(), 1);
    }
}
