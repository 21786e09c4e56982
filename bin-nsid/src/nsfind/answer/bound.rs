//! Where namespaces are mounted in our own mount namespace, so that they can be opened there.

use std::collections::HashMap;
use std::os::fd::AsRawFd;
use std::path::Path;

use nicon_core::link::target::NAMED;
use nicon_core::{Context, Error, Result};

use crate::answer::visible::Visible;
use crate::holding::mounts;

/// The path of each mounted namespace, by its inode number.
pub(crate) struct Bound(HashMap<u64, String>);

impl Bound {
    /// Reads our own list of mounts. A mount that another one covers has no path. Of several paths, one where `ip netns` has its
    /// names is taken, or else the first.
    ///
    /// # Errors
    /// If the list cannot be read.
    pub(crate) fn read() -> Result<Self> {
        let root = root_mount()?;
        let list = std::fs::read("/proc/self/mountinfo").context(|| "read /proc/self/mountinfo")?;
        let visible = Visible::of(&list, root);
        let mut bound: HashMap<u64, String> = HashMap::new();
        for mount in mounts::of(&list) {
            let is_named = |path: &str| Path::new(path).parent() == Some(Path::new(NAMED));
            let (_, ino) = mount.namespace;
            let path = mount.path.to_string_lossy();
            let is_better = bound.get(&ino).is_none_or(|known| is_named(&path) && !is_named(known));
            if is_better && visible.has(mount.id) {
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

/// The ID of the mount that our root directory is in.
fn root_mount() -> Result<u64> {
    let root = std::fs::File::open("/").context(|| "open /")?;
    let path = format!("/proc/self/fdinfo/{}", root.as_raw_fd());
    let text = std::fs::read_to_string(&path).context(|| format!("read {path}"))?;
    let id = text.lines().find_map(|line| line.strip_prefix("mnt_id:")?.trim().parse().ok());
    id.ok_or_else(|| Error::failed(format!("read {path}: it names no mount")))
}
