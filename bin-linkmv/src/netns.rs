//! The network namespaces of this machine, as far as /proc and /run/netns show them.

use std::collections::HashSet;
use std::io::ErrorKind;
use std::os::unix::fs::MetadataExt;
use std::path::PathBuf;

use nicon_core::link::target::NAMED;
use nicon_core::{Doing, Error, NsId, Result, proc};

/// A network namespace, and one way to it.
#[derive(Debug)]
pub struct Found {
    /// Its identity.
    pub id: NsId,
    /// A file by which it can be opened.
    pub path: PathBuf,
    /// The process that it was found by, where it was one.
    pub pid: Option<i32>,
}

/// The network namespaces that were found, and why that may not be all of them.
pub struct Census {
    /// Each once.
    pub found: Vec<Found>,
    /// The first process that we may not look at.
    pub denied: Option<Error>,
}

/// Every network namespace that a process is in, each with the lowest PID in it, and those that only a name keeps.
///
/// # Errors
/// Where /proc cannot be read.
pub fn all() -> Result<Census> {
    proc::check()?;
    let mut pids: Vec<i32> = proc::pids()?.collect();
    pids.sort_unstable();
    let processes = pids.into_iter().map(|pid| (PathBuf::from(format!("/proc/{pid}/ns/net")), Some(pid)));
    let named = std::fs::read_dir(NAMED).into_iter().flatten().flatten().map(|entry| (entry.path(), None));

    let (mut known, mut found, mut denied) = (HashSet::new(), Vec::new(), None);
    for (path, pid) in processes.chain(named) {
        let metadata = match std::fs::metadata(&path) {
            // It ended meanwhile, or is a zombie.
            Err(error) if error.kind() == ErrorKind::NotFound => continue,
            Err(error) => {
                let doing = || format!("some processes may not be looked at: {}", path.display());
                denied = denied.or(Err::<(), _>(error).doing(doing).err());
                continue;
            }
            Ok(metadata) => metadata,
        };
        let id = NsId { dev: metadata.dev(), ino: metadata.ino() };
        if known.insert(id) {
            found.push(Found { id, path, pid });
        }
    }
    Ok(Census { found, denied })
}
