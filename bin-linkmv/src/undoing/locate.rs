//! Finds the network namespaces that a deed is about.

use nicon_core::{Error, Record, Result, Status};
use nicon_rtnl::{NetnsHandle, netns};

use crate::record::deed::Deed;

/// The namespace in which a deed left its link. It may have outlived the record's process.
pub(crate) fn open_target(deed: &Deed, record: &Record, home: &NetnsHandle) -> Result<NetnsHandle> {
    let target = home.open_record(record);
    let Some(ino) = deed.netns else { return target };
    match target {
        Ok(target) if target.ns.id().ino == ino => Ok(target),
        Err(error) if error.status() != Status::No => Err(error),
        other => open_by_number(ino, &format!("where {} was left", deed.name), home).map_err(|error| match other {
            Err(gone) if error.status() == Status::No => gone,
            _ => error,
        }),
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
