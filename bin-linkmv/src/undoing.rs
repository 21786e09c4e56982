//! Undoing what nicon-linkmv, nicon-veth and nicon-linkadd did.

pub(crate) mod input;
pub(crate) mod limits;
mod locate;
mod made;
pub(crate) mod moved_link;
mod pair;
mod single;
pub(crate) mod undone;
pub(crate) mod usage;

use nicon_core::machine::Machine;
use nicon_core::{Error, Record, Result};

use crate::link::journal::Journals;
use crate::link::namespaces::Namespaces;
use crate::link::undo::Undo;
use crate::record::deed::Deed;
use crate::record::program::{LINKADD, LINKMV, VETH};
use limits::Limits;
use undone::Undone;

/// Undoes one deed of a record, whichever program did it.
///
/// # Errors
/// If it cannot be undone, or not as a whole.
pub(crate) fn undo(deed: &Deed, record: &Record, namespaces: &Namespaces, limits: Limits<'_>) -> Result<Undone> {
    // On another machine, or after a restart of this one, the same numbers mean other links.
    Machine::this()?.check(record)?;
    match deed.by.as_str() {
        LINKMV => moved_link::undo(deed, record, namespaces, limits),
        VETH => pair::undo(deed, record, namespaces, limits),
        LINKADD => single::undo(deed, record, namespaces, limits),
        other => Err(Error::failed(format!("{} was done by {other}, which this version does not know", deed.name))),
    }
}

/// The same, while no other run moves its link.
///
/// # Errors
/// As [`undo`], and where another run holds the link's journal for too long.
pub(crate) fn undo_alone(
    deed: &Deed,
    record: &Record,
    namespaces: &Namespaces,
    journals: &Journals<'_>,
    limits: Limits<'_>,
) -> Result<Undone> {
    let undo = || undo(deed, record, namespaces, limits);
    match deed.by.as_str() {
        LINKMV => moved_link::alone(&Undo::from_value(&deed.undo)?, namespaces, journals, undo),
        _ => undo(),
    }
}

/// What became of a deed that has been undone already. Nothing is changed.
///
/// # Errors
/// If that cannot be found out.
pub(crate) fn find_undone(deed: &Deed, record: &Record, namespaces: &Namespaces) -> Result<Option<Undone>> {
    Machine::this()?.check(record)?;
    match deed.by.as_str() {
        LINKMV => moved_link::find_undone(deed, namespaces),
        VETH => pair::find_undone(deed, record, namespaces),
        LINKADD => single::find_undone(deed, record, namespaces),
        _ => Ok(None),
    }
}
