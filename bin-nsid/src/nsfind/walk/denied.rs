//! Processes that may not be inspected, and whether an answer may lack them.
//!
//! We may not read their links to namespaces, but some files in /proc are readable by anyone and differ by namespace. Two
//! processes with the same content there are in the same namespace. This settles most cases: PID 1, which may have a
//! capability that we lack, usually turns out to be in the namespaces of the kernel's threads, not in a container's.

use std::io::{BufRead, BufReader};

use nicon_core::mountinfo::Mount;
use nicon_core::{Error, NsId, NsType, Process, proc};

use crate::walk::census::Census;

/// A namespace that was asked for.
pub(crate) struct Asked {
    /// Its type; `None` if only its number is known, because no process was found in it.
    pub(crate) ns_type: Option<NsType>,
    /// Its inode number.
    pub(crate) ino: u64,
    /// A process that is in it.
    pub(crate) member: Option<i32>,
}

/// The message that the answer about some namespaces may be incomplete; `None` if it is complete.
pub(crate) fn complaint(census: &Census, asked: &[Asked]) -> Option<Error> {
    let missing: Vec<i32> = census
        .denied
        .iter()
        .copied()
        .filter(|&pid| asked.iter().any(|asked| may_be_in(pid, asked, census.readable)))
        .collect();
    proc::complaint(&missing)
}

fn may_be_in(pid: i32, asked: &Asked, readable: Option<i32>) -> bool {
    let Some(ns_type) = asked.ns_type else { return true };
    let Some(fingerprint) = Fingerprint::of(pid, ns_type) else { return true };
    let own = std::process::id().cast_signed();
    let known = [asked.member, Some(own), readable];
    let is_same = |known: &i32| Fingerprint::of(*known, ns_type).as_ref() == Some(&fingerprint);
    match (known.into_iter().flatten().find(is_same), asked.member) {
        // It is in the namespace of the process with the same fingerprint.
        (Some(same), _) => {
            let namespace = Process::pin(same).and_then(|process| process.namespace_id(ns_type));
            namespace.ok().flatten().is_none_or(|id| id.ino == asked.ino)
        }
        // All processes of a network namespace have the same fingerprint. In a mount namespace, those in a chroot differ.
        (None, Some(_)) => ns_type != NsType::Net,
        (None, None) => true,
    }
}

/// What anyone may read of a process, and what is the same only for processes of the same namespace.
#[derive(PartialEq, Eq)]
enum Fingerprint {
    /// The process has a single PID: it is in our own PID namespace, that of /proc.
    OwnPidns,
    /// The identity of /proc/PID/net/dev, a different file in each network namespace.
    NetDev(NsId),
    /// The ID of the mount at the root.
    RootMount(u64),
}

impl Fingerprint {
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
                BufReader::new(file).split(b'\n').map_while(Result::ok).find_map(|line| {
                    let mount = Mount::parse(&line)?;
                    (mount.point == b"/").then_some(Self::RootMount(mount.id))
                })
            }
            _ => None,
        }
    }
}
