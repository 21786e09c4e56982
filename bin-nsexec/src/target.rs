//! The target: the process whose namespaces are entered, and what it is called.

use std::fs::File;
use std::io::{IsTerminal, Read, StdinLock, stdin};

use nicon_core::filter::stream::{Line, Lines, MAX_LINE, RECORDS, parse_record};
use nicon_core::process::PidInode;
use nicon_core::{Context, Error, Process, Result};
use nix::errno::Errno;

use crate::cli::args::Args;
use crate::operand::{no_process, shown};

/// The longest name that a command is told, in bytes.
const MAX_NAME: usize = 4096;

/// A pinned process, with the path by which it was found.
pub(crate) struct Target {
    pub(crate) process: Process,
    /// The `target` of its record; without one, `pid:N`, which means the same to nicon-resolve.
    pub(crate) name: String,
}

/// Pins the target that the command line or, without one, the record on standard input names.
///
/// # Errors
/// Also if there are several records.
pub(crate) fn find(args: &Args) -> Result<Target> {
    if let Some(target) = args.target {
        return pin(target).map(Target::from);
    }
    if args.stdin {
        let line = first_line(args)?.ok_or_else(|| no_target(args))?;
        return named_in(&line);
    }
    if let Some(file) = &args.record {
        let open = File::open(file).context(|| format!("open {}", shown(file)))?;
        let target = only(Records::of(open), || Error::failed("no record"), || Error::failed("more than one record"));
        return target.map_err(|error| error.prefix(shown(file)));
    }
    only(
        Records::new(args)?,
        || no_target(args),
        || {
            Error::failed(
                "more than one record on standard input (--each runs the command for each; --stdin hands the rest to the command)",
            )
        },
    )
}

/// The only target of several records.
fn only(
    mut records: Records<impl Read>,
    none: impl FnOnce() -> Error,
    several: impl FnOnce() -> Error,
) -> Result<Target> {
    let target = records.next().ok_or_else(none)??;
    if records.next().is_none() { Ok(target) } else { Err(several()) }
}

fn pin(PidInode { pid, pidfs }: PidInode) -> Result<Process> {
    let process = Process::pin(pid)?;
    let Some(wanted) = pidfs else {
        return Ok(process);
    };
    match process.pidfs()? {
        Some(inode) if inode == wanted => Ok(process),
        Some(inode) => {
            Err(Error::no(format!("PID {pid} now belongs to another process (pidfs inode {inode}, not {wanted})")))
        }
        None => Err(Error::failed("this kernel gives pidfds no inode numbers (Linux 6.9)")),
    }
}

fn no_target(args: &Args) -> Error {
    if !args.uses_target() {
        return Error::failed(
            "no target: with --mount=FILE or --root=DIR the command would be limited to the user, capabilities and limits of a \
             process there (--target PID names it; --privileged gives the caller's)",
        );
    }
    let hint = args.misplaced_operand().map(|option| format!(" (did you mean {option}?)")).unwrap_or_default();
    Error::failed(format!("no target: give --target PID or pipe in a record{hint}"))
}

/// The process that a line of standard input names.
fn named_in(text: &str) -> Result<Target> {
    if let Ok(target) = text.trim().parse() {
        return pin(target).map(Target::from);
    }
    let record = parse_record(text, RECORDS)?;
    let mut target =
        no_process::explain(&record).map_or_else(|| Process::from_record(&record), Err).map(Target::from)?;
    let name = record.get("target").and_then(|name| name.as_str());
    if let Some(name) = name.filter(|name| name.len() <= MAX_NAME && !name.contains('\0')) {
        name.clone_into(&mut target.name);
    }
    Ok(target)
}

impl From<Process> for Target {
    fn from(process: Process) -> Self {
        Self { name: format!("pid:{}", process.pid()), process }
    }
}

/// The records of an input; nothing more after reading has failed.
pub(crate) struct Records<R>(Option<Lines<R>>);

impl Records<StdinLock<'static>> {
    /// Those on standard input.
    ///
    /// # Errors
    /// If it is a terminal.
    pub(crate) fn new(args: &Args) -> Result<Self> {
        refuse_terminal(args)?;
        Ok(Self::of(stdin().lock()))
    }
}

impl<R: Read> Records<R> {
    fn of(input: R) -> Self {
        Self(Some(Lines::new(input)))
    }
}

impl<R: Read> Iterator for Records<R> {
    /// The process that the next record names, pinned.
    type Item = Result<Target>;

    fn next(&mut self) -> Option<Result<Target>> {
        match self.0.as_mut()?.next()? {
            Ok(Line { number, text }) => {
                let target = text.and_then(|text| named_in(&text));
                Some(target.map_err(|error| error.prefix(format!("line {number}"))))
            }
            Err(error) => {
                self.0 = None;
                Some(Err(error))
            }
        }
    }
}

fn refuse_terminal(args: &Args) -> Result<()> {
    if stdin().is_terminal() { Err(no_target(args)) } else { Ok(()) }
}

/// Reads the first line of standard input and not a byte more: the rest is the command's.
fn first_line(args: &Args) -> Result<Option<String>> {
    refuse_terminal(args)?;
    let mut line = Vec::new();
    let mut byte = [0];
    loop {
        match nix::unistd::read(stdin(), &mut byte) {
            Ok(0) if line.is_empty() => return Ok(None),
            Ok(0) => break,
            Ok(_) if byte[0] == b'\n' => break,
            Ok(_) if line.len() < MAX_LINE => line.push(byte[0]),
            Ok(_) => return Err(Error::failed("the record is longer than 1 MiB")),
            Err(Errno::EINTR) => {}
            Err(errno) => return Err(Error::os("read standard input", errno)),
        }
    }
    String::from_utf8(line).map(Some).map_err(|_| Error::failed("the record is not valid UTF-8"))
}
