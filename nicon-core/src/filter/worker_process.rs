//! Goes on in a child process, so that the program ends when the work is done even if one of its threads hangs.
//!
//! A container's root can serve a FUSE file system that never replies. A thread blocked there cannot be killed, and keeps
//! its process, and anyone waiting for it, from ending. So before the first thread is started that may hang, a child takes
//! the work over. The parent, which has no such thread, ends whether the child does or not.

use std::io::{PipeReader, PipeWriter, Read, Write, pipe};
use std::os::fd::AsFd;
use std::process::ExitCode;
use std::sync::OnceLock;

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::prctl::set_pdeathsig;
use nix::sys::signal::Signal;
use nix::sys::wait::{WaitStatus, waitpid};
use nix::unistd::{Pid, getpid, getppid};

use super::cli;
use crate::sys::filter::{self as sys, Fork};
use crate::{Context, Error, Result, Status, proc};

/// How long to wait for the child to exit after its work, in milliseconds. It normally takes some hundred microseconds.
const GRACE: u8 = 100;

/// In the child: where its parent waits for its status.
static PARENT: OnceLock<PipeWriter> = OnceLock::new();

/// Runs a filter, as [`cli::run`] does, which may call [`start`].
pub fn run(program: &str, filter: impl FnOnce() -> Result<Status>) -> ExitCode {
    let status = cli::outcome(program, || {
        proc::check()?;
        filter()
    });
    if let Some(parent) = PARENT.get() {
        leave(parent, status);
    }
    status.into()
}

/// Goes on in a child process, unless this is one already. The caller's process waits, and ends with the child's status.
///
/// A child that hangs in the end is left behind with all of its descriptors closed, so that the next program of the pipe
/// reads end of file. If the parent dies first, the child is killed.
///
/// # Errors
/// If no child can be started, also since there is a second thread.
pub fn start(program: &str) -> Result<()> {
    if PARENT.get().is_some() {
        return Ok(());
    }
    let (reader, writer) = pipe().context(|| "make a pipe")?;
    let us = getpid();
    match sys::fork().context(|| "start a child")? {
        Fork::Parent(child) => {
            drop(writer);
            let status = cli::outcome(program, || await_end(child, reader));
            sys::exit(status as i32)
        }
        Fork::Child => {
            // If the parent died before the call to prctl, no signal will come.
            if set_pdeathsig(Signal::SIGKILL).is_err() || getppid() != us {
                sys::exit(Status::Failed as i32);
            }
            PARENT.get_or_init(|| writer);
            Ok(())
        }
    }
}

/// Ends the child, as far as that is possible.
fn leave(mut parent: &PipeWriter, status: Status) -> ! {
    sys::close_standard();
    let _ = parent.write_all(&[status as u8]);
    // From here on a thread that was left behind may end the process: it closes what is closed already.
    sys::close_all_but(parent.as_fd());
    sys::exit(status as i32)
}

/// Waits for the status that the child sends when its work is done, and then for the child, unless that hangs.
fn await_end(child: Pid, mut reader: PipeReader) -> Result<Status> {
    let mut status = [0];
    let done = reader.read_exact(&mut status).is_ok();
    // The child's end of the pipe is closed when the last of its threads has exited.
    let mut end = [PollFd::new(reader.as_fd(), PollFlags::POLLIN)];
    let hangs = done && poll(&mut end, PollTimeout::from(GRACE)) == Ok(0);
    if !hangs {
        let ended = waitpid(child, None).context(|| "wait for our child")?;
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
