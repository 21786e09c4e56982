//! Where a plan is read from, and its text.

use std::fs::File;
use std::io::{self, IsTerminal, Read};
use std::path::Path;

use nicon_core::{Context, Error, Result};

/// The largest plan that is read, in bytes: room for some hundred thousand links.
const MAX: u64 = 16 << 20;

/// A file, or standard input.
pub(crate) struct Source<'a> {
    /// `None` if it is standard input.
    pub(crate) file: Option<&'a Path>,
    /// What messages call it.
    pub(crate) name: String,
}

impl<'a> Source<'a> {
    /// What the command line names. A plan can be typed, but only if that is asked for.
    ///
    /// # Errors
    /// If nothing is named, and standard input is a terminal.
    pub(crate) fn of(operand: Option<&'a Path>) -> Result<Self> {
        if operand.is_none() && io::stdin().is_terminal() {
            return Err(Error::failed("nothing to do: name a plan, or - for standard input (see --help)"));
        }
        let file = operand.filter(|file| *file != Path::new("-"));
        Ok(Self { file, name: file.map_or_else(|| "standard input".to_owned(), |file| file.display().to_string()) })
    }

    /// All that it says.
    ///
    /// # Errors
    /// If it cannot be read, or is no text.
    pub(crate) fn text(&self) -> Result<String> {
        let name = &self.name;
        match self.file {
            Some(file) => text_of(File::open(file).context(|| format!("open {name}"))?, name),
            None => text_of(io::stdin(), name),
        }
    }
}

fn text_of(from: impl Read, name: &str) -> Result<String> {
    let mut bytes = Vec::new();
    from.take(MAX + 1).read_to_end(&mut bytes).context(|| format!("read {name}"))?;
    if bytes.len() as u64 > MAX {
        return Err(Error::failed(format!("{name} is larger than {} MiB", MAX >> 20)));
    }
    String::from_utf8(bytes).map_err(|error| {
        let line = error.as_bytes()[..error.utf8_error().valid_up_to()].split(|byte| *byte == b'\n').count();
        Error::failed(format!("{name}:{line}: not valid UTF-8"))
    })
}
