//! Faults of a plan: what is wrong, and where.

use std::fmt;

use nicon_core::Error;

/// A position in the text. Lines and columns count from 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Position {
    pub(crate) line: u32,
    pub(crate) column: u32,
}

/// Where a text begins, and what is missing in all of it is reported.
pub(crate) const START: Position = Position { line: 1, column: 1 };

/// An error at a position.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Fault {
    pub(crate) position: Position,
    pub(crate) message: String,
}

impl Position {
    /// A fault at this position.
    pub(crate) fn fault(self, message: impl Into<String>) -> Fault {
        Fault { position: self, message: message.into() }
    }
}

impl fmt::Display for Position {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.line, self.column)
    }
}

impl Fault {
    /// The fault as an error in the file `name`, formatted as by compilers: `links.yaml:4:15: ...`.
    pub(crate) fn prefix(self, name: &str) -> Error {
        Error::failed(format!("{name}:{}: {}", self.position, self.message))
    }
}

/// How many names are listed at most: what takes more than two lines of a terminal helps nobody who does not know which to look for.
const MOST: usize = 16;

/// Names in a row, if they are so few that they are read. Of more, a message says where they are.
pub(crate) fn few(names: &[&str]) -> Option<String> {
    (names.len() <= MOST).then(|| names.join(", "))
}
