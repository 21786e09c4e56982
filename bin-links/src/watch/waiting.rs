//! Waits for whatever may happen: one descriptor for all, so that it takes no longer for a thousand namespaces.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{Stdout, stdout};
use std::os::fd::AsFd;
use std::time::Duration;

use nicon_core::{Context, Process, Result};
use nicon_rtnl::NetnsHandle;
use nicon_rtnl::monitor::{Event, Monitor};
use nix::errno::Errno;
use nix::sys::epoll::{Epoll, EpollCreateFlags, EpollEvent, EpollFlags, EpollTimeout};

use crate::listings::Key;

/// The most events that are taken at once.
const MOST: usize = 64;

/// What each registration is told by: these three, and two numbers for each key.
const MOUNTS: u64 = u64::MAX;
const READER: u64 = u64::MAX - 1;
const INPUT: u64 = u64::MAX - 2;

/// What has happened.
pub(super) enum Woken {
    /// Something in the network namespace of a listing.
    Events(Key),
    /// The process that the namespace was found by has exited.
    Exited(Key),
    /// Something was mounted or unmounted: the names of network namespaces are mounts.
    Mounts,
    /// The reader of standard output has left.
    ReaderHasLeft,
    /// Records have come.
    Input,
}

pub(super) struct Waiting {
    epoll: Epoll,
    monitors: BTreeMap<Key, Monitor>,
    /// Held open, since they are waited for.
    _files: (File, Stdout),
}

impl Waiting {
    /// Waits for no namespace yet. `input` is what tells that records have come, until that is closed.
    pub(super) fn new(input: Option<impl AsFd>) -> Result<Self> {
        let context = || "wait for events of links";
        let epoll = Epoll::new(EpollCreateFlags::EPOLL_CLOEXEC).context(context)?;
        let mounts = File::open("/proc/self/mountinfo").context(|| "open /proc/self/mountinfo")?;
        // It can always be read: a change is told apart from that. See proc_pid_mountinfo(5).
        epoll.add(&mounts, EpollEvent::new(EpollFlags::EPOLLPRI, MOUNTS)).context(context)?;
        let stdout = stdout();
        match epoll.add(&stdout, EpollEvent::new(EpollFlags::empty(), READER)) {
            // A file has no reader.
            Ok(()) | Err(Errno::EPERM) => {}
            Err(error) => return Err(error).context(context),
        }
        if let Some(input) = input {
            epoll.add(input, EpollEvent::new(EpollFlags::EPOLLIN, INPUT)).context(context)?;
        }
        Ok(Self { epoll, monitors: BTreeMap::new(), _files: (mounts, stdout) })
    }

    /// Begins to listen in a network namespace, and for the end of the process that it was found by.
    pub(super) fn add(&mut self, key: Key, netns: &NetnsHandle) -> Result<()> {
        let monitor = netns.monitor()?;
        self.register(&monitor, u64::from(key) << 1)?;
        if let Some(process) = netns.process() {
            self.add_process(key, process)?;
        }
        self.monitors.insert(key, monitor);
        Ok(())
    }

    /// Listens for the end of another process. An earlier one is not listened for any more once it is closed.
    pub(super) fn add_process(&self, key: Key, process: &Process) -> Result<()> {
        self.register(process, u64::from(key) << 1 | 1)
    }

    fn register(&self, file: impl AsFd, number: u64) -> Result<()> {
        self.epoll.add(file, EpollEvent::new(EpollFlags::EPOLLIN, number)).context(|| "wait for events of links")
    }

    pub(super) fn remove(&mut self, key: Key) {
        self.monitors.remove(&key);
    }

    /// What has happened in the network namespace of a listing, if that is still there.
    pub(super) fn events(&self, key: Key) -> Result<Vec<Event>> {
        self.monitors.get(&key).map_or(Ok(Vec::new()), Monitor::events)
    }

    /// How many waits it takes until everything that happened before them has been noticed.
    pub(super) fn rounds(&self) -> usize {
        self.monitors.len() / MOST + 1
    }

    /// Waits until something happens, or for a time.
    pub(super) fn wait(&self, time: Option<Duration>) -> Result<Vec<Woken>> {
        // Rounded up, so that it is over when we wake.
        let time = time.map(|time| time.as_micros().div_ceil(1000));
        let time = time.map_or(EpollTimeout::NONE, |time| EpollTimeout::try_from(time).unwrap_or(EpollTimeout::MAX));
        let mut events = [EpollEvent::empty(); MOST];
        let count = match self.epoll.wait(&mut events, time) {
            // Stopped, and continued.
            Err(Errno::EINTR) => 0,
            count => count.context(|| "wait for events of links")?,
        };
        let woken = events[..count].iter().map(|event| match event.data() {
            MOUNTS => Woken::Mounts,
            READER => Woken::ReaderHasLeft,
            INPUT => Woken::Input,
            number => {
                let key = Key::try_from(number >> 1).unwrap_or(Key::MAX);
                if number & 1 == 0 { Woken::Events(key) } else { Woken::Exited(key) }
            }
        });
        Ok(woken.collect())
    }
}
