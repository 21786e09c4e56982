//! Directories in which something may change, and who wants to know: `inotify(7)`.

use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::ffi::OsString;
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::path::{Component, Path, PathBuf};
use std::sync::Arc;

use nicon_core::{Context, Result};
use nix::errno::Errno;
use nix::sys::inotify::{AddWatchFlags, InitFlags, Inotify, InotifyEvent, WatchDescriptor};

use crate::rootfs::files::Files;
use crate::rootfs::ready::Ready;
use crate::rootfs::root::{Directory, Root};

/// What counts as a change: also that a file was written and closed, since it is not whole before.
const CHANGES: AddWatchFlags = AddWatchFlags::IN_CREATE
    .union(AddWatchFlags::IN_CLOSE_WRITE)
    .union(AddWatchFlags::IN_MOVED_FROM)
    .union(AddWatchFlags::IN_MOVED_TO)
    .union(AddWatchFlags::IN_DELETE)
    .union(AddWatchFlags::IN_DELETE_SELF)
    .union(AddWatchFlags::IN_MOVE_SELF);

/// The most directories that are watched below one root at once, so that nobody takes all that the kernel gives.
const MOST: usize = 4096;

/// How many changes are very many at once.
const MANY: usize = 512;

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
enum Interesting {
    Anything,
    /// What has one of these names.
    Names(BTreeSet<OsString>),
}

/// A file that is watched.
pub(crate) struct WatchedFile(WatchDescriptor, u64);

/// Directories, and what counts there.
type Watched = BTreeMap<WatchDescriptor, Interesting>;

/// What one party watches, while that is found out.
pub(crate) struct Survey<'a> {
    changes: &'a Changes,
    party: u64,
    watched: Watched,
    is_more: bool,
}

/// What was found at some spots.
#[derive(Default)]
struct Found(Watched);

/// All watched directories, by the number of who watches them.
pub(crate) struct Changes {
    queue: Arc<Inotify>,
    ready: Ready,
    by_directory: RefCell<HashMap<WatchDescriptor, HashMap<u64, Interesting>>>,
    /// Files of our own system's, with the parties that watch each.
    by_file: RefCell<HashMap<WatchDescriptor, Vec<u64>>>,
    /// How many surveys are under way.
    surveys: Cell<usize>,
}

impl Changes {
    /// Nothing is watched yet.
    ///
    /// # Errors
    /// If a user has too many such queues: `fs.inotify.max_user_instances`.
    pub(crate) fn new() -> Result<Self> {
        let beginning = || "begin to watch directories (a higher fs.inotify.max_user_instances may let us)";
        let queue = Inotify::init(InitFlags::IN_CLOEXEC | InitFlags::IN_NONBLOCK).context(beginning)?;
        let ready = Ready::to_read(queue.as_fd().try_clone_to_owned().context(beginning)?)?;
        Ok(Self {
            queue: Arc::new(queue),
            ready,
            by_directory: RefCell::default(),
            by_file: RefCell::default(),
            surveys: Cell::new(0),
        })
    }

    /// Begins to find out what a party is to watch from now on.
    pub(crate) fn survey(&self, party: u64) -> Survey<'_> {
        self.surveys.set(self.surveys.get() + 1);
        Survey { changes: self, party, watched: BTreeMap::new(), is_more: false }
    }

    /// Has a party watch a file of our own system's, until the result is given back to [`Changes::leave_file`]. `None` if it is gone.
    pub(crate) fn watch_file(&self, party: u64, file: &Path) -> Option<WatchedFile> {
        let watched = self.queue.add_watch(file, AddWatchFlags::IN_MODIFY).ok()?;
        self.by_file.borrow_mut().entry(watched).or_default().push(party);
        Some(WatchedFile(watched, party))
    }

    /// A file is not watched any more.
    pub(crate) fn leave_file(&self, WatchedFile(watched, party): WatchedFile) {
        let mut by_file = self.by_file.borrow_mut();
        let Some(parties) = by_file.get_mut(&watched) else { return };
        if let Some(at) = parties.iter().position(|of| *of == party) {
            parties.swap_remove(at);
        }
        if parties.is_empty() {
            by_file.remove(&watched);
            // It may be gone.
            let _ = self.queue.rm_watch(watched);
        }
    }

    /// A party watches nothing any more.
    pub(crate) fn leave(&self, party: u64) {
        self.survey(party).settle();
    }

    /// Waits until something has changed. Gives the parties that it counts for.
    pub(crate) async fn next(&self) -> BTreeSet<u64> {
        loop {
            let (mut parties, mut number) = (BTreeSet::new(), 0);
            let take = || {
                while number < MANY
                    && let Ok(events) = self.queue.read_events()
                {
                    number += events.len();
                    for event in &events {
                        self.count(event, &mut parties);
                    }
                }
                number >= MANY
            };
            self.ready.wait(take).await;
            if !parties.is_empty() {
                return parties;
            }
        }
    }

    /// Adds those for whom an event counts.
    fn count(&self, event: &InotifyEvent, parties: &mut BTreeSet<u64>) {
        let mut known = self.by_directory.borrow_mut();
        if event.mask.contains(AddWatchFlags::IN_Q_OVERFLOW) {
            parties.extend(known.values().flat_map(HashMap::keys));
            return;
        }
        parties.extend(self.by_file.borrow().get(&event.wd).into_iter().flatten());
        if event.mask.contains(AddWatchFlags::IN_IGNORED) {
            self.by_file.borrow_mut().remove(&event.wd);
        }
        let Some(watching) = known.get(&event.wd) else { return };
        let is_meant = |interesting: &Interesting| match (interesting, &event.name) {
            (Interesting::Names(names), Some(name)) => names.contains(name),
            (Interesting::Names(_), None) | (Interesting::Anything, _) => true,
        };
        parties.extend(watching.iter().filter(|(_, of)| is_meant(of)).map(|(party, _)| *party));
        if event.mask.contains(AddWatchFlags::IN_IGNORED) {
            known.remove(&event.wd);
        }
    }
}

