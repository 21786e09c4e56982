//! Runs a filter in a child process, so that the program ends when the work is done even if one of its threads hangs.
//!
//! A container's root can serve a FUSE file system that never replies. A thread blocked there cannot be killed, and keeps
//! its process, and anyone waiting for it, from ending. So a child does the work. The parent opens nothing of a
//! container's, and ends whether the child does or not.

use std::io::{PipeReader, Read, Write, pipe};
use std::os::fd::AsFd;
use std::process::ExitCode;

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::prctl::set_pdeathsig;
use nix::sys::signal::Signal;
use nix::sys::wait::{WaitStatus, waitpid};
use nix::unistd::{Pid, getpid, getppid};

use crate::{Doing, Error, Result, Status, cli, proc, sys};

/// How long to wait for the child to exit after its work, in milliseconds. It normally takes some hundred microseconds.
const GRACE: u8 = 100;

/// Runs a filter in a child process, as [`cli::run`] does in this one, and returns when the work is done.
///
/// A child that hangs is left behind with all of its inherited descriptors closed, so that the next program of the pipe
/// reads end of file. If this process dies first, the child is killed.
pub fn run(program: &str, filter: impl FnOnce() -> Result<Status>) -> ExitCode {
    cli::run(program, || {
        proc::check()?;
        let (reader, writer) = pipe().doing(|| "make a pipe")?;
        let us = getpid();
        let child = sys::fork(|| {
            // If the parent died before the call to prctl, no signal will come.
            if set_pdeathsig(Signal::SIGKILL).is_err() || getppid() != us {
                return Status::Failed as i32;
            }
            let status = cli::outcome(program, filter);
            sys::close_standard();
            let _ = (&writer).write_all(&[status as u8]);
            // From here on a thread that was left behind may end the process: it closes what is closed already.
            sys::close_all_but(writer.as_fd());
            status as i32
        });
        let child = child.doing(|| "start a child")?;
        drop(writer);
        await_end(child, reader)
    })
}

/// Waits for the status that the child sends when its work is done, and then for the child, unless that hangs.
fn await_end(child: Pid, mut reader: PipeReader) -> Result<Status> {
    let mut status = [0];
    let done = reader.read_exact(&mut status).is_ok();
    // The child's end of the pipe is closed when the last of its threads has exited.
    let mut end = [PollFd::new(reader.as_fd(), PollFlags::POLLIN)];
    let hangs = done && poll(&mut end, PollTimeout::from(GRACE)) == Ok(0);
    if !hangs {
        let ended = waitpid(child, None).doing(|| "wait for our child")?;
        if !done {
            return Err(Error::failed(match ended {
                WaitStatus::Signaled(_, signal, _) => format!("our child was killed by {signal}"),
                _ => "our child exited without a status".to_owned(),
            }));
        }
    }
    Ok(match status {
        [0] => Status::Answered,
        [1] => Status::No,
        _ => Status::Failed,
    })
}
