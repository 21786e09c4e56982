//! The paths of containers, as nicon-resolve prints them.

use std::collections::HashMap;
use std::fs::File;
use std::io::Read;
use std::path::Path;

use nicon_core::filter::stream::Lines;
use nicon_core::{Context, Error, Record, Result};

/// Whether the names are read from standard input, so that it has no questions.
pub(crate) fn is_stdin(file: &Path) -> bool {
    file == Path::new("-")
}

/// The path of each container, by its ID.
#[derive(Default)]
pub(crate) struct Names(HashMap<String, String>);

impl Names {
    /// Reads nicon-resolve's records from a file, or, for `-`, from standard input. Of several paths to a container the
    /// first counts.
    ///
    /// # Errors
    /// If the file cannot be read, or a line is not such a record.
    pub(crate) fn read(file: &Path) -> Result<Self> {
        let names = if is_stdin(file) {
            Self::of(Lines::stdin("--names - reads the output of nicon-resolve '**'")?)
        } else {
            File::open(file).context(|| "open").and_then(|file| Self::of(Lines::new(file)))
        };
        names.map_err(|error| error.prefix(format!("--names {}", file.display())))
    }

    fn of(lines: Lines<impl Read>) -> Result<Self> {
        let mut names = Self::default();
        for line in lines {
            let line = line?;
            let added =
                line.record("nicon-resolve prints one for each container").and_then(|record| names.add(&record));
            added.map_err(|error| error.prefix(format!("line {}", line.number)))?;
        }
        Ok(names)
    }

    fn add(&mut self, record: &Record) -> Result<()> {
        let last = record.get("hops").and_then(|hops| hops.as_array()?.last());
        let id = last.and_then(|hop| hop.get("id")?.as_str());
        match (id, record.text("target")?) {
            (Some(id), Some(path)) => self.0.entry(id.to_owned()).or_insert_with(|| path.to_owned()),
            _ => return Err(Error::failed("not a record of a container, as nicon-resolve '**' prints")),
        };
        Ok(())
    }

    /// Adds the path of its container to an answer, if that is known.
    pub(crate) fn add_to(&self, answer: &mut Record) {
        let path = answer.text("container").ok().flatten().and_then(|id| self.0.get(id));
        if let Some(path) = path {
            answer.set("container_path", path);
        }
    }
}
