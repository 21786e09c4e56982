//! A file that is watched: it is known when it may say something else, and never while somebody is writing it.

use std::ffi::OsString;
use std::os::fd::AsFd;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use nicon_core::filter::wait::wait;
use nicon_core::{Context, Error, Result};
use nix::errno::Errno;
use nix::sys::inotify::{AddWatchFlags, InitFlags, Inotify, InotifyEvent, WatchDescriptor};

use super::way;

/// What is watched of each directory on the way to the file: that a writer closes a file or moves one onto a name, that a name
/// leads to another directory, and that it goes itself. That somebody writes is noticed too, so that nothing is read meanwhile.
const EVENTS: AddWatchFlags = AddWatchFlags::IN_CLOSE_WRITE
    .union(AddWatchFlags::IN_MOVED_TO)
    .union(AddWatchFlags::IN_CREATE)
    .union(AddWatchFlags::IN_MODIFY)
    .union(AddWatchFlags::IN_DELETE_SELF)
    .union(AddWatchFlags::IN_MOVE_SELF)
    .union(AddWatchFlags::IN_ONLYDIR);

/// How long nobody writes the file before what was read of it counts: who truncates it is announced a little after that.
const QUIET: Duration = Duration::from_millis(10);

/// A file that is watched.
pub(crate) struct Watched {
    path: PathBuf,
    inotify: Inotify,
    /// The directory and the name of each step on the way to it, itself the last.
    steps: Vec<(WatchDescriptor, PathBuf, OsString)>,
    /// Whether it may say something else than when it was read last.
    is_stale: bool,
    /// Whether somebody has written it, and not closed it yet.
    is_being_written: bool,
}

impl Watched {
    /// Watches a file from now on.
    ///
    /// # Errors
    /// If the kernel refuses it.
    pub(crate) fn new(path: &Path) -> Result<Self> {
        let inotify = Inotify::init(InitFlags::IN_CLOEXEC | InitFlags::IN_NONBLOCK).context(|| "watch files")?;
        let path = path.to_owned();
        let mut watched = Self { path, inotify, steps: Vec::new(), is_stale: false, is_being_written: false };
        watched.look()?;
        Ok(watched)
    }

    /// Waits until the file may say something else, and is to be read again, or the time is over. Returns whether it is the file.
    ///
    /// # Errors
    /// As [`wait()`].
    pub(crate) fn wait(&mut self, limit: Option<Duration>) -> Result<bool> {
        let begun = Instant::now();
        while !self.is_stale || self.is_being_written {
            let left = limit.map(|limit| limit.saturating_sub(begun.elapsed()));
            if left.is_some_and(|left| left.is_zero()) && !self.is_being_written {
                return Ok(false);
            }
            wait(&[self.inotify.as_fd()], left.filter(|_| !self.is_being_written))?;
            self.take_events()?;
        }
        self.is_stale = false;
        self.look()?;
        Ok(true)
    }

    /// Whether nobody has changed the file since [`Self::wait`] returned: else what was read is to be forgotten.
    ///
    /// # Errors
    /// As [`wait()`].
    pub(crate) fn is_settled(&mut self) -> Result<bool> {
        // What happens to other files of the directory makes it no shorter.
        let end = Instant::now() + QUIET;
        while !self.is_stale && !self.is_being_written {
            let left = end.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Ok(true);
            }
            wait(&[self.inotify.as_fd()], Some(left))?;
            self.take_events()?;
        }
        Ok(false)
    }

    fn take_events(&mut self) -> Result<()> {
        match self.inotify.read_events() {
            Err(Errno::EAGAIN) => Ok(()),
            read => {
                read.context(|| "watch files")?.iter().for_each(|event| self.take(event));
                Ok(())
            }
        }
    }

    fn take(&mut self, event: &InotifyEvent) {
        let of_the_kernel = AddWatchFlags::IN_Q_OVERFLOW;
        let of_a_directory = AddWatchFlags::IN_DELETE_SELF | AddWatchFlags::IN_MOVE_SELF | AddWatchFlags::IN_IGNORED;
        let is_watched = self.steps.iter().any(|(wd, ..)| *wd == event.wd);
        if event.mask.intersects(of_the_kernel) || is_watched && event.mask.intersects(of_a_directory) {
            self.is_stale = true;
        }
        let is_it = |(wd, _, name): &&(WatchDescriptor, PathBuf, OsString)| {
            *wd == event.wd && event.name.as_ref() == Some(name)
        };
        let Some((_, directory, name)) = self.steps.iter().find(is_it) else { return };
        let there = directory.join(name);
        if event.mask.intersects(AddWatchFlags::IN_CLOSE_WRITE | AddWatchFlags::IN_MOVED_TO) {
            (self.is_stale, self.is_being_written) = (true, false);
        } else if event.mask.contains(AddWatchFlags::IN_MODIFY) {
            self.is_being_written = true;
        } else if event.mask.contains(AddWatchFlags::IN_CREATE) && may_say_something(&there) {
            // What is opened to be written is empty at first, and read when it is closed. What `ln` puts there is whole.
            self.is_stale = true;
        }
    }

    /// Watches the way as it is now.
    fn look(&mut self) -> Result<()> {
        let before = std::mem::take(&mut self.steps);
        for step in way::to(&self.path) {
            match self.inotify.add_watch(&step.directory, EVENTS) {
                Ok(wd) => self.steps.push((wd, step.directory, step.name)),
                // It went while we looked.
                Err(Errno::ENOENT | Errno::ENOTDIR) => self.is_stale = true,
                Err(Errno::ENOSPC) => {
                    return Err(Error::failed(
                        "watch files: this user watches too many (raise the sysctl fs.inotify.max_user_watches)",
                    ));
                }
                Err(errno) => return Err(Error::os(format!("watch {}", step.directory.display()), errno)),
            }
        }
        for (wd, ..) in &before {
            if self.steps.iter().all(|(other, ..)| other != wd) {
                // One of a directory that is gone went with it.
                let _ = self.inotify.rm_watch(*wd);
            }
        }
        Ok(())
    }
}

/// Whether there is a way to a file, or a file that is not empty.
fn may_say_something(path: &Path) -> bool {
    path.symlink_metadata()
        .is_ok_and(|found| found.is_symlink() || found.is_dir() || found.is_file() && found.len() > 0)
}
