//! Directories in which something may change, and who wants to know: `inotify(7)`.

use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::os::fd::AsFd;
use std::path::Path;
use std::sync::Arc;

use nicon_core::{Context, Error, Result};
use nix::sys::inotify::{AddWatchFlags, InitFlags, Inotify, InotifyEvent, WatchDescriptor};

use crate::rootfs::ready::Ready;
use crate::rootfs::root::Root;
use crate::rootfs::spots::{Found, Interesting, MOST, Spot, Watched, merge};

/// How many changes are very many at once.
const MANY: usize = 512;

/// A file that is watched.
pub(crate) struct WatchedFile(WatchDescriptor, u64);

/// What one party watches, while that is found out.
pub(crate) struct Survey<'a> {
    changes: &'a Changes,
    party: u64,
    watched: Watched,
    is_more: bool,
    /// Why not everything is watched that was to be.
    failures: Vec<Error>,
}

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
        Survey { changes: self, party, watched: BTreeMap::new(), is_more: false, failures: Vec::new() }
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
    /// Watches what is at these spots below a root directory; where there is nothing, what is above. It counts once it is added. No more
    /// than this number of directories is watched.
    ///
    /// # Errors
    /// If that cannot be found out.
    pub(crate) async fn find(&self, root: &Root, spots: Vec<Spot>, most: usize) -> Result<Found> {
        let queue = Arc::clone(&self.changes.queue);
        root.ask(move |directory| Ok(Found::at(&queue, directory, &spots, most))).await
    }

    /// The party watches what was found, too.
    pub(crate) fn add(&mut self, found: Found) {
        self.failures.extend(found.failures);
        let mut known = self.changes.by_directory.borrow_mut();
        for (directory, interesting) in found.watched {
            merge(&mut self.watched, directory, interesting.clone());
            let parties = known.entry(directory).or_default();
            let before = parties.get(&self.party).cloned();
            let counts = parties.entry(self.party).or_insert_with(Interesting::nothing);
            counts.extend(interesting);
            self.is_more |= before.as_ref() != Some(counts);
        }
    }

    /// Something could not be watched, and whatever the party watched before there, it still does.
    pub(crate) fn fail(&mut self, error: Error) {
        self.failures.push(error);
    }

    /// Whether that is more than the party watched before.
    pub(crate) fn is_more(&self) -> bool {
        self.is_more
    }

    /// The party watches nothing else any more, unless something has failed. Returns what has.
    pub(crate) fn settle(mut self) -> Vec<Error> {
        let failures = std::mem::take(&mut self.failures);
        let mut known = self.changes.by_directory.borrow_mut();
        let is_old = |directory, parties: &HashMap<u64, _>| {
            parties.contains_key(&self.party) && !self.watched.contains_key(directory)
        };
        let old = known.iter().filter(|(directory, parties)| is_old(*directory, parties)).count();
        // Nobody who fails again and again makes it more and more.
        let keeps_old = !failures.is_empty() && old <= MOST;
        for (directory, parties) in known.iter_mut() {
            match self.watched.get(directory) {
                Some(interesting) => drop(parties.insert(self.party, interesting.clone())),
                None if keeps_old => {}
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
        failures
    }
}

impl Drop for Survey<'_> {
    fn drop(&mut self) {
        self.changes.surveys.set(self.changes.surveys.get() - 1);
    }
}
