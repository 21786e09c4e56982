//! A file of nicon-resolve's records, which an option such as `--names` names: they give things the names of their containers.

use std::fs::File;
use std::io::Read;
use std::path::Path;

use super::stream::{Lines, RECORDS};
use crate::{Context, Record, Result};

/// Whether a file is standard input.
#[must_use]
pub fn is_stdin(file: &Path) -> bool {
    file == Path::new("-")
}

/// Gives each record of the file that `option` names, or of standard input for `-`, to `add`.
///
/// # Errors
/// If the file cannot be read, or a line is no record; those of `add`. The option, the file and the line are named.
pub fn read(option: &str, file: &Path, add: impl FnMut(Record) -> Result<()>) -> Result<()> {
    let read = if is_stdin(file) {
        Lines::stdin(&format!("{option} - reads the output of nicon-resolve '**'")).and_then(|lines| each(lines, add))
    } else {
        File::open(file).context(|| "open").and_then(|file| each(Lines::new(file), add))
    };
    read.map_err(|error| error.prefix(format!("{option} {}", file.display())))
}

fn each(lines: Lines<impl Read>, mut add: impl FnMut(Record) -> Result<()>) -> Result<()> {
    for line in lines {
        let line = line?;
        line.record(RECORDS).and_then(&mut add).map_err(|error| error.prefix(format!("line {}", line.number)))?;
    }
    Ok(())
}
