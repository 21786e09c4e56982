//! What is told: records, and each failure once, though it is tried again.

use std::collections::HashSet;

use nicon_core::filter::column::{Column, EVENT};
use nicon_core::filter::format::OutputFormat;
use nicon_core::filter::output::{report, write_out};
use nicon_core::filter::stream::Answers;
use nicon_core::{Error, ErrorKind, Record, Result, Status};
use nicon_rtnl::record::{MAC, TARGET};

use crate::record::columns::{DONE, IFINDEX, NAME};
use crate::record::program::WIRE;

const COLUMNS: &[Column] = &[EVENT, TARGET, NAME, IFINDEX, MAC, DONE];

/// How many different failures of one thing are remembered.
const MOST: usize = 16;

/// The failures of one thing that were told.
#[derive(Default)]
pub(crate) struct Told(HashSet<String>);

impl Told {
    /// Tells a failure, unless it was told before.
    ///
    /// # Errors
    /// Only if the reader of standard output has left.
    pub(crate) fn tell(&mut self, error: Error, output: &mut Output) -> Result<()> {
        if error.kind() == ErrorKind::OutputClosed {
            return Err(error);
        }
        if self.0.len() == MOST {
            self.0.clear();
        }
        if self.0.insert(error.to_string()) { output.answers.give(None, Err(error)) } else { Ok(()) }
    }

    /// Tells that there is no failure any more, if any was told.
    pub(crate) fn mend(&mut self, what: impl FnOnce() -> String) {
        if !self.0.is_empty() {
            report(WIRE, &Error::failed(format!("{}: mended", what())));
            self.forget();
        }
    }

    /// Forgets all that was told.
    pub(crate) fn forget(&mut self) {
        self.0.clear();
    }
}

/// Standard output and standard error.
pub(crate) struct Output {
    answers: Answers,
    /// Whether the last record may have been written in part.
    is_torn: bool,
    told: Told,
}

impl Output {
    /// Those of a run. At a terminal it is a table whose rows are printed as they come.
    ///
    /// # Errors
    /// If standard output was closed.
    pub(crate) fn new(format: OutputFormat) -> Result<Self> {
        Ok(Self { answers: Answers::new(WIRE, format.view_of_rows(COLUMNS))?, is_torn: false, told: Told::default() })
    }

    /// Makes room in a table for records that may be printed later.
    pub(crate) fn expect<'a>(&mut self, records: impl IntoIterator<Item = &'a Record>) {
        self.answers.expect(records);
    }

    /// Prints a record.
    ///
    /// # Errors
    /// If standard output cannot be written, such as on a full disk.
    pub(crate) fn give(&mut self, record: Record) -> Result<()> {
        if self.is_torn {
            // Nobody reads a blank line, nor this record as the end of that one.
            write_out("\n")?;
        }
        let given = self.answers.give(None, Ok(record));
        self.is_torn = given.is_err();
        given
    }

    /// Prints a record that is lost if it cannot be printed, which is told.
    ///
    /// # Errors
    /// Only if the reader of standard output has left.
    pub(crate) fn give_or_tell(&mut self, record: Record) -> Result<()> {
        let Err(error) = self.give(record) else { return Ok(()) };
        let mut told = std::mem::take(&mut self.told);
        let result = told.tell(error, self);
        self.told = told;
        result
    }

    /// Tells a failure.
    ///
    /// # Errors
    /// Only if the reader of standard output has left.
    pub(crate) fn tell(&mut self, error: Error) -> Result<()> {
        Told::default().tell(error, self)
    }

    /// The worst status of all that was told.
    ///
    /// # Errors
    /// If standard output cannot be written.
    pub(crate) fn finish(self) -> Result<Status> {
        self.answers.finish()
    }
}
