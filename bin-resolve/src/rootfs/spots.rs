//! What is at the spots where something may change, and is watched from when it is found.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsString;
use std::os::fd::{AsRawFd, OwnedFd};
use std::path::{Component, Path, PathBuf};

use nicon_core::{Context, Error, Result};
use nix::errno::Errno;
use nix::libc;
use nix::sys::inotify::{AddWatchFlags, Inotify, WatchDescriptor};

use crate::rootfs::directory::Directory;
use crate::rootfs::files::Files;

/// What counts as a change: also that a file was written and closed, since it is not whole before.
const CHANGES: AddWatchFlags = AddWatchFlags::IN_CREATE
    .union(AddWatchFlags::IN_CLOSE_WRITE)
    .union(AddWatchFlags::IN_MOVED_FROM)
    .union(AddWatchFlags::IN_MOVED_TO)
    .union(AddWatchFlags::IN_DELETE)
    .union(AddWatchFlags::IN_DELETE_SELF)
    .union(AddWatchFlags::IN_MOVE_SELF);

/// The most directories that are watched of the engines of one site, so that nobody takes all that the kernel gives.
pub(crate) const MOST: usize = 4096;

/// A place where something may change.
#[derive(Clone, Debug)]
pub(crate) struct Spot {
    pub(crate) path: PathBuf,
    /// How many levels of directories below it count, too; `None` if it is a file, which only comes and goes.
    pub(crate) levels: Option<usize>,
}

impl Spot {
    /// A file, or socket.
    pub(crate) fn of_file(path: PathBuf) -> Self {
        Self { path, levels: None }
    }

    /// A directory, and this many levels below it.
    pub(crate) fn of_directory((path, levels): (PathBuf, usize)) -> Self {
        Self { path, levels: Some(levels) }
    }
}

/// What may happen in a watched directory that counts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Interesting {
    Anything,
    /// What has one of these names.
    Names(BTreeSet<OsString>),
}

/// Directories, and what counts there.
pub(super) type Watched = BTreeMap<WatchDescriptor, Interesting>;

/// What was found at some spots.
pub(crate) struct Found {
    pub(super) watched: Watched,
    most: usize,
    /// Whether there is more.
    is_full: bool,
    /// Why not everything is watched.
    pub(super) failures: Vec<Error>,
}

impl Found {
    /// Watches what is at these spots. A failure at one of them does not keep the others from being watched.
    pub(super) fn at(queue: &Inotify, root: &Directory, spots: &[Spot], most: usize) -> Self {
        let mut found = Self { watched: Watched::new(), most, is_full: false, failures: Vec::new() };
        for spot in spots {
            let Err(error) = found.add(queue, root, spot) else { continue };
            // The kernel gives no more for any.
            let is_over = error.errno() == Some(libc::ENOSPC);
            found.failures.push(error);
            if is_over {
                break;
            }
        }
        if found.is_full {
            found.failures.push(Error::failed(format!("watch more than {most} directories: the rest is left out")));
        }
        found
    }

    fn add(&mut self, queue: &Inotify, root: &Directory, spot: &Spot) -> Result<()> {
        let (mut path, mut missing) = (spot.path.as_path(), None);
        loop {
            let found = if path == spot.path && spot.levels.is_none() { Err(Errno::ENOENT) } else { root.find(path) };
            match found {
                Ok(found) if missing.is_none() => {
                    return self.add_below(queue, root, path, &found, spot.levels.unwrap_or_default());
                }
                Ok(found) => {
                    let names = missing.into_iter().collect();
                    return self.add_one(queue, &found, path, Interesting::Names(names)).map(drop);
                }
                Err(Errno::ENOENT | Errno::ENOTDIR | Errno::ELOOP | Errno::EACCES | Errno::EPERM) => {}
                Err(errno) => return Err(errno).context(|| format!("open {}", path.display())),
            }
            missing = match path.components().next_back() {
                Some(Component::Normal(name)) => Some(name.to_owned()),
                _ => return Ok(()),
            };
            path = path.parent().unwrap_or(Path::new("/"));
        }
    }

