//! The target: the process whose namespaces are entered.

use std::io::IsTerminal;

use nicon_core::stream::MAX_LINE;
use nicon_core::{Error, Process, Record, Result};
use nix::errno::Errno;

use crate::args::{Args, TargetPid};

/// Pins the target that the command line or, without one, the record on standard input names.
pub(crate) fn find(args: &Args) -> Result<Process> {
    match args.target {
        Some(target) => pin(target),
        None => match next_record()? {
            Some(record) => record,
            None => Err(Error::failed("standard input ended before a record named the target")),
        },
    }
}

fn pin(TargetPid { pid, pidfs }: TargetPid) -> Result<Process> {
    let process = Process::pin(pid)?;
    let Some(wanted) = pidfs else {
        return Ok(process);
    };
    match process.pidfs()? {
        Some(inode) if inode == wanted => Ok(process),
        Some(inode) => Err(Error::no(format!("process {pid} is another by now: its pidfd has inode {inode}"))),
        None => Err(Error::failed("this kernel gives pidfds no inode numbers (Linux 6.9)")),
    }
}

/// Pins the target that the next record on standard input names. `None` is the end of the input, an error outside one of
/// reading it.
pub(crate) fn next_record() -> Result<Option<Result<Process>>> {
    if std::io::stdin().is_terminal() {
        return Err(Error::failed("no target: give --target PID, or pipe a record in (see --help)"));
    }
    loop {
        let Some(line) = read_line()? else {
            return Ok(None);
        };
        if line.len() > MAX_LINE {
            return Ok(Some(Err(Error::failed("the record is longer than 1 MiB"))));
        }
        match str::from_utf8(&line) {
            Ok(text) if text.trim().is_empty() => {}
            Ok(text) => return Ok(Some(Record::parse(text).and_then(|record| Process::from_record(&record)))),
            Err(_) => return Ok(Some(Err(Error::failed("the record is not valid UTF-8")))),
        }
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
