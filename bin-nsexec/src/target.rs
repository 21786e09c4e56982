//! The target: the process whose namespaces are entered.

use std::io::IsTerminal;

use nicon_core::filter::stream::{MAX_LINE, parse_record};
use nicon_core::process::PidInode;
use nicon_core::{Error, Process, Result};
use nix::errno::Errno;

use crate::args::Args;
use crate::no_process;

/// Pins the target that the command line or, without one, the record on standard input names.
pub(crate) fn find(args: &Args) -> Result<Process> {
    if let Some(target) = args.target {
        return pin(target);
    }
    let mut records = Records::new(args);
    let record = records.next()?.ok_or_else(|| no_target(args))?;
    record.map_err(|error| records.locate(error))
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

/// The records on standard input.
pub(crate) struct Records<'a> {
    args: &'a Args,
    /// The number of the line that was read last, from 1.
    line: u64,
}

impl<'a> Records<'a> {
    pub(crate) fn new(args: &'a Args) -> Self {
        Self { args, line: 0 }
    }

    /// Pins the target that the next record names; `None` at the end of the input.
    ///
    /// # Errors
    /// If standard input is a terminal, or reading fails. The inner error is about this record only.
    pub(crate) fn next(&mut self) -> Result<Option<Result<Process>>> {
        if std::io::stdin().is_terminal() {
            return Err(no_target(self.args));
        }
        while let Some(line) = read_line()? {
            self.line += 1;
            if line.len() > MAX_LINE {
                return Ok(Some(Err(Error::failed("the record is longer than 1 MiB"))));
            }
            match str::from_utf8(&line) {
                Ok(text) if text.trim().is_empty() => {}
                Ok(text) => {
                    let record = parse_record(text, "nicon-resolve prints one for each container");
                    let pin = |record| no_process::explain(&record).map_or_else(|| Process::from_record(&record), Err);
                    return Ok(Some(record.and_then(pin)));
                }
                Err(_) => return Ok(Some(Err(Error::failed("the record is not valid UTF-8")))),
            }
        }
        Ok(None)
    }

    /// An error that is about the record of this line.
    pub(crate) fn locate(&self, error: Error) -> Error {
        error.prefix(format!("line {}", self.line))
    }
}

/// Reads one line of standard input and not a byte more: the rest is the command's. Of a line that is too long, little
/// more than the longest allowed is kept.
fn read_line() -> Result<Option<Vec<u8>>> {
    let mut line = Vec::new();
    let mut byte = [0];
    loop {
        match nix::unistd::read(std::io::stdin(), &mut byte) {
            Ok(0) if line.is_empty() => return Ok(None),
            Ok(0) => return Ok(Some(line)),
            Ok(_) if byte[0] == b'\n' => return Ok(Some(line)),
            Ok(_) if line.len() <= MAX_LINE => line.push(byte[0]),
            Ok(_) | Err(Errno::EINTR) => {}
            Err(errno) => return Err(Error::os("read standard input", errno)),
        }
    }
}
