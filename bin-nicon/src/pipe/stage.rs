//! A pipe of programs: shown as a shell would take it, and run stage by stage.

use std::ffi::{OsStr, OsString};
use std::fmt;
use std::fs::File;
use std::io::{Seek, Write};
use std::iter;
use std::process::{Command, ExitStatus, Stdio};

use nicon_core::{Context, Result};
use nix::sys::memfd::{MFdFlags, memfd_create};

use crate::pipe::programs::{beside, run};

/// A program of a pipe, without `nicon-`, and its arguments.
pub(crate) struct Stage {
    program: &'static str,
    pub(crate) arguments: Vec<OsString>,
}

impl Stage {
    /// A program without arguments.
    pub(crate) fn new(program: &'static str) -> Self {
        Self { program, arguments: Vec::new() }
    }

    /// Adds arguments.
    pub(crate) fn with<I: Into<OsString>>(mut self, arguments: impl IntoIterator<Item = I>) -> Self {
        self.arguments.extend(arguments.into_iter().map(Into::into));
        self
    }

    /// Its arguments as a shell takes them, each after a space.
    pub(crate) fn words(&self) -> String {
        let words = self.arguments.iter().map(|argument| quoted(argument));
        iter::once(String::new()).chain(words).collect::<Vec<_>>().join(" ")
    }

    /// The command that runs it.
    ///
    /// # Errors
    /// As [`beside`].
    pub(crate) fn command(&self) -> Result<Command> {
        let mut command = Command::new(beside(self.program)?);
        command.args(&self.arguments);
        Ok(command)
    }

    /// Runs it to its end, and keeps what it prints. What has failed then is not handed on half.
    ///
    /// # Errors
    /// If it cannot be run.
    pub(crate) fn output(&self, input: Stdio) -> Result<(ExitStatus, File)> {
        let kept = memfd_create(c"nicon", MFdFlags::MFD_CLOEXEC).context(|| "keep records in memory")?;
        let mut kept = File::from(kept);
        let output = kept.try_clone().context(|| "keep records in memory")?;
        let status = run(self.command()?.stdin(input).stdout(output))?;
        kept.rewind().context(|| "read records")?;
        Ok((status, kept))
    }
}

impl fmt::Display for Stage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "nicon-{}{}", self.program, self.words())
    }
}

/// nicon-resolve, with options and what it is to find.
pub(crate) fn resolve(options: Option<&OsStr>, paths: Vec<OsString>) -> Stage {
    // A name may begin as an option does.
    let ends_options = paths.iter().any(|path| path.as_encoded_bytes().starts_with(b"-")).then_some("--");
    Stage::new("resolve").with(options).with(ends_options).with(paths)
}

/// A word as a shell takes it.
pub(crate) fn quoted(word: &OsStr) -> String {
    let text = word.to_string_lossy();
    let is_plain = |letter: char| letter.is_ascii_alphanumeric() || "_-./:,=+@%".contains(letter);
    if !text.is_empty() && text.chars().all(is_plain) {
        text.into_owned()
    } else {
        format!("'{}'", text.replace('\'', r"'\''"))
    }
}

/// Shows a pipe on standard error.
pub(crate) fn show(pipe: &str) {
    // Whoever has closed it does not want to see it.
    let _ = writeln!(std::io::stderr(), "{pipe}");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stages_are_shown_as_a_shell_takes_them() {
        let stage = Stage::new("resolve").with(["a.*", "it's", "", "--wait=5", "pod:front/web"]);
        assert_eq!(stage.to_string(), r"nicon-resolve 'a.*' 'it'\''s' '' --wait=5 pod:front/web");
    }
}
