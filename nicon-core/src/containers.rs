//! Which container a process is in, of those whose first processes are known.
//!
//! What a cgroup is called says nothing: anyone who may make cgroups chooses it. A process is in a container if it is that one's
//! first, or in that one's own cgroups or below them. Of containers in containers it is in the innermost. Where no cgroups tell, its
//! ancestors do.

use std::cmp::Reverse;
use std::collections::HashMap;

use crate::cgroup::{is_within, own, paths};
use crate::walk::Proc;
use crate::{Process, Result};

/// Containers, by what is found of a process. `T` is what the caller calls each by.
pub struct Containers<T = String> {
    all: Vec<Container<T>>,
    /// The containers of each first process, by its PID.
    by_first: HashMap<i32, Vec<usize>>,
    /// The containers whose own cgroup this is: hierarchy and path.
    by_cgroup: HashMap<(String, String), Vec<usize>>,
}

struct Container<T> {
    label: T,
    /// The number of names in its path.
    depth: usize,
    /// When its first process started, in clock ticks since boot.
    starttime: u64,
    /// Its own cgroups: hierarchy and path.
    own: Vec<(String, String)>,
}

impl<T> Default for Containers<T> {
    fn default() -> Self {
        Self { all: Vec::new(), by_first: HashMap::new(), by_cgroup: HashMap::new() }
    }
}

impl<T> Containers<T> {
    /// Adds a container with this ID, whose first process this is, and whose path has `depth` names. Of several paths to one the
    /// first counts.
    ///
    /// # Errors
    /// If the process is gone, or may not be inspected.
    pub fn add(&mut self, label: T, id: &str, depth: usize, first: &Process) -> Result<()> {
        let cgroups = first.read("cgroup")?;
        let starttime = first.starttime()?;
        let own = paths(&cgroups).filter_map(|(at, path)| Some((at.to_owned(), own(path, id)?.to_owned())));
        let container = Container { label, depth, starttime, own: own.collect() };
        let number = self.all.len();
        self.by_first.entry(first.pid()).or_default().push(number);
        for cgroup in &container.own {
            self.by_cgroup.entry(cgroup.clone()).or_default().push(number);
        }
        self.all.push(container);
        Ok(())
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.all.is_empty()
    }

    /// What the container is called by that a process is in.
    ///
    /// # Errors
    /// If the process is gone, or may not be inspected.
    pub fn of(&self, process: &Process) -> Result<Option<&T>> {
        if self.is_empty() {
            return Ok(None);
        }
        if let Some(container) = self.with_first(process.pid(), process.starttime()?) {
            return Ok(Some(&container.label));
        }
        let around = self.around(&process.read("cgroup")?);
        let found = match around {
            None => self.of_ancestors(process.parent()?)?,
            around => around,
        };
        Ok(found.map(|container| &container.label))
    }

    fn with_first(&self, pid: i32, starttime: u64) -> Option<&Container<T>> {
        let mut known = self.by_first.get(&pid)?.iter().map(|&number| &self.all[number]);
        known.find(|container| container.starttime == starttime)
    }

    /// The innermost container whose own cgroups are all around these. Of several that share theirs, the one whose path has the most
    /// names is in the others.
    fn around(&self, cgroups: &str) -> Option<&Container<T>> {
        let upwards = paths(cgroups).flat_map(|(at, path)| {
            let above = path.rmatch_indices('/').map(|(end, _)| &path[..end]);
            [path].into_iter().chain(above).map(move |path| (at.to_owned(), path.to_owned()))
        });
        let numbers = upwards.filter_map(|cgroup| self.by_cgroup.get(&cgroup)).flatten().copied();
        let is_in = |own: &(String, String)| paths(cgroups).any(|(at, path)| at == own.0 && is_within(path, &own.1));
        let around = numbers.filter(|&number| self.all[number].own.iter().all(is_in));
        let innermost = around.max_by_key(|&number| {
            let container = &self.all[number];
            let length = container.own.iter().map(|(_, path)| path.len()).max();
            (length, container.depth, Reverse(number))
        });
        innermost.map(|number| &self.all[number])
    }

    /// The container whose first process is the nearest ancestor. One that ends leaves its children to another, of which it is not
    /// known whether it is around them: that is none of them, or their container's first process, or one further out.
    fn of_ancestors(&self, parent: i32) -> Result<Option<&Container<T>>> {
        Ok(Proc::open()?.ancestry(parent).find_map(|(pid, starttime)| self.with_first(pid, starttime)))
    }
}
