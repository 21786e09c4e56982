//! What keeps a namespace besides the processes that are in it.

use std::collections::HashMap;

use nicon_core::{NsType, Record};

/// One thing that keeps a namespace.
pub(crate) enum Holder {
    /// It is mounted on a file: `path` as process `pid`, which is in mount namespace `mnt`, sees it.
    Mount { path: String, mnt: Option<u64>, pid: i32 },
    /// A process has it open.
    Fd { pid: i32, fd: i32 },
    /// A thread is in it and its process is not.
    Thread { pid: i32, tid: i32 },
    /// The children of a thread will be in it, and the thread is not.
    Children { pid: i32, tid: i32 },
    /// It is the parent of another PID or user namespace.
    Child { nstype: &'static str, nsino: u64 },
    /// It is the user namespace that owns another namespace.
    Owned { nstype: &'static str, nsino: u64 },
}

impl Holder {
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
            Self::Fd { pid, fd } => {
                record.set("kind", "fd");
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

/// Who keeps which namespace, by inode number.
#[derive(Default)]
pub(crate) struct Holders(HashMap<u64, (NsType, Vec<Holder>)>);

impl Holders {
    /// Notes a holder.
    pub(crate) fn add(&mut self, ns_type: NsType, ino: u64, holder: Holder) {
        self.0.entry(ino).or_insert_with(|| (ns_type, Vec::new())).1.push(holder);
    }

    /// The type of a namespace that somebody keeps.
    pub(crate) fn ns_type(&self, ino: u64) -> Option<NsType> {
        self.0.get(&ino).map(|(ns_type, _)| *ns_type)
    }

    /// The namespaces that somebody keeps.
    pub(crate) fn namespaces(&self) -> impl Iterator<Item = (NsType, u64)> {
        self.0.iter().map(|(ino, (ns_type, _))| (*ns_type, *ino))
    }

    /// Who keeps a namespace. Of one with processes its relatives are left out: the machine's own keep hundreds.
    pub(crate) fn of(&self, ino: u64, has_processes: bool) -> Vec<Record> {
        let all = self.0.get(&ino).map(|(_, holders)| holders.as_slice()).unwrap_or_default();
        let is_kin = |holder: &Holder| matches!(holder, Holder::Child { .. } | Holder::Owned { .. });
        all.iter().filter(|holder| !(has_processes && is_kin(holder))).map(Holder::record).collect()
    }
}
