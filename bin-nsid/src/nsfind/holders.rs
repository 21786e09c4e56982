//! What keeps a namespace alive other than the processes in it.

use std::collections::{HashMap, HashSet};

use nicon_core::{Error, NsType, Record};

/// Something that keeps a namespace alive.
pub(crate) enum Holder {
    /// A mount at `path`, as seen by process `pid` in mount namespace `mnt`.
    Mount { path: String, mnt: Option<u64>, pid: i32 },
    /// An open descriptor.
    Fd { pid: i32, fd: i32 },
    /// A socket in it, a network namespace, of a process that is in another.
    Socket { pid: i32, fd: i32 },
    /// A thread that is in it, unlike its process.
    Thread { pid: i32, tid: i32 },
    /// A thread that is not in it, but whose children will be.
    Children { pid: i32, tid: i32 },
    /// A child of it, which is a PID or user namespace.
    Child { nstype: &'static str, nsino: u64 },
    /// A namespace that it, a user namespace, owns.
    Owned { nstype: &'static str, nsino: u64 },
}

impl Holder {
    /// The process that holds it, or sees the mount that does.
    fn pid(&self) -> Option<i32> {
        match self {
            Self::Mount { pid, .. }
            | Self::Fd { pid, .. }
            | Self::Socket { pid, .. }
            | Self::Thread { pid, .. }
            | Self::Children { pid, .. } => Some(*pid),
            Self::Child { .. } | Self::Owned { .. } => None,
        }
    }

    fn record(&self) -> Record {
        let mut record = Record::default();
        let mut thread = |kind, pid: &i32, tid: &i32| {
            record.set("kind", kind);
            record.set("pid", pid);
            record.set("tid", tid);
        };
        match self {
            Self::Thread { pid, tid } => thread("thread", pid, tid),
            Self::Children { pid, tid } => thread("children", pid, tid),
            Self::Fd { pid, fd } | Self::Socket { pid, fd } => {
                record.set("kind", if matches!(self, Self::Fd { .. }) { "fd" } else { "socket" });
                record.set("pid", pid);
                record.set("fd", fd);
            }
            Self::Mount { path, mnt, pid } => {
                record.set("kind", "mount");
                record.set("path", path);
                record.set("mnt", mnt);
                record.set("pid", pid);
            }
            Self::Child { nstype, nsino } | Self::Owned { nstype, nsino } => {
                record.set("kind", if matches!(self, Self::Child { .. }) { "child" } else { "owned" });
                record.set("nstype", nstype);
                record.set("nsino", nsino);
            }
        }
        record
    }
}

/// How many descriptors and threads that hold one namespace are told. A process can have a million duplicates of one descriptor, and
/// nobody reads a record of more than 1 MiB.
const MOST: usize = 4096;

/// The holders of each namespace, by its inode number.
#[derive(Default)]
pub(crate) struct Holders(HashMap<u64, Held>);

/// What holds one namespace.
struct Held {
    ns_type: NsType,
    /// Descriptors and threads, of which there are at most [`MOST`].
    of_processes: Vec<Holder>,
    left_out: usize,
    /// Mounts and namespaces.
    others: Vec<Holder>,
    /// All processes that hold it, or see a mount that does.
    pids: HashSet<i32>,
}

impl Held {
    fn new(ns_type: NsType) -> Self {
        Self { ns_type, of_processes: Vec::new(), left_out: 0, others: Vec::new(), pids: HashSet::new() }
    }

    fn add(&mut self, holder: Holder) {
        self.pids.extend(holder.pid());
        if matches!(holder, Holder::Mount { .. } | Holder::Child { .. } | Holder::Owned { .. }) {
            self.others.push(holder);
        } else if self.of_processes.len() < MOST {
            self.of_processes.push(holder);
        } else {
            self.left_out += 1;
        }
    }
}

impl Holders {
    /// Adds a holder.
    pub(crate) fn add(&mut self, ns_type: NsType, ino: u64, holder: Holder) {
        self.0.entry(ino).or_insert_with(|| Held::new(ns_type)).add(holder);
    }

    /// Adds the holders that another search has found.
    pub(crate) fn join(&mut self, other: Self) {
        for (ino, other) in other.0 {
            let held = self.0.entry(ino).or_insert_with(|| Held::new(other.ns_type));
            other.of_processes.into_iter().chain(other.others).for_each(|holder| held.add(holder));
            held.left_out += other.left_out;
            held.pids.extend(other.pids);
        }
    }

    /// The type of a namespace that has holders.
    pub(crate) fn ns_type(&self, ino: u64) -> Option<NsType> {
        self.0.get(&ino).map(|held| held.ns_type)
    }

    /// The namespaces that have holders.
    pub(crate) fn namespaces(&self) -> impl Iterator<Item = (NsType, u64)> {
        self.0.iter().map(|(ino, held)| (held.ns_type, *ino))
    }

    /// The processes that hold a namespace, or see a mount that does.
    pub(crate) fn pids(&self, ino: u64) -> impl Iterator<Item = i32> {
        self.0.get(&ino).into_iter().flat_map(|held| &held.pids).copied()
    }

    /// The holders of a namespace. If it has processes, other namespaces are left out: the host's own have hundreds.
    pub(crate) fn of(&self, ino: u64, has_processes: bool) -> Vec<Record> {
        let all = self.0.get(&ino).into_iter().flat_map(|held| held.of_processes.iter().chain(&held.others));
        let is_namespace = |holder: &Holder| matches!(holder, Holder::Child { .. } | Holder::Owned { .. });
        all.filter(|holder| !(has_processes && is_namespace(holder))).map(Holder::record).collect()
    }

    /// The message that some holders of a namespace are not told; `None` if all are.
    pub(crate) fn complaint(&self, ino: u64) -> Option<Error> {
        let held = self.0.get(&ino).filter(|held| held.left_out > 0)?;
        let (ns_type, all) = (held.ns_type, MOST + held.left_out);
        let only = format!("only {MOST} of the {all} descriptors and threads that hold it are told");
        Some(Error::failed(format!("{ns_type}:[{ino}]: {only}")))
    }
}
