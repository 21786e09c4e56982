//! What keeps a namespace alive other than the processes in it.

use std::collections::{HashMap, HashSet};

use nicon_core::{Error, NsType, Record};

/// Something that keeps a namespace alive.
pub(crate) enum Holder {
    /// A mount at `path`, as seen by process `pid` in mount namespace `mnt`.
    Mount { path: String, mnt: Option<u64>, pid: i32 },
    /// An open descriptor.
    Fd { pid: i32, fd: i32 },
    /// A socket in it, which is a network namespace, of a process that is in another one.
    Socket { pid: i32, fd: i32 },
    /// A thread that is in it, unlike its process.
    Thread { pid: i32, tid: i32 },
    /// A thread that is not in it, but whose children will be.
    Children { pid: i32, tid: i32 },
    /// A child of it, which is a PID or user namespace.
    Child { nstype: &'static str, nsino: u64 },
    /// A namespace that it owns, being a user namespace.
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

/// How many holders of each kind are listed for one namespace, and how many bytes of its record they may take. A process can have a
/// million duplicates of one descriptor, anybody can mount a namespace of their own many times, and nobody reads a record of more
/// than 1 MiB.
const MOST: usize = 4096;
const LONGEST: usize = 256 * 1024;

/// The holders of each namespace, by its inode number.
#[derive(Default)]
pub(crate) struct Holders(HashMap<u64, Held>);

/// What holds one namespace.
struct Held {
    ns_type: NsType,
    of_processes: Told,
    mounts: Told,
    namespaces: Told,
    /// All processes that hold it, or see a mount that does.
    pids: HashSet<i32>,
}

/// The holders of one kind that are listed.
#[derive(Default)]
struct Told {
    holders: Vec<Holder>,
    length: usize,
    left_out: usize,
}

impl Told {
    fn add(&mut self, holder: Holder) {
        // The others are numbers, and shorter than their share.
        let length =
            if matches!(holder, Holder::Mount { .. }) { holder.record().to_line().len() } else { LONGEST / MOST };
        if self.holders.len() < MOST && self.length + length <= LONGEST {
            self.length += length;
            self.holders.push(holder);
        } else {
            self.left_out += 1;
        }
    }

    fn join(&mut self, other: Self) {
        other.holders.into_iter().for_each(|holder| self.add(holder));
        self.left_out += other.left_out;
    }

    /// That some are left out, in words.
    fn complaint(&self, what: &str) -> Option<String> {
        let (told, left_out) = (self.holders.len(), self.left_out);
        (left_out > 0).then(|| format!("only {told} of the {} {what} that hold it are told", told + left_out))
    }
}

impl Held {
    fn new(ns_type: NsType) -> Self {
        let [of_processes, mounts, namespaces] = [(); 3].map(|()| Told::default());
        Self { ns_type, of_processes, mounts, namespaces, pids: HashSet::new() }
    }

    fn add(&mut self, holder: Holder) {
        self.pids.extend(holder.pid());
        match holder {
            Holder::Mount { .. } => self.mounts.add(holder),
            Holder::Child { .. } | Holder::Owned { .. } => self.namespaces.add(holder),
            _ => self.of_processes.add(holder),
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
            held.of_processes.join(other.of_processes);
            held.mounts.join(other.mounts);
            held.namespaces.join(other.namespaces);
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
        let Some(held) = self.0.get(&ino) else { return Vec::new() };
        let namespaces = Some(&held.namespaces).filter(|_| !has_processes);
        let told = [&held.of_processes, &held.mounts].into_iter().chain(namespaces);
        told.flat_map(|told| &told.holders).map(Holder::record).collect()
    }

    /// The message that some holders of a namespace are not listed; `None` if all are.
    pub(crate) fn complaint(&self, ino: u64, has_processes: bool) -> Option<Error> {
        let held = self.0.get(&ino)?;
        let namespaces = Some((&held.namespaces, "namespaces")).filter(|_| !has_processes);
        let told = [(&held.of_processes, "descriptors and threads"), (&held.mounts, "mounts")].into_iter();
        let only: Vec<_> = told.chain(namespaces).filter_map(|(told, what)| told.complaint(what)).collect();
        (!only.is_empty()).then(|| Error::failed(format!("{}:[{ino}]: {}", held.ns_type, only.join("; "))))
    }
}
