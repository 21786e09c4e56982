//! The search for what keeps namespaces besides processes: descriptors, threads, mounts, and other namespaces.

use std::collections::{HashMap, HashSet};
use std::ffi::{CString, OsStr, OsString};
use std::ops::ControlFlow;
use std::os::fd::{AsRawFd, OwnedFd};

use nicon_core::file::{Known, RESOLVE_CACHED};
use nicon_core::walk::{Seen, walk};
use nicon_core::{Namespace, NsId, NsType, Process, Result, ns};
use nix::dir::Dir;
use nix::fcntl::{OFlag, OpenHow, ResolveFlag, openat, openat2, readlinkat};
use nix::sys::stat::Mode;

use crate::holders::{Holder, Holders};
use crate::kin::Kin;
use crate::mounts::{self, Mount};

/// Looks at all processes for what they keep.
///
/// # Errors
/// Where /proc cannot be read. A process that vanishes or may not be looked at is passed over.
pub(crate) fn find() -> Result<Holders> {
    let nsfs = Process::myself()?.namespace_id(NsType::Mnt)?.map(|id| id.dev);
    let mut search = Search {
        nsfs,
        holders: Holders::default(),
        kin: Kin::default(),
        listed: HashSet::new(),
        mounts: HashSet::new(),
    };
    walk(|seen| {
        if let Ok(dir) = seen.dir() {
            search.process(seen, &dir)?;
        }
        Ok(ControlFlow::Continue(()))
    })?;
    Ok(search.holders)
}

struct Search {
    /// Device number of nsfs.
    nsfs: Option<u64>,
    holders: Holders,
    kin: Kin,
    /// Mount namespaces whose mounts are known; a process with another root may see others of them.
    listed: HashSet<(Option<u64>, Option<OsString>)>,
    /// Mounts that are known.
    mounts: HashSet<u64>,
}

impl Search {
    fn process(&mut self, seen: &Seen<'_>, dir: &OwnedFd) -> Result<()> {
        let pid = seen.pid();
        let mut own = HashMap::new();
        let looked = seen.namespaces(&NsType::ALL, |ns_type, ino| {
            own.insert(ns_type, ino);
        });
        if looked.is_err() {
            return Ok(());
        }
        for (&ns_type, &ino) in &own {
            self.kin(dir, &format!("ns/{ns_type}"), ns_type, ino)?;
        }
        for tid in numbers(dir, "task") {
            self.thread(dir, pid, tid, &own)?;
        }
        // What we have open ourselves, we opened in order to look.
        if pid != std::process::id().cast_signed() {
            for fd in numbers(dir, "fd") {
                self.descriptor(dir, pid, fd)?;
            }
        }
        let root = readlinkat(dir, "root").ok();
        let mnt = own.get(&NsType::Mnt).copied();
        if self.listed.insert((mnt, root)) {
            self.mounts(dir, pid, mnt)?;
        }
        Ok(())
    }

    fn thread(&mut self, dir: &OwnedFd, pid: i32, tid: i32, own: &HashMap<NsType, u64>) -> Result<()> {
        let mut is_in = own.clone();
        if tid != pid {
            for ns_type in NsType::ALL {
                let file = format!("task/{tid}/ns/{ns_type}");
                let Some((_, ino)) = link(dir, &file) else { continue };
                if is_in.insert(ns_type, ino) != Some(ino) {
                    self.holders.add(ns_type, ino, Holder::Thread { pid, tid });
                    self.kin(dir, &file, ns_type, ino)?;
                }
            }
        }
        for (name, ns_type) in [("pid_for_children", NsType::Pid), ("time_for_children", NsType::Time)] {
            let file = format!("task/{tid}/ns/{name}");
            let Some((_, ino)) = link(dir, &file) else { continue };
            if is_in.get(&ns_type) != Some(&ino) {
                self.holders.add(ns_type, ino, Holder::Children { pid, tid });
                self.kin(dir, &file, ns_type, ino)?;
            }
        }
        Ok(())
    }