    fn add_below(
        &mut self,
        queue: &Inotify,
        root: &Directory,
        path: &Path,
        found: &OwnedFd,
        levels: usize,
    ) -> Result<()> {
        if !self.add_one(queue, found, path, Interesting::Anything)? || levels == 0 {
            return Ok(());
        }
        let mut failed = Ok(());
        for name in Files::new(root).names(path)? {
            if self.is_full {
                break;
            }
            let below = path.join(name);
            // They come and go; and what is no directory does not change.
            let Ok(found) = root.find(&below) else { continue };
            let added = self.add_below(queue, root, &below, &found, levels - 1);
            if added.as_ref().is_err_and(|error| error.errno() == Some(libc::ENOSPC)) {
                return added;
            }
            failed = failed.and(added);
        }
        failed
    }

    /// Returns whether it is a directory.
    fn add_one(&mut self, queue: &Inotify, directory: &OwnedFd, path: &Path, interesting: Interesting) -> Result<bool> {
        if self.watched.len() >= self.most {
            self.is_full = true;
            return Ok(false);
        }
        let link = format!("/proc/self/fd/{}", directory.as_raw_fd());
        match queue.add_watch(link.as_str(), CHANGES | AddWatchFlags::IN_ONLYDIR) {
            Ok(watched) => {
                merge(&mut self.watched, watched, interesting);
                Ok(true)
            }
            // Another user's, of whose engine an ordinary user hears nothing anyway.
            Err(Errno::ENOTDIR | Errno::ENOENT | Errno::EACCES) => Ok(false),
            Err(Errno::ENOSPC) => Err(Errno::ENOSPC)
                .context(|| format!("watch {} (a higher fs.inotify.max_user_watches lets us)", path.display())),
            Err(errno) => Err(errno).context(|| format!("watch {}", path.display())),
        }
    }
}

/// Adds what counts in a directory to what counts there already.
pub(super) fn merge(watched: &mut Watched, directory: WatchDescriptor, interesting: Interesting) {
    watched.entry(directory).or_insert_with(Interesting::nothing).extend(interesting);
}

impl Interesting {
    pub(super) fn nothing() -> Self {
        Self::Names(BTreeSet::new())
    }

    pub(super) fn extend(&mut self, more: Self) {
        match (self, more) {
            (Self::Names(known), Self::Names(more)) => known.extend(more),
            (known, Self::Anything) => *known = Self::Anything,
            (Self::Anything, Self::Names(_)) => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use nix::sys::inotify::InitFlags;

    use super::*;

    #[test]
    fn one_spot_does_not_keep_the_others_from_being_watched() {
        let base = std::env::temp_dir().join(format!("nicon-spots-{}", std::process::id()));
        let (crowd, some, last) = (base.join("crowd"), base.join("some"), base.join("last"));
        for directory in (0..10_001).map(|name| crowd.join(name.to_string())) {
            std::fs::create_dir_all(directory).unwrap();
        }
        for directory in ["a", "b", "c"].map(|name| some.join(name)).iter().chain([&last]) {
            std::fs::create_dir_all(directory).unwrap();
        }
        let queue = Inotify::init(InitFlags::IN_NONBLOCK).unwrap();
        let root = Directory::untrusted(std::fs::File::open("/").unwrap().into());
        let found = |spots: &[(&Path, usize)], most| {
            let spots: Vec<_> = spots.iter().map(|(path, levels)| Spot::of_directory((path.into(), *levels))).collect();
            let Found { watched, failures, .. } = Found::at(&queue, &root, &spots, most);
            (watched.len(), failures.iter().map(ToString::to_string).collect::<Vec<_>>().join("; "))
        };
        let (watched, failures) = found(&[(&crowd, 1), (&last, 1)], MOST);
        assert!(watched == 2 && failures.contains("more than 10000 entries"), "{watched}: {failures}");
        assert_eq!(found(&[(&some, 1), (&last, 1)], 5), (5, String::new()));
        let (watched, failures) = found(&[(&some, 1), (&last, 1)], 4);
        assert!(watched == 4 && failures.contains("more than 4 directories"), "{watched}: {failures}");
        std::fs::remove_dir_all(base).unwrap();
    }
}
