//! One walk over all processes that counts who is in which namespace.

use std::cell::LazyCell;
use std::collections::HashMap;
use std::collections::hash_map::Entry;

use nicon_core::walk::{Seen, share};
use nicon_core::{Error, NsType, Result};
use nix::errno::Errno;

use crate::scope::Scope;

/// The kernel gives lower PIDs than this only in its first round through them (`RESERVED_PIDS` of kernel/pid.c): who has
/// one is older than all who have a greater one.
const FIRST_ROUND: i32 = 300;

/// What one walk found.
#[derive(Default)]
pub(crate) struct Census {
    /// The namespaces, by inode number.
    pub(crate) tallies: HashMap<u64, Tally>,
    /// The processes that may not be looked at.
    pub(crate) denied: Vec<i32>,
    /// Any process that may be.
    pub(crate) readable: Option<i32>,
}

/// The processes of one namespace.
pub(crate) struct Tally {
    /// Its type.
    pub(crate) ns_type: NsType,
    /// How many processes have a link to it. A zombie keeps its PID and user namespaces, and counts there.
    pub(crate) nprocs: u64,
    /// Those of which one is the oldest, by ascending PID.
    pub(crate) eldest: Vec<i32>,
    /// Whether it is among them for sure: the others that are in it are younger.
    settled: bool,
}

impl Census {
    /// Walks once.
    ///
    /// # Errors
    /// Where /proc cannot be read. A process that vanishes is no error, nor is one that may not be looked at.
    pub(crate) fn take(scope: &Scope) -> Result<Self> {
        let parts = share(|processes| {
            let mut census = Self::default();
            let mut scope = scope.clone();
            for seen in processes {
                census.visit(&seen, &mut scope)?;
            }
            Ok(census)
        })?;
        Ok(parts.into_iter().reduce(Self::joined).unwrap_or_default())
    }

    fn visit(&mut self, seen: &Seen<'_>, scope: &mut Scope) -> Result<()> {
        let mut met = [None; NsType::ALL.len()];
        let looked = seen.namespaces(scope.reading(), |ns_type, ino| {
            if scope.covers(ns_type, ino) {
                met[ns_type as usize] = Some((ns_type, ino));
            }
        });
        self.note(seen.pid(), looked)?;
        // Looked at once for all of its namespaces, and not at all where they are settled.
        let is_oldest = LazyCell::new(|| seen.pid() < FIRST_ROUND && seen.life().is_some_and(|life| !life.ended));
        for (ns_type, ino) in met.into_iter().flatten() {
            scope.settle(ns_type, ino);
            self.tallies.entry(ino).or_insert_with(|| Tally::new(ns_type)).add(seen.pid(), || *is_oldest);
        }
        Ok(())
    }

    /// One census of two, of which the other counted the greater PIDs.
    fn joined(mut self, other: Self) -> Self {
        self.denied.extend(other.denied);
        self.readable = self.readable.or(other.readable);
        for (ino, tally) in other.tallies {
            match self.tallies.entry(ino) {
                Entry::Vacant(none) => {
                    none.insert(tally);
                }
                Entry::Occupied(some) => some.into_mut().join(tally),
            }
        }
        self
    }

    /// Notes how it went to look at a process.
    ///
    /// # Errors
    /// What is neither a process that vanished nor one that may not be looked at.
    pub(crate) fn note(&mut self, pid: i32, looked: nix::Result<()>) -> Result<()> {
        match looked {
            Ok(()) => {
                self.readable.get_or_insert(pid);
                Ok(())
            }
            Err(Errno::ENOENT | Errno::ESRCH) => Ok(()),
            Err(Errno::EACCES | Errno::EPERM) => {
                self.denied.push(pid);
                Ok(())
            }
            Err(errno) => Err(Error::os(format!("read /proc/{pid}/ns"), errno)),
        }
    }
}

impl Tally {
    fn new(ns_type: NsType) -> Self {
        Self { ns_type, nprocs: 0, eldest: Vec::new(), settled: false }
    }

    fn join(&mut self, other: Self) {
        self.nprocs += other.nprocs;
        if !self.settled {
            self.settled = other.settled;
            self.eldest.extend(other.eldest);
        }
    }

    fn add(&mut self, pid: i32, is_oldest: impl Fn() -> bool) {
        self.nprocs += 1;
        if self.settled {
            return;
        }
        // Most of a machine's processes are in the namespaces of its first ones: they need not be remembered.
        self.settled = is_oldest();
        self.eldest.push(pid);
    }
}
