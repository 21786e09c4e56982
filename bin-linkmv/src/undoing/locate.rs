//! Finds the network namespaces that a deed is about.

use nicon_core::{Record, Result, Status};
use nicon_rtnl::NetnsHandle;

use crate::link::namespaces::Namespaces;
use crate::record::deed::Deed;

/// The namespace in which a deed left its link. It may have outlived the record's process.
pub(crate) fn open_target(deed: &Deed, record: &Record, namespaces: &Namespaces) -> Result<NetnsHandle> {
    let target = namespaces.home.open_record(record);
    let Some(ino) = deed.netns else { return target };
    match target {
        Ok(target) if target.ns.id().ino == ino => Ok(target),
        Err(error) if error.status() != Status::No => Err(error),
        other => namespaces.open(ino, &format!("where {} was left", deed.name)).map_err(|error| match other {
            Err(gone) if error.status() == Status::No => gone,
            _ => error,
        }),
    }
}
