//! The command: finding it, and becoming it.

use std::ffi::{CString, OsStr, OsString};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::Path;

use nicon_core::{Error, Result};
use nix::errno::Errno;
use nix::unistd::execve;

use crate::operand::shown;

/// Where programs are looked for without a `PATH`, as glibc does.
const DEFAULT_PATH: &[u8] = b"/bin:/usr/bin";

/// A command with its arguments and environment.
pub(crate) struct Command {
    program: OsString,
    arguments: Vec<CString>,
    environment: Vec<CString>,
    /// What was meant instead, if the command looks like the operand of an option.
    hint: Option<String>,
}

impl Command {
    /// These words, or without any the shell that the environment names. `hint` is an option that was meant instead, if the first word
    /// looks like its operand.
    pub(crate) fn new(words: &[OsString], environment: Vec<OsString>, hint: Option<String>) -> Result<Self> {
        let environment = c_strings(environment)?;
        let (program, arguments) = if let Some(program) = words.first() {
            (program.clone(), c_strings(words.iter().cloned())?)
        } else {
            let shell = variable(&environment, b"SHELL").filter(|shell| !shell.is_empty()).unwrap_or(b"/bin/sh");
            let shell = OsStr::from_bytes(shell);
            // A leading hyphen makes it a login shell.
            let mut name = OsString::from("-");
            name.push(Path::new(shell).file_name().unwrap_or(shell));
            (shell.to_owned(), c_strings([name])?)
        };
        Ok(Self { program, arguments, environment, hint })
    }

    /// Becomes the command; returns the exit status and the reason if that fails.
    pub(crate) fn exec(&self) -> (u8, Error) {
        let cause = self.try_exec();
        let status = if cause == Errno::ENOENT { 127 } else { 126 };
        (status, Error::os(self.what(), cause))
    }

    /// What is being done when it is executed, for messages.
    pub(crate) fn what(&self) -> String {
        let program = if self.program.is_empty() { "\"\"".into() } else { shown(&self.program).to_string() };
        let hint = self.hint.as_ref().map(|option| format!(" (did you mean {option}?)")).unwrap_or_default();
        format!("run {program}{hint}")
    }

    /// Its arguments, the name first.
    pub(crate) fn arguments(&self) -> &[CString] {
        &self.arguments
    }

    /// Its environment.
    pub(crate) fn environment(&self) -> &[CString] {
        &self.environment
    }

    fn try_exec(&self) -> Errno {
        let mut cause = Errno::ENOENT;
        for path in self.candidates() {
            let Ok(path) = CString::new(path.into_vec()) else { continue };
            let Err(errno) = execve(&path, &self.arguments, &self.environment);
            match errno {
                // Reported if no later candidate can be executed.
                Errno::EACCES => cause = errno,
                Errno::ENOENT | Errno::ENOTDIR => {}
                Errno::ENOEXEC => return self.exec_script(&path),
                _ => return errno,
            }
        }
        cause
    }

    /// The paths to try, in turn; none is empty.
    pub(crate) fn candidates(&self) -> Vec<OsString> {
        let program = self.program.as_bytes();
        if program.is_empty() {
            return Vec::new();
        }
        if program.contains(&b'/') {
            return vec![self.program.clone()];
        }
        let path = variable(&self.environment, b"PATH").unwrap_or(DEFAULT_PATH);
        let directories = path.split(|byte| *byte == b':');
        directories
            // An empty entry is the working directory.
            .map(|directory| if directory.is_empty() { &b"."[..] } else { directory })
            .map(|directory| OsString::from_vec([directory, b"/", program].concat()))
            .collect()
    }

    /// Has the shell run a file that may be executed, but whose format the kernel does not know, as `execvp(3)` does.
    fn exec_script(&self, path: &CString) -> Errno {
        let words = [c"/bin/sh".to_owned(), path.clone()];
        let arguments: Vec<CString> = words.into_iter().chain(self.arguments.iter().skip(1).cloned()).collect();
        let Err(errno) = execve(c"/bin/sh", &arguments, &self.environment);
        if errno == Errno::ENOENT { Errno::ENOEXEC } else { errno }
    }
}

fn variable<'a>(environment: &'a [CString], name: &[u8]) -> Option<&'a [u8]> {
    environment.iter().find_map(|string| string.to_bytes().strip_prefix(name)?.strip_prefix(b"="))
}

/// Strings as the kernel takes them.
pub(crate) fn c_strings(strings: impl IntoIterator<Item = OsString>) -> Result<Vec<CString>> {
    let convert = |string: OsString| {
        CString::new(string.into_vec()).map_err(|_| Error::failed("an argument has a NUL byte in it"))
    };
    strings.into_iter().map(convert).collect()
}
