//! The command: finding it, and becoming it.

use std::env;
use std::ffi::{CString, OsStr, OsString};
use std::fs::File;
use std::io::Read;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::Path;

use nicon_core::{Context, Error, Process, Result};
use nix::errno::Errno;
use nix::fcntl::{OFlag, openat};
use nix::sys::stat::Mode;
use nix::unistd::execve;

use crate::cli::args::{Args, shown};
use crate::cli::variable::Variable;
use crate::privileges::looking;
use crate::target::Target;
use crate::{sys, view};

/// Where programs are looked for without a `PATH`, as glibc does.
const DEFAULT_PATH: &[u8] = b"/bin:/usr/bin";

/// The `PATH` of a cleared environment.
const CLEAR_PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/// The most that an environment may have, in bytes: three quarters of 8 MiB; see `execve(2)` on the limits of arguments.
const MAX_ENVIRONMENT: u64 = 6 << 20;

/// A command with its arguments and environment.
pub(crate) struct Command {
    program: OsString,
    arguments: Vec<CString>,
    environment: Vec<CString>,
    /// What was meant instead, if the command looks like the operand of an option.
    hint: Option<String>,
}

impl Command {
    /// What the command line asks for, or the user's shell.
    pub(crate) fn new(args: &Args, target: Option<&Target>) -> Result<Self> {
        let environment = environment(args, target)?;
        let (program, arguments) = if let Some(program) = args.command.first() {
            (program.clone(), c_strings(args.command.iter().cloned())?)
        } else {
            let shell = variable(&environment, b"SHELL").filter(|shell| !shell.is_empty()).unwrap_or(b"/bin/sh");
            let shell = OsStr::from_bytes(shell);
            // A leading hyphen makes it a login shell.
            let mut name = OsString::from("-");
            name.push(Path::new(shell).file_name().unwrap_or(shell));
            (shell.to_owned(), c_strings([name])?)
        };
        Ok(Self { program, arguments, environment, hint: args.misplaced_operand() })
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

    /// A file that the kernel cannot execute but that may be is a script of the shell, as `execvp(3)` has it.
    fn exec_script(&self, path: &CString) -> Errno {
        let words = [c"/bin/sh".to_owned(), path.clone()];
        let arguments: Vec<CString> = words.into_iter().chain(self.arguments.iter().skip(1).cloned()).collect();
        let Err(errno) = execve(c"/bin/sh", &arguments, &self.environment);
        if errno == Errno::ENOENT { Errno::ENOEXEC } else { errno }
    }
}

fn environment(args: &Args, target: Option<&Target>) -> Result<Vec<CString>> {
    let mut environment: Vec<OsString> = match target {
        Some(target) if args.env => {
            let bytes = environment_of(&target.process)?;
            let strings = bytes.split(|byte| *byte == 0).filter(|string| !string.is_empty());
            strings.map(|string| OsString::from_vec(string.to_vec())).collect()
        }
        _ if args.keeps_environment() => {
            sys::environment().into_iter().map(|string| OsString::from_vec(string.into_bytes())).collect()
        }
        _ => {
            let term = env::var_os("TERM").map(|term| OsString::from_vec([b"TERM=", term.as_bytes()].concat()));
            term.into_iter().chain([format!("PATH={CLEAR_PATH}").into()]).collect()
        }
    };
    if let Some(target) = target {
        Variable::new("NICON_TARGET", &target.name).put(&mut environment);
        if args.view {
            Variable::new("NICON_ROOT", view::ROOT).put(&mut environment);
        }
    }
    args.set.iter().for_each(|variable| variable.put(&mut environment));
    c_strings(environment)
}

/// Reads /proc/PID/environ. The kernel skips memory that is backed by a file (`FOLL_ANON`, Linux 4.17), so that a container's
/// file system cannot block us; but a process may claim any part of its memory to be its environment.
fn environment_of(target: &Process) -> Result<Vec<u8>> {
    let path = format!("/proc/{}/environ", target.pid());
    let opened = openat(target.dir(), "environ", OFlag::O_RDONLY | OFlag::O_CLOEXEC, Mode::empty());
    let file = File::from(looking(opened, || format!("open {path}"))?);
    let mut bytes = Vec::new();
    let length = file.take(MAX_ENVIRONMENT + 1).read_to_end(&mut bytes).context(|| format!("read {path}"))?;
    if length as u64 > MAX_ENVIRONMENT {
        return Err(Error::failed(format!("read {path}: longer than the {MAX_ENVIRONMENT} bytes that an exec takes")));
    }
    Ok(bytes)
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
