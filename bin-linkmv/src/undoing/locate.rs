//! Finds the network namespaces that a deed is about.

use nicon_core::{Error, Record, Result, Status};
use nicon_rtnl::{NetnsHandle, netns};

use crate::record::deed::Deed;

/// The namespace in which a deed left its link.
pub(crate) fn open_target(deed: &Deed, record: &Record, home: &NetnsHandle) -> Result<NetnsHandle> {
    let target = home.open_record(record)?;
    match deed.netns.filter(|ino| *ino != target.ns.id().ino) {
        Some(ino) => open_by_number(ino, &format!("where {} was left", deed.name), home),
        None => Ok(target),
    }
}

/// Opens the namespace with an inode number, ours or any other. An error says `what` it is.
pub(crate) fn open_by_number(ino: u64, what: &str, home: &NetnsHandle) -> Result<NetnsHandle> {
    if ino == home.ns.id().ino {
        return NetnsHandle::home();
    }
    let mut gone = Error::no(format!("net:[{ino}], {what}, is not there any more"));
    for found in netns::find(ino)? {
        match found.open() {
            Ok(ns) => return home.open_namespace(ns, found.way.to_string()),
            Err(error) if error.status() == Status::No => {}
            Err(error) => gone = error,
        }
    }
    Err(gone)
}
