//! Processes that may not be looked at, and whether an answer may lack them.
//!
//! Their links are closed to us, but some files of /proc are open to all, and differ by namespace. Where two processes
//! show the same there, they are in the same namespace; that settles most cases, as a rule that PID 1, which may have a
//! capability that we lack, is where the kernel's threads are and not in a container.

use std::io::{BufRead, BufReader};

use nicon_core::{Error, NsId, NsType, Process, proc};

use crate::census::Census;

/// A namespace that was asked for, as far as it matters here.
pub(crate) struct Asked {
    /// Its type; `None` where it was not found and only its number is known.
    pub(crate) ns_type: Option<NsType>,
    /// Its inode number.
    pub(crate) ino: u64,
    /// A process that is in it.
    pub(crate) member: Option<i32>,
}

/// What to say of an answer about some namespaces, where it may be incomplete.
pub(crate) fn complaint(census: &Census, asked: &[Asked]) -> Option<Error> {
    let lacking: Vec<i32> = census
        .denied
        .iter()
        .copied()
        .filter(|&pid| asked.iter().any(|asked| may_be_in(pid, asked, census.readable)))
        .collect();
    proc::complaint(&lacking)
}

fn may_be_in(pid: i32, asked: &Asked, readable: Option<i32>) -> bool {
    let Some(ns_type) = asked.ns_type else { return true };
    let Some(mark) = Mark::of(pid, ns_type) else { return true };
    let own = std::process::id().cast_signed();
    let known = [asked.member, Some(own), readable];
    let alike = known.into_iter().flatten().find(|&known| Mark::of(known, ns_type).as_ref() == Some(&mark));
    match (alike, asked.member) {
        // Who shows the same is in the same namespace.
        (Some(alike), _) => {
            let there = Process::pin(alike).and_then(|process| process.namespace_id(ns_type));
            there.ok().flatten().is_none_or(|id| id.ino == asked.ino)
        }
        // Processes of one network namespace always show the same there, whereas a chroot hides the root mount.
        (None, Some(_)) => ns_type != NsType::Net,
        (None, None) => true,
    }
}

/// Something that everybody may read of a process, and that only processes of the same namespace have in common.
#[derive(PartialEq, Eq)]
enum Mark {
    /// The process is in our own PID namespace, that of /proc: it has one PID only.
    OwnPidns,
    /// The inode number of /proc/PID/net/dev, which each network namespace has of its own.
    NetDev(NsId),
    /// The mount ID of the root.
    RootMount(u64),
}

impl Mark {
    fn of(pid: i32, ns_type: NsType) -> Option<Self> {
        match ns_type {
            NsType::Pid => (Process::pin(pid).ok()?.nspid().ok()?.len() == 1).then_some(Self::OwnPidns),
            NsType::Net => {
                let proc = std::fs::File::open("/proc").ok()?;
                let file = std::ffi::CString::new(format!("{pid}/net/dev")).ok()?;
                NsId::at(proc, &file).ok().map(Self::NetDev)
            }
            NsType::Mnt => {
                let file = std::fs::File::open(format!("/proc/{pid}/mountinfo")).ok()?;
                let lines = BufReader::new(file).lines();
                let root = lines.map_while(Result::ok).find(|line| line.split(' ').nth(4) == Some("/"))?;
                root.split(' ').next()?.parse().ok().map(Self::RootMount)
            }
            _ => None,
        }
    }
}