    fn descriptor(&mut self, dir: &OwnedFd, pid: i32, fd: i32) -> Result<()> {
        let file = format!("fd/{fd}");
        let Ok(target) = readlinkat(dir, file.as_str()) else { return Ok(()) };
        // A namespace that was opened by the path of a mount reads as that path. Sockets and the like have none.
        let named = target.to_str().and_then(ns::parse_link);
        let found = if named.is_some() || !target.as_encoded_bytes().starts_with(b"/") {
            named
        } else {
            self.namespace_at(dir, &file)
        };
        if let Some((ns_type, ino)) = found {
            self.holders.add(ns_type, ino, Holder::Fd { pid, fd });
            self.kin(dir, &file, ns_type, ino)?;
        }
        Ok(())
    }

    /// What an open file is, where it is a namespace. Nothing else is opened: that might wait, or wake a device.
    fn namespace_at(&self, dir: &OwnedFd, file: &str) -> Option<(NsType, u64)> {
        let id = NsId::at(dir, &CString::new(file).ok()?).ok()?;
        if Some(id.dev) != self.nsfs {
            return None;
        }
        let namespace = open(dir, file)?;
        Some((namespace.ns_type().ok()?, namespace.id().ino))
    }

    fn mounts(&mut self, dir: &OwnedFd, pid: i32, mnt: Option<u64>) -> Result<()> {
        let flags = OFlag::O_RDONLY | OFlag::O_CLOEXEC;
        let Ok(file) = openat(dir, "mountinfo", flags, Mode::empty()) else { return Ok(()) };
        let mut text = Vec::new();
        if std::io::Read::read_to_end(&mut std::fs::File::from(file), &mut text).is_err() {
            return Ok(());
        }
        for Mount { id, namespace: (ns_type, ino), path } in text.split(|&byte| byte == b'\n').filter_map(mounts::parse)
        {
            if !self.mounts.insert(id) {
                continue;
            }
            let shown = path.to_string_lossy().into_owned();
            self.holders.add(ns_type, ino, Holder::Mount { path: shown, mnt, pid });
            if !self.kin.knows(ino)
                && let Some(namespace) = open_mounted(dir, &path, NsId { dev: self.nsfs.unwrap_or_default(), ino })
            {
                self.kin.climb(namespace, ns_type, &mut self.holders)?;
            }
        }
        Ok(())
    }

    fn kin(&mut self, dir: &OwnedFd, file: &str, ns_type: NsType, ino: u64) -> Result<()> {
        if self.kin.knows(ino) {
            return Ok(());
        }
        match open(dir, file) {
            Some(namespace) => self.kin.climb(namespace, ns_type, &mut self.holders),
            None => Ok(()),
        }
    }
}

/// The names in a directory of /proc/PID that are numbers; none where the process is gone.
fn numbers(dir: &OwnedFd, name: &str) -> Vec<i32> {
    let Ok(mut list) = Dir::openat(dir, name, OFlag::O_RDONLY | OFlag::O_CLOEXEC, Mode::empty()) else {
        return Vec::new();
    };
    list.iter().filter_map(|entry| entry.ok()?.file_name().to_str().ok()?.parse().ok()).collect()
}

fn link(dir: &OwnedFd, file: &str) -> Option<(NsType, u64)> {
    ns::parse_link(readlinkat(dir, file).ok()?.to_str()?)
}

fn open(dir: &OwnedFd, file: &str) -> Option<Namespace> {
    let fd = openat(dir, file, OFlag::O_RDONLY | OFlag::O_CLOEXEC, Mode::empty()).ok()?;
    Namespace::from_fd(fd).ok()
}

/// Opens a namespace that is mounted at a path of another process's root, without leaving that root. What else is there by
/// now is not opened, and nobody is asked for the way, who might never answer: the kernel knows the way to what is mounted.
fn open_mounted(dir: &OwnedFd, path: &OsStr, namespace: NsId) -> Option<Namespace> {
    let root = openat(dir, "root", OFlag::O_PATH | OFlag::O_CLOEXEC, Mode::empty()).ok()?;
    let resolve = ResolveFlag::RESOLVE_IN_ROOT | ResolveFlag::RESOLVE_NO_MAGICLINKS | RESOLVE_CACHED;
    let how = OpenHow::new().flags(OFlag::O_PATH | OFlag::O_CLOEXEC).resolve(resolve);
    let file = openat2(root, path, how).ok()?;
    let known = Known::of(&file).ok()?;
    if (NsId { dev: known.dev, ino: known.ino }) != namespace {
        return None;
    }
    Namespace::open(format!("/proc/self/fd/{}", file.as_raw_fd()).as_ref()).ok()
}
