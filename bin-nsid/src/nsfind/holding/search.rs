//! Searches all processes for what else keeps namespaces alive: descriptors, sockets, threads, mounts, and other namespaces.

use std::collections::{HashMap, HashSet};
use std::ffi::{CString, OsString};
use std::os::fd::OwnedFd;

use nicon_core::file::FileInfo;
use nicon_core::walk::{Unpinned, share};
use nicon_core::{Error, Namespace, NsType, Process, Result, ns};
use nix::dir::Dir;
use nix::fcntl::{OFlag, openat, readlinkat};
use nix::libc;
use nix::sys::stat::Mode;

use crate::holding::ancestry::Ancestry;
use crate::holding::holders::{Holder, Holders};
use crate::holding::in_flight::InFlight;
use crate::holding::mounted::Mounted;
use crate::holding::sockets::{Answer, Sockets};

/// What a search has found, and what it could not look at.
pub(crate) struct Found {
    /// The holders of all namespaces.
    pub(crate) holders: Holders,
    /// How the namespaces are related.
    pub(crate) ancestry: Ancestry,
    /// The processes that may not be inspected, as far as that takes.
    pub(crate) denied: Vec<i32>,
    /// The message about sockets that could not be asked.
    pub(crate) sockets: Option<Error>,
    /// The message about mounted namespaces that could not be opened.
    pub(crate) mounted: Option<Error>,
    /// The message about descriptors that no process has.
    pub(crate) in_flight: Option<Error>,
}

/// Finds the holders of all namespaces. Sockets are asked only if there may be `types` among them that sockets keep.
///
/// # Errors
/// If /proc cannot be read. A process that exits is skipped.
pub(crate) fn find(types: &[NsType]) -> Result<Found> {
    let asks = types.iter().any(|ns_type| matches!(ns_type, NsType::Net | NsType::User));
    let nsfs = Process::myself()?.namespace_id(NsType::Mnt)?.map(|id| id.dev);
    let parts = share(|processes| {
        let mut search = Search::new(nsfs, asks);
        for process in processes {
            if let Ok(dir) = process.dir() {
                search.process(&process, &dir)?;
            }
        }
        Ok(search)
    })?;
    Ok(parts.into_iter().reduce(Search::joined).unwrap_or_else(|| Search::new(nsfs, asks)).found(types))
}

struct Search {
    /// Device number of nsfs.
    nsfs: Option<u64>,
    holders: Holders,
    ancestry: Ancestry,
    /// Mount namespaces whose mounts have been read, each with a root directory: another one shows other mounts.
    listed: HashSet<(Option<u64>, Option<OsString>)>,
    mounted: Mounted,
    denied: Vec<i32>,
    /// None if they are not asked.
    sockets: Option<Sockets>,
    in_flight: InFlight,
}

impl Search {
    fn new(nsfs: Option<u64>, asks: bool) -> Self {
        Self {
            nsfs,
            holders: Holders::default(),
            ancestry: Ancestry::default(),
            listed: HashSet::new(),
            mounted: Mounted::default(),
            denied: Vec::new(),
            sockets: asks.then(Sockets::new),
            in_flight: InFlight::default(),
        }
    }

    /// Merges the search of a range of greater PIDs into this one.
    fn joined(mut self, other: Self) -> Self {
        self.holders.join(other.holders);
        self.ancestry.join(other.ancestry);
        self.mounted.join(other.mounted);
        self.denied.extend(other.denied);
        if let (Some(sockets), Some(other)) = (&mut self.sockets, &other.sockets) {
            sockets.join(other);
        }
        self.in_flight.join(other.in_flight);
        self
    }

    fn found(mut self, types: &[NsType]) -> Found {
        let mounted = self.mounted.complaint(types, &self.ancestry);
        self.mounted.hold(&mut self.holders);
        self.ancestry.hold(&mut self.holders);
        Found {
            mounted,
            sockets: self.sockets.as_ref().and_then(Sockets::complaint),
            in_flight: self.in_flight.complaint(),
            holders: self.holders,
            ancestry: self.ancestry,
            denied: self.denied,
        }
    }

    fn process(&mut self, process: &Unpinned<'_>, dir: &OwnedFd) -> Result<()> {
        let pid = process.pid();
        let mut own = HashMap::new();
        let result = process.namespaces(&NsType::ALL, |ns_type, ino| {
            own.insert(ns_type, ino);
        });
        if let Err(error) = result {
            self.deny(pid, error.raw_os_error());
            return Ok(());
        }
        for (&ns_type, &ino) in &own {
            self.ancestors(dir, &format!("ns/{ns_type}"), ns_type, ino)?;
        }
        for tid in numbers(dir, "task").unwrap_or_default() {
            self.thread(dir, pid, tid, &own)?;
        }
        // Our own descriptors are those of this search.
        if pid != std::process::id().cast_signed() {
            match numbers(dir, "fd") {
                Ok(fds) => fds.into_iter().try_for_each(|fd| self.descriptor(dir, pid, fd, own.get(&NsType::Net)))?,
                Err(errno) => self.deny(pid, Some(errno as i32)),
            }
        }
        let root = readlinkat(dir, "root").ok();
        let mnt = own.get(&NsType::Mnt).copied();
        let seen = (mnt, root);
        if !self.listed.contains(&seen) {
            match self.mounted.read(dir, pid, (mnt, self.nsfs.unwrap_or_default()), &mut self.ancestry)? {
                None => {
                    self.listed.insert(seen);
                }
                // Others may see the same mounts.
                Some(error) => self.deny(pid, error.raw_os_error()),
            }
        }
        Ok(())
    }

