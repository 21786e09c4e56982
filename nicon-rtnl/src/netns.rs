//! The network namespaces of this machine that /proc and /run/netns show.

use std::collections::{HashMap, HashSet};
use std::fmt;
use std::io::ErrorKind;
use std::ops::ControlFlow;
use std::os::unix::fs::MetadataExt;
use std::path::PathBuf;

use nicon_core::link::target::NAMED;
use nicon_core::walk::{is_gone, walk};
use nicon_core::{Error, Namespace, NsType, Result, Status};

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

impl Found {
    /// Looks into it: if the process by which it was found has ended, by another one that is in it, or a name.
    ///
    /// # Errors
    /// Those of `look`; [`Status::No`] if nothing leads there any more.
    pub fn look<T>(&self, mut look: impl FnMut(&Self) -> Result<T>) -> Result<T> {
        let gone = match look(self) {
            Err(error) if error.status() == Status::No => error,
            looked => return looked,
        };
        for other in find(self.ino)?.found {
            match look(&other) {
                Err(error) if error.status() == Status::No => {}
                looked => return looked,
            }
        }
        Err(gone)
    }
}

/// The network namespaces that were found, and the processes whose own may be missing.
pub struct Census {
    /// Each once.
    pub found: Vec<Found>,
    /// Processes that we may not inspect, and that are in none of them.
    pub denied: Vec<i32>,
    /// Why some that only a name keeps may be missing.
    pub unread: Option<Error>,
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
    let names = named();
    found.extend(names.found.into_iter().filter(|named| known.insert(named.ino)));
    Ok(Census { found, denied, unread: names.unread })
}

/// Every way into the network namespace that has an inode number: processes come and go, and one of them may be gone by the
/// time that it is tried. Names come first.
///
/// # Errors
/// If /proc cannot be read.
pub fn find(ino: u64) -> Result<Ways> {
    let Ways { mut found, unread } = named();
    found.retain(|named| named.ino == ino);
    walk(|seen| {
        if seen.namespace(NsType::Net).is_ok_and(|other| other == ino) {
            found.push(Found { ino, way: Way::Process(seen.pid()) });
        }
        Ok(ControlFlow::Continue(()))
    })?;
    Ok(Ways { found, unread })
}

/// What leads to network namespaces.
pub struct Ways {
    /// Each of them.
    pub found: Vec<Found>,
    /// Why some may be missing: the first name, or all of them, that could not be read.
    pub unread: Option<Error>,
}

/// Reads the names of network namespaces. Other files in their directory are passed over, such as that of a name which is being removed:
/// nothing is mounted on it any more.
#[must_use]
pub fn named() -> Ways {
    let mut names = Ways { found: Vec::new(), unread: None };
    let entries = match std::fs::read_dir(NAMED) {
        Ok(entries) => entries,
        Err(error) if error.kind() == ErrorKind::NotFound => return names,
        Err(error) => return Ways { unread: Some(unread(Error::os(format!("read {NAMED}"), error))), ..names },
    };
    for entry in entries {
        match entry.map_err(|error| Error::os(format!("read {NAMED}"), error)).and_then(|entry| look(entry.path())) {
            Ok(found) => names.found.extend(found),
            Err(error) => names.unread = names.unread.or_else(|| Some(unread(error))),
        }
    }
    names
}

/// The network namespace that a name leads to; `None` if it leads to none.
fn look(path: PathBuf) -> Result<Option<Found>> {
    match Namespace::open(&path) {
        Ok(ns) => {
            let is_net = matches!(ns.ns_type(), Ok(NsType::Net));
            Ok(is_net.then(|| Found { ino: ns.id().ino, way: Way::Name(path) }))
        }
        Err(error) => {
            let nsfs = Namespace::open("/proc/self/ns/net".as_ref())?.id().dev;
            match std::fs::metadata(&path) {
                Ok(file) if file.dev() == nsfs => Err(error),
                Ok(_) => Ok(None),
                Err(gone) if is_gone(&gone) => Ok(None),
                Err(_) => Err(error),
            }
        }
    }
}

fn unread(error: Error) -> Error {
    error.suffix(": network namespaces that only have a name may be missing")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn another_process_leads_there_when_the_first_has_ended() {
        let own = Namespace::open("/proc/self/ns/net".as_ref()).unwrap().id().ino;
        let found = |ino| Found { ino, way: Way::Process(std::process::id().cast_signed()) };
        let mut looks = 0;
        let looked = found(own).look(|way| {
            looks += 1;
            if looks == 1 { Err(Error::no("it has ended")) } else { way.open() }
        });
        assert_eq!((looked.unwrap().id().ino, looks), (own, 2));
        // Nobody is in one of another type.
        let gone = found(1).look(Found::open).unwrap_err();
        assert_eq!(gone.status(), Status::No);
        // What fails otherwise fails at once.
        let refused = found(own).look(|_| Err::<(), _>(Error::failed("refused"))).unwrap_err();
        assert_eq!(refused.to_string(), "refused");
    }
}
