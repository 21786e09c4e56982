//! Where namespaces are mounted in our own mount namespace, so that they can be opened there.

use std::collections::HashMap;
use std::ffi::OsStr;
use std::os::fd::AsFd;
use std::path::Path;

use nicon_core::file::{FileInfo, open_cached};
use nicon_core::link::target::NAMED;
use nicon_core::{Context, Result};
use nix::libc;

use crate::mounts;

/// The path of each mounted namespace, by its inode number.
pub(crate) struct Bound(HashMap<u64, String>);

impl Bound {
    /// Reads our own list of mounts. A mount that another one covers has no path. Of several paths, one where `ip netns` has its
    /// names is taken, or else the first.
    ///
    /// # Errors
    /// If the list cannot be read.
    pub(crate) fn read() -> Result<Self> {
        let list = std::fs::read("/proc/self/mountinfo").context(|| "read /proc/self/mountinfo")?;
        let root = std::fs::File::open("/").context(|| "open /")?;
        let mut bound: HashMap<u64, String> = HashMap::new();
        for mount in mounts::of(&list) {
            let is_named = |path: &str| Path::new(path).parent() == Some(Path::new(NAMED));
            let (_, ino) = mount.namespace;
            let path = mount.path.to_string_lossy();
            let is_better = bound.get(&ino).is_none_or(|known| is_named(&path) && !is_named(known));
            if is_better && leads_to(&root, &mount.path, ino) {
                bound.insert(ino, path.into_owned());
            }
        }
        Ok(Self(bound))
    }

    /// Where a namespace is mounted.
    pub(crate) fn path(&self, ino: u64) -> Option<&str> {
        self.0.get(&ino).map(String::as_str)
    }
}

fn leads_to(root: impl AsFd, path: &OsStr, ino: u64) -> bool {
    match open_cached(root.as_fd(), path.as_ref(), libc::O_PATH).and_then(FileInfo::of) {
        Ok(file) => file.ino == ino,
        // The way to a mount is always cached. A kernel before Linux 5.12 does not say.
        Err(error) => error.raw_os_error() == Some(libc::EINVAL),
    }
}