    fn deny(&mut self, pid: i32, errno: Option<i32>) {
        if matches!(errno, Some(libc::EACCES | libc::EPERM)) && self.denied.last() != Some(&pid) {
            self.denied.push(pid);
        }
    }

    fn thread(&mut self, dir: &OwnedFd, pid: i32, tid: i32, own: &HashMap<NsType, u64>) -> Result<()> {
        let mut is_in = own.clone();
        if tid != pid {
            for ns_type in NsType::ALL {
                let file = format!("task/{tid}/ns/{ns_type}");
                let Some((_, ino)) = link(dir, &file) else { continue };
                if is_in.insert(ns_type, ino) != Some(ino) {
                    self.holders.add(ns_type, ino, Holder::Thread { pid, tid });
                    self.ancestors(dir, &file, ns_type, ino)?;
                }
            }
        }
        for (name, ns_type) in [("pid_for_children", NsType::Pid), ("time_for_children", NsType::Time)] {
            let file = format!("task/{tid}/ns/{name}");
            let Some((_, ino)) = link(dir, &file) else { continue };
            if is_in.get(&ns_type) != Some(&ino) {
                self.holders.add(ns_type, ino, Holder::Children { pid, tid });
                self.ancestors(dir, &file, ns_type, ino)?;
            }
        }
        Ok(())
    }

    fn descriptor(&mut self, dir: &OwnedFd, pid: i32, fd: i32, net: Option<&u64>) -> Result<()> {
        let file = format!("fd/{fd}");
        let Ok(target) = readlinkat(dir, file.as_str()) else { return Ok(()) };
        let text = target.to_str().unwrap_or_default();
        if let Some((ns_type, ino)) = ns::parse_link(text) {
            return self.open_namespace(dir, pid, fd, ns_type, ino);
        }
        if let Some(socket) = Sockets::parse_link(text) {
            self.in_flight.look(dir, pid, fd, socket);
            return self.socket(pid, fd, Some(socket), net);
        }
        // The link of a namespace that was opened through a mount, and of a device, is a path. Other files are not opened: that might
        // block, or start a device.
        if target.as_encoded_bytes().starts_with(b"/")
            && let Ok(path) = CString::new(file.as_str())
            && let Ok(known) = FileInfo::at(dir, &path)
        {
            if Sockets::is_tun(&known) {
                return self.socket(pid, fd, None, net);
            }
            let is_namespace = Some(known.dev) == self.nsfs;
            if let Some(namespace) = is_namespace.then(|| open(dir, &file)).flatten()
                && let Ok(ns_type) = namespace.ns_type()
            {
                return self.open_namespace(dir, pid, fd, ns_type, namespace.id().ino);
            }
        }
        Ok(())
    }

    fn open_namespace(&mut self, dir: &OwnedFd, pid: i32, fd: i32, ns_type: NsType, ino: u64) -> Result<()> {
        self.holders.add(ns_type, ino, Holder::Fd { pid, fd });
        self.ancestors(dir, &format!("fd/{fd}"), ns_type, ino)
    }

    /// Records a socket that is in another network namespace than its process, `net`.
    fn socket(&mut self, pid: i32, fd: i32, socket: Option<u64>, net: Option<&u64>) -> Result<()> {
        let Some(answer) = self.sockets.as_mut().and_then(|sockets| sockets.namespace(pid, fd, socket)) else {
            return Ok(());
        };
        if net == Some(&answer.ino()) {
            return Ok(());
        }
        self.holders.add(NsType::Net, answer.ino(), Holder::Socket { pid, fd });
        match answer {
            Answer::New(namespace) => self.ancestry.record(namespace, NsType::Net),
            Answer::Known(_) => Ok(()),
        }
    }

    fn ancestors(&mut self, dir: &OwnedFd, file: &str, ns_type: NsType, ino: u64) -> Result<()> {
        if self.ancestry.of(ino).is_some() {
            return Ok(());
        }
        match open(dir, file) {
            Some(namespace) => self.ancestry.record(namespace, ns_type),
            None => Ok(()),
        }
    }
}

/// The numeric names in a directory of /proc/PID.
fn numbers(dir: &OwnedFd, name: &str) -> nix::Result<Vec<i32>> {
    let mut list = Dir::openat(dir, name, OFlag::O_RDONLY | OFlag::O_CLOEXEC, Mode::empty())?;
    Ok(list.iter().filter_map(|entry| entry.ok()?.file_name().to_str().ok()?.parse().ok()).collect())
}

fn link(dir: &OwnedFd, file: &str) -> Option<(NsType, u64)> {
    ns::parse_link(readlinkat(dir, file).ok()?.to_str()?)
}

fn open(dir: &OwnedFd, file: &str) -> Option<Namespace> {
    let fd = openat(dir, file, OFlag::O_RDONLY | OFlag::O_CLOEXEC, Mode::empty()).ok()?;
    Namespace::from_fd(fd).ok()
}