impl Survey<'_> {
    /// Watches what is at these spots below a root directory; where there is nothing, what is above.
    ///
    /// # Errors
    /// If that cannot be found out, or the kernel gives no more: `fs.inotify.max_user_watches`.
    pub(crate) async fn watch(&mut self, root: &Root, spots: Vec<Spot>) -> Result<()> {
        let queue = Arc::clone(&self.changes.queue);
        let found = root.ask(move |directory| {
            let mut found = Found::default();
            spots.iter().try_for_each(|spot| found.add(&queue, directory, spot))?;
            Ok(found)
        });
        let found = found.await?.0;
        let mut known = self.changes.by_directory.borrow_mut();
        for (directory, interesting) in found {
            merge(&mut self.watched, directory, interesting.clone());
            let parties = known.entry(directory).or_default();
            let before = parties.get(&self.party).cloned();
            let counts = parties.entry(self.party).or_insert_with(Interesting::nothing);
            counts.extend(interesting);
            self.is_more |= before.as_ref() != Some(counts);
        }
        Ok(())
    }

    /// Whether that is more than the party watched before.
    pub(crate) fn is_more(&self) -> bool {
        self.is_more
    }

    /// The party watches nothing else any more.
    pub(crate) fn settle(self) {
        let mut known = self.changes.by_directory.borrow_mut();
        for (directory, parties) in known.iter_mut() {
            match self.watched.get(directory) {
                Some(interesting) => drop(parties.insert(self.party, interesting.clone())),
                None => drop(parties.remove(&self.party)),
            }
        }
        // What nobody watches now, another survey may have found, whose party is yet to come.
        if self.changes.surveys.get() == 1 {
            known.retain(|directory, parties| {
                if parties.is_empty() {
                    // It may be gone.
                    let _ = self.changes.queue.rm_watch(*directory);
                }
                !parties.is_empty()
            });
        }
    }
}

impl Drop for Survey<'_> {
    fn drop(&mut self) {
        self.changes.surveys.set(self.changes.surveys.get() - 1);
    }
}

impl Found {
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
        for name in Files::new(root).names(path)? {
            if self.0.len() >= MOST {
                break;
            }
            let below = path.join(name);
            // They come and go; and what is no directory does not change.
            let Ok(found) = root.find(&below) else { continue };
            self.add_below(queue, root, &below, &found, levels - 1)?;
        }
        Ok(())
    }

    /// Returns whether it is a directory.
    fn add_one(&mut self, queue: &Inotify, directory: &OwnedFd, path: &Path, interesting: Interesting) -> Result<bool> {
        let link = format!("/proc/self/fd/{}", directory.as_raw_fd());
        match queue.add_watch(link.as_str(), CHANGES | AddWatchFlags::IN_ONLYDIR) {
            Ok(watched) => {
                merge(&mut self.0, watched, interesting);
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
fn merge(watched: &mut Watched, directory: WatchDescriptor, interesting: Interesting) {
    watched.entry(directory).or_insert_with(Interesting::nothing).extend(interesting);
}

impl Interesting {
    fn nothing() -> Self {
        Self::Names(BTreeSet::new())
    }

    fn extend(&mut self, more: Self) {
        match (self, more) {
            (Self::Names(known), Self::Names(more)) => known.extend(more),
            (known, Self::Anything) => *known = Self::Anything,
            (Self::Anything, Self::Names(_)) => {}
        }
    }
}
