//! The network namespaces of this machine that /proc and /run/netns show.

use std::collections::{HashMap, HashSet};
use std::fmt;
use std::ops::ControlFlow;
use std::os::unix::fs::MetadataExt;
use std::path::PathBuf;

use nicon_core::link::target::NAMED;
use nicon_core::walk::{is_gone, walk};
use nicon_core::{Error, Namespace, NsType, Result};

/// A network namespace, and one way to it.
#[derive(Debug)]
pub struct Found {
    /// Its inode number.
    pub ino: u64,
    /// How it was found.
    pub way: Way,
}

/// What leads to a network namespace.
#[derive(Debug)]
pub enum Way {
    /// The PID of a process that is in it.
    Process(i32),
    /// A file that it is mounted on.
    Name(PathBuf),
}

impl fmt::Display for Way {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Process(pid) => write!(f, "the network namespace of PID {pid}"),
            Self::Name(path) => path.display().fmt(f),
        }
    }
}

impl Way {
    /// A number that the network namespace of a process has, and no other: that of a file in its /proc/net. It is not the
    /// namespace's inode number, but takes no rights to see. `None` if the process is gone.
    fn number(&self) -> Option<u64> {
        match self {
            Self::Process(pid) => std::fs::metadata(format!("/proc/{pid}/net/dev")).ok().map(|file| file.ino()),
            Self::Name(_) => None,
        }
    }
}

impl Found {
    /// Opens it.
    ///
    /// # Errors
    /// [`nicon_core::Status::No`] if that leads elsewhere by now.
    pub fn open(&self) -> Result<Namespace> {
        let file = match &self.way {
            Way::Process(pid) => PathBuf::from(format!("/proc/{pid}/ns/net")),
            Way::Name(path) => path.clone(),
        };
        let ns = Namespace::open(&file).map_err(|error| match error.errno() {
            // Of a process that is ending, the file is still there for a moment, and cannot be opened.
            Some(nix::libc::ENOENT | nix::libc::ESRCH) => error.as_no(),
            _ => error,
        })?;
        if ns.id().ino != self.ino {
            return Err(Error::no(format!("{} is not net:[{}] any more", self.way, self.ino)));
        }
        Ok(ns)
    }
}

/// The network namespaces that were found, and the processes whose own may be missing.
pub struct Census {
    /// Each once.
    pub found: Vec<Found>,
    /// Processes that we may not inspect, and that are in none of them.
    pub denied: Vec<i32>,
}

/// Every network namespace that a process is in, each with the lowest PID in it, and those that only a name keeps.
///
/// # Errors
/// If /proc cannot be read.
pub fn all() -> Result<Census> {
    let (mut known, mut found, mut denied) = (HashSet::new(), Vec::new(), Vec::new());
    walk(|seen| {
        match seen.namespace(NsType::Net) {
            Ok(ino) if known.insert(ino) => found.push(Found { ino, way: Way::Process(seen.pid()) }),
            // If it is not known yet, the process has ended or is a zombie.
            Ok(_) => {}
            Err(error) if is_gone(&error) => {}
            Err(error) if error.kind() == std::io::ErrorKind::PermissionDenied => denied.push(seen.pid()),
            Err(error) => return Err(Error::os(format!("look at PID {}", seen.pid()), error)),
        }
        Ok(ControlFlow::Continue(()))
    })?;
    let mut seen = HashMap::new();
    let mut is_seen =
        |number| *seen.entry(number).or_insert_with(|| found.iter().any(|other| other.way.number() == Some(number)));
    denied.retain(|pid| Way::Process(*pid).number().is_some_and(|number| !is_seen(number)));
    found.extend(named().filter(|named| known.insert(named.ino)));
    Ok(Census { found, denied })
}

/// Every way into the network namespace that has an inode number: processes come and go, and one of them may be gone by the
/// time that it is tried. Names come first.
///
/// # Errors
/// If /proc cannot be read.
pub fn find(ino: u64) -> Result<Vec<Found>> {
    let mut found: Vec<Found> = named().filter(|named| named.ino == ino).collect();
    walk(|seen| {
        if seen.namespace(NsType::Net).is_ok_and(|other| other == ino) {
            found.push(Found { ino, way: Way::Process(seen.pid()) });
        }
        Ok(ControlFlow::Continue(()))
    })?;
    Ok(found)
}

/// The network namespaces that have a name.
pub fn named() -> impl Iterator<Item = Found> {
    std::fs::read_dir(NAMED).into_iter().flatten().flatten().filter_map(|entry| {
        // On a name that is being removed nothing is mounted any more.
        let ns = Namespace::open(&entry.path()).ok()?;
        let is_net = matches!(ns.ns_type(), Ok(NsType::Net));
        is_net.then(|| Found { ino: ns.id().ino, way: Way::Name(entry.path()) })
    })
}
