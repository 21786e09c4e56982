//! One walk over all processes that counts the processes of each namespace.

use std::cell::LazyCell;
use std::collections::HashMap;
use std::collections::hash_map;
use std::io;

use nicon_core::walk::{Unpinned, is_gone, share};
use nicon_core::{Error, NsType, Result};

use crate::walk::scope::Scope;

/// The kernel gives lower PIDs than this only in its first round through them (`RESERVED_PIDS` of kernel/pid.c): a process
/// with such a PID is older than every process with a greater one.
const FIRST_ROUND: i32 = 300;

/// The result of a walk.
#[derive(Default)]
pub(crate) struct Census {
    /// The namespaces, by inode number.
    pub(crate) tallies: HashMap<u64, Tally>,
    /// The processes that may not be inspected.
    pub(crate) denied: Vec<i32>,
    /// Any process that may be inspected.
    pub(crate) readable: Option<i32>,
}

/// The processes of one namespace.
pub(crate) struct Tally {
    /// Its type.
    pub(crate) ns_type: NsType,
    /// The number of processes in it. A zombie stays in its PID and user namespaces, and counts there.
    pub(crate) nprocs: u64,
    /// The processes of which one is the oldest, by ascending PID.
    pub(crate) candidates: Vec<i32>,
    /// Whether one of them is known to be older than all other processes of the namespace, which need not be added.
    settled: bool,
}

impl Census {
    /// Walks once.
    ///
    /// # Errors
    /// If /proc cannot be read. A process that exits or may not be inspected is not an error.
    pub(crate) fn take(scope: &Scope) -> Result<Self> {
        let parts = share(|processes| {
            let mut census = Self::default();
            let mut scope = scope.clone();
            for process in processes {
                census.visit(&process, &mut scope)?;
            }
            Ok(census)
        })?;
        Ok(parts.into_iter().reduce(Self::joined).unwrap_or_default())
    }

    fn visit(&mut self, process: &Unpinned<'_>, scope: &mut Scope) -> Result<()> {
        let mut found = [None; NsType::ALL.len()];
        let result = process.namespaces(scope.reading(), |ns_type, ino| {
            if scope.covers(ns_type, ino) {
                found[ns_type as usize] = Some((ns_type, ino));
            }
        });
        self.note(process.pid(), result)?;
        // Read at most once for all of its namespaces, and only if one of them needs it.
        let is_oldest = LazyCell::new(|| process.pid() < FIRST_ROUND && process.stat().is_some_and(|stat| !stat.ended));
        for (ns_type, ino) in found.into_iter().flatten() {
            scope.narrow(ns_type, ino);
            self.tallies.entry(ino).or_insert_with(|| Tally::new(ns_type)).add(process.pid(), || *is_oldest);
        }
        Ok(())
    }

    /// Merges the census of a range of greater PIDs into this one.
    fn joined(mut self, other: Self) -> Self {
        self.denied.extend(other.denied);
        self.readable = self.readable.or(other.readable);
        for (ino, tally) in other.tallies {
            match self.tallies.entry(ino) {
                hash_map::Entry::Vacant(none) => {
                    none.insert(tally);
                }
                hash_map::Entry::Occupied(some) => some.into_mut().join(tally),
            }
        }
        self
    }

    /// Records the result of reading a process's namespaces.
    ///
    /// # Errors
    /// The failure, unless the process has exited or may not be inspected.
    pub(crate) fn note(&mut self, pid: i32, result: io::Result<()>) -> Result<()> {
        match result {
            Ok(()) => {
                self.readable.get_or_insert(pid);
                Ok(())
            }
            Err(error) if is_gone(&error) => Ok(()),
            Err(error) if error.kind() == io::ErrorKind::PermissionDenied => {
                self.denied.push(pid);
                Ok(())
            }
            Err(error) => Err(Error::os(format!("read /proc/{pid}/ns"), error)),
        }
    }
}

impl Tally {
    fn new(ns_type: NsType) -> Self {
        Self { ns_type, nprocs: 0, candidates: Vec::new(), settled: false }
    }

    fn join(&mut self, other: Self) {
        self.nprocs += other.nprocs;
        if !self.settled {
            self.settled = other.settled;
            self.candidates.extend(other.candidates);
        }
    }

    fn add(&mut self, pid: i32, is_oldest: impl Fn() -> bool) {
        self.nprocs += 1;
        if self.settled {
            return;
        }
        // Most processes of a machine are in the namespaces of its first ones, and need not be stored.
        self.settled = is_oldest();
        self.candidates.push(pid);
    }
}
