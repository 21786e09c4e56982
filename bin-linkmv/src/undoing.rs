//! Undoing what nicon-linkmv and nicon-veth did.

pub(crate) mod input;
mod locate;
mod moved_link;
mod pair;
mod undone;

use nicon_core::{Error, Record, Result};
use nicon_rtnl::NetnsHandle;

use crate::record::deed::Deed;
use crate::record::program::{LINKMV, VETH};
use undone::Undone;

/// Undoes one deed of a record, whichever program did it.
///
/// # Errors
/// If it cannot be undone, or not as a whole.
pub(crate) fn undo(deed: &Deed, record: &Record, home: &NetnsHandle) -> Result<Undone> {
    match deed.by.as_str() {
        LINKMV => moved_link::undo(deed, record, home),
        VETH => pair::undo(deed, record, home),
        other => Err(Error::failed(format!("{} was done by {other}, which this version does not know", deed.name))),
    }
}
