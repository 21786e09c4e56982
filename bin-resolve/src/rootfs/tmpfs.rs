//! Look-ups on a tmpfs, which need no thread: nobody but the kernel serves one.
//!
//! The kernel caches no look-up there that finds nothing (`simple_lookup` of fs/libfs.c), so that by the cache alone it is never known
//! that something is absent. On most systems /run is a tmpfs, and it is there that most engines are not.

use std::cell::OnceCell;
use std::os::fd::{AsFd, OwnedFd};
use std::path::{Path, PathBuf};

use nicon_core::file::{is_on_tmpfs, open_cached, open_on_mount};
use nicon_core::{NsType, Process};
use nix::errno::Errno;
use nix::libc;

use crate::rootfs::directory::{Directory, errno};

/// The directories of a container that were looked at, for as long as a number of look-ups takes.
pub(crate) struct Tmpfs<'a> {
    container: &'a Process,
    /// The ID of the container's mount namespace, if the kernel tells it.
    mntns: OnceCell<Option<u64>>,
    directories: Vec<(PathBuf, On)>,
}

/// What a directory is on.
enum On {
    Tmpfs(OwnedFd),
    /// A file system that somebody may serve.
    Other,
}

impl<'a> Tmpfs<'a> {
    /// Nothing of this container was looked at yet.
    pub(crate) fn of(container: &'a Process) -> Self {
        Self { container, mntns: OnceCell::new(), directories: Vec::new() }
    }

    /// Finds `path` below the container's root directory, if one of the directories on the way is on a tmpfs and all the rest is on
    /// the same one; `None` if not, or if that is not known without blocking.
    pub(crate) fn find(&mut self, root: &Directory, path: &Path) -> Option<nix::Result<OwnedFd>> {
        let mut above: Vec<_> = path.ancestors().skip(1).collect();
        above.reverse();
        for directory in above {
            if let On::Tmpfs(tmpfs) = self.at(root, directory)? {
                let found =
                    open_on_mount(tmpfs.as_fd(), path.strip_prefix(directory).ok()?, libc::O_PATH).map_err(errno);
                return (!matches!(found, Err(Errno::EXDEV | Errno::ELOOP | Errno::EAGAIN))).then_some(found);
            }
        }
        None
    }

    /// What a directory is on, if that is known without blocking.
    fn at(&mut self, root: &Directory, path: &Path) -> Option<&On> {
        let known = self.directories.iter().position(|(known, _)| known.as_os_str() == path.as_os_str());
        let known = if let Some(known) = known {
            known
        } else {
            let directory = root.look_up(path, open_cached).ok()?;
            let on = if self.is_tmpfs(&directory) { On::Tmpfs(directory) } else { On::Other };
            self.directories.push((path.to_owned(), on));
            self.directories.len() - 1
        };
        Some(&self.directories[known].1)
    }

    /// Whether an open directory is on a tmpfs for sure.
    fn is_tmpfs(&self, directory: &OwnedFd) -> bool {
        let ask = || self.container.namespace(NsType::Mnt).ok()?.mntns_id().ok();
        self.mntns.get_or_init(ask).is_some_and(|mntns| is_on_tmpfs(directory, mntns).unwrap_or(false))
    }
}
