//! The paths of containers, as nicon-resolve prints them.

use nicon_core::containers::Containers;
use nicon_core::filter::names;
use nicon_core::machine::Machine;
use nicon_core::{Error, Process, Record, Result, Status};

use crate::question::args::Args;

/// Reads nicon-resolve's records from the file that `--names` or `--within` names, or, for `-`, from standard input. A container whose
/// process has ended since has no namespaces to be named after it.
///
/// # Errors
/// If the file cannot be read, or a line is not such a record, or of another machine.
pub(crate) fn of(args: &Args) -> Result<Option<Containers>> {
    let (option, file) = match (&args.names, &args.within) {
        (Some(file), _) => ("--names", file),
        (None, Some(file)) => ("--within", file),
        (None, None) => return Ok(None),
    };
    let mut containers = Containers::default();
    names::read(option, file, |record| add(&mut containers, &record))?;
    Ok(Some(containers))
}

fn add(containers: &mut Containers, record: &Record) -> Result<()> {
    let hops = record.get("hops").and_then(|hops| hops.as_array()).map(Vec::as_slice).unwrap_or_default();
    let id = hops.last().and_then(|hop| hop.get("id")?.as_str());
    let (Some(id), Some(path)) = (id, record.text("target")?) else {
        return Err(Error::failed("not a record of a container, as nicon-resolve '**' prints"));
    };
    Machine::this()?.check(record)?;
    match Process::from_record(record).and_then(|process| containers.add(path.to_owned(), id, hops.len(), &process)) {
        Err(error) if error.status() == Status::No => Ok(()),
        added => added,
    }
}
