//! The paths of containers, as nicon-resolve prints them.

use std::fs::File;
use std::io::Read;

use nicon_core::containers::Containers;
use nicon_core::filter::stream::Lines;
use nicon_core::{Context, Error, Process, Record, Result, Status};

use crate::args::{Args, is_stdin};

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
    let names = if is_stdin(file) {
        containers(Lines::stdin(&format!("{option} - reads the output of nicon-resolve '**'"))?)
    } else {
        File::open(file).context(|| "open").and_then(|file| containers(Lines::new(file)))
    };
    names.map(Some).map_err(|error| error.prefix(format!("{option} {}", file.display())))
}

fn containers(lines: Lines<impl Read>) -> Result<Containers> {
    let mut containers = Containers::default();
    for line in lines {
        let line = line?;
        let added =
            line.record("nicon-resolve prints one for each container").and_then(|record| add(&mut containers, &record));
        added.map_err(|error| error.prefix(format!("line {}", line.number)))?;
    }
    Ok(containers)
}

fn add(containers: &mut Containers, record: &Record) -> Result<()> {
    let hops = record.get("hops").and_then(|hops| hops.as_array()).map(Vec::as_slice).unwrap_or_default();
    let id = hops.last().and_then(|hop| hop.get("id")?.as_str());
    let (Some(id), Some(path)) = (id, record.text("target")?) else {
        return Err(Error::failed("not a record of a container, as nicon-resolve '**' prints"));
    };
    match Process::from_record(record).and_then(|process| containers.add(path.to_owned(), id, hops.len(), &process)) {
        Err(error) if error.status() == Status::No => Ok(()),
        added => added,
    }
}
