//! Standard input of the command, and where it is to find a terminal.

use std::fs::File;

use nicon_core::{Context, Result};
use nix::fcntl::{OFlag, open};
use nix::sys::stat::Mode;

use crate::sys;

/// Session, terminal and input of a command.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Stdio {
    /// The container's processes may get at its terminal: it gets one of its own, in a session of its own, so that it cannot
    /// inject input into the caller's.
    pub(crate) is_contained: bool,
    /// It shares the caller's terminal all the same.
    pub(crate) is_shared: bool,
    pub(crate) input: Input,
}

/// What the command reads.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Input {
    /// Standard input, or the rest of it.
    Callers,
    /// The caller's terminal, or nothing if there is none: standard input holds records.
    Terminal,
    /// Nothing.
    Nothing,
}

impl Input {
    /// Puts it in the place of standard input, where no terminal of the command's own takes that place.
    pub(crate) fn connect(self) -> Result<()> {
        let terminal = || open_file("/dev/tty", OFlag::O_RDWR | OFlag::O_NOCTTY).ok();
        let file = match self {
            Self::Callers => return Ok(()),
            Self::Terminal => terminal(),
            Self::Nothing => None,
        };
        let file = file.map_or_else(|| open_file("/dev/null", OFlag::O_RDONLY), Ok).context(|| "open /dev/null")?;
        sys::put_at(file, 0).context(|| "connect standard input")
    }
}

fn open_file(path: &str, flags: OFlag) -> nix::Result<File> {
    open(path, flags | OFlag::O_CLOEXEC, Mode::empty()).map(File::from)
}
