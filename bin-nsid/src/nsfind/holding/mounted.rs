//! Mounted namespaces: who sees the mount, and how they are related to others, for which they are opened.

use std::collections::{BTreeMap, HashSet};
use std::ffi::OsStr;
use std::io::{self, Read};
use std::os::fd::{AsFd, AsRawFd, OwnedFd};

use nicon_core::file::{FileInfo, open_cached};
use nicon_core::{Error, Namespace, NsId, NsType, Result};
use nix::fcntl::{OFlag, openat};
use nix::libc;
use nix::sys::stat::Mode;

use crate::holding::ancestry::Ancestry;
use crate::holding::holders::{Holder, Holders};
use crate::holding::mounts::{self, MountedNs};

/// How often a look-up is tried: one from the cache alone also fails while anything is mounted or renamed.
const MAX_LOOKUPS: usize = 64;

/// The longest list of one process's mounts that is read, in bytes: anybody can have a hundred thousand in a namespace of their own.
const LONGEST: u64 = 32 << 20;

/// The mounted namespaces that have been found.
#[derive(Default)]
pub(crate) struct Mounted {
    /// What is mounted, by inode number and by the ID of the mount, which another mount may get as soon as this one is unmounted.
    mounts: BTreeMap<(u64, u64), (NsType, Holder)>,
    /// By inode number, those that could not be opened, and the reason.
    unopened: BTreeMap<u64, (NsType, String)>,
}

impl Mounted {
    /// Adds what a process sees, given its directory in /proc, and records the namespaces in `ancestry`. If its mounts could not be
    /// read, for example since it has ended, returns why: some of them may then be missing.
    ///
    /// # Errors
    /// If the kernel does not tell of a namespace that was opened.
    pub(crate) fn read(
        &mut self,
        dir: &OwnedFd,
        pid: i32,
        (mnt, nsfs): (Option<u64>, u64),
        ancestry: &mut Ancestry,
    ) -> Result<Option<io::Error>> {
        let seen = match list(dir) {
            Ok(seen) => seen,
            Err(error) => return Ok(Some(error)),
        };
        let mut unopened = Vec::new();
        for MountedNs { id, namespace: (ns_type, ino), path } in mounts::of(&seen) {
            let id = (id, ino);
            if self.mounts.contains_key(&id) {
                continue;
            }
            let mount = (ns_type, Holder::Mount { path: path.to_string_lossy().into_owned(), mnt, pid });
            if ancestry.of(ino).is_none() {
                match open(dir, &path, NsId { dev: nsfs, ino }) {
                    Ok(namespace) => ancestry.record(namespace, ns_type)?,
                    Err(error) => {
                        unopened.push((
                            id,
                            mount,
                            format!("{}, as process {pid} sees it: {}", path.display(), cause(&error)),
                        ));
                        continue;
                    }
                }
            }
            self.mounts.insert(id, mount);
        }
        if unopened.is_empty() {
            return Ok(None);
        }
        let now = match list(dir) {
            Ok(now) => now,
            Err(error) => return Ok(Some(error)),
        };
        // What was unmounted meanwhile keeps nothing any more.
        let still: HashSet<_> = mounts::of(&now).map(|mount| (mount.id, mount.namespace.1)).collect();
        for (id, mount, why) in unopened.into_iter().filter(|(id, ..)| still.contains(id)) {
            self.unopened.insert(id.1, (mount.0, why));
            self.mounts.insert(id, mount);
        }
        Ok(None)
    }

    /// Adds what another search has found.
    pub(crate) fn join(&mut self, other: Self) {
        for (id, mount) in other.mounts {
            self.mounts.entry(id).or_insert(mount);
        }
        self.unopened.extend(other.unopened);
    }

    /// Adds the mounts as holders of what is mounted.
    pub(crate) fn hold(self, holders: &mut Holders) {
        for ((_, ino), (ns_type, mount)) in self.mounts {
            holders.add(ns_type, ino, mount);
        }
    }

    /// The message that of some namespaces of these types nothing is known but that they are mounted; `None` if there are none. Any
    /// namespace may be owned by one of type `user`.
    pub(crate) fn complaint(&self, types: &[NsType], ancestry: &Ancestry) -> Option<Error> {
        let concerns = |ns_type: &NsType| types.contains(ns_type) || types.contains(&NsType::User);
        let unknown =
            self.unopened.iter().filter(|(ino, (ns_type, _))| ancestry.of(**ino).is_none() && concerns(ns_type));
        let unknown: Vec<_> = unknown.collect();
        let (ino, (ns_type, why)) = unknown.first()?;
        let others = match unknown.len() - 1 {
            0 => String::new(),
            1 => "; so are those of 1 other".to_owned(),
            many => format!("; so are those of {many} others"),
        };
        Some(Error::failed(format!(
            "the relations of {ns_type}:[{ino}] (nstree, netnsid) are missing: open {why}{others}"
        )))
    }
}

fn list(dir: &OwnedFd) -> io::Result<Vec<u8>> {
    let file = openat(dir, "mountinfo", OFlag::O_RDONLY | OFlag::O_CLOEXEC, Mode::empty())?;
    let mut text = Vec::new();
    std::fs::File::from(file).take(LONGEST + 1).read_to_end(&mut text)?;
    if text.len() as u64 > LONGEST {
        return Err(io::Error::other(format!("its list of mounts is longer than {} MiB", LONGEST >> 20)));
    }
    Ok(text)
}

/// Opens a namespace that is mounted at a path below another process's root, without leaving that root. Nothing else is
/// opened, whatever is there now. The look-up does not wait for a file system that never replies; the path to a mount is nearly
/// always cached.
fn open(dir: &OwnedFd, path: &OsStr, namespace: NsId) -> io::Result<Namespace> {
    let root = openat(dir, "root", OFlag::O_PATH | OFlag::O_CLOEXEC, Mode::empty())?;
    let mut looks = (0..MAX_LOOKUPS).map(|_| open_cached(root.as_fd(), path.as_ref(), libc::O_PATH));
    let is_final =
        |answer: &io::Result<OwnedFd>| !answer.as_ref().is_err_and(|error| error.raw_os_error() == Some(libc::EAGAIN));
    let file = looks.find(is_final).unwrap_or_else(|| Err(io::Error::from_raw_os_error(libc::EAGAIN)))?;
    let known = FileInfo::of(&file)?;
    if (NsId { dev: known.dev, ino: known.ino }) != namespace {
        return Err(io::ErrorKind::NotFound.into());
    }
    let path = format!("/proc/self/fd/{}", file.as_raw_fd());
    Namespace::open(path.as_ref()).map_err(|error| io::Error::from_raw_os_error(error.errno().unwrap_or(libc::EIO)))
}

/// Why one could not be opened.
fn cause(error: &io::Error) -> String {
    match error.raw_os_error() {
        None | Some(libc::ENOENT | libc::ENOTDIR) => "another mount covers it".to_owned(),
        Some(libc::EAGAIN) => "a file system on the way would have to be asked, which may never answer".to_owned(),
        Some(libc::EINVAL | libc::ENOSYS) => "to be safe, this takes openat2(2) of Linux 5.12".to_owned(),
        Some(errno) => nix::errno::Errno::from_raw(errno).desc().to_owned(),
    }
}
