//! A program that ends when its work is done, even where a thread of it cannot end.
//!
//! Whoever is root in a container may serve its file systems himself (FUSE), read a question and never answer it. The kernel
//! waits on, whatever signal comes, and the thread that asked keeps its process from ending: whoever waits for that process
//! waits as well. So the work is done in a child, and its parent, which asks nobody anything, ends with it or without it.

use std::io::{PipeReader, Read, Write, pipe};
use std::os::fd::AsFd;
use std::process::ExitCode;

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::prctl::set_pdeathsig;
use nix::sys::signal::Signal;
use nix::sys::wait::{WaitStatus, waitpid};
use nix::unistd::{Pid, getpid, getppid};

use crate::{Doing, Error, Result, Status, cli, proc, sys};

/// How long a child that has done its work is given to end, in milliseconds. That takes some hundred microseconds.
const GRACE: u8 = 100;

/// Runs a filter in a child of ours, as [`cli::run`] does in our own process, and ends when the work is done.
///
/// A child that cannot end is left behind, without any of the descriptors that we were given: what comes next in a pipe sees
/// its end. It is killed where we are.
pub fn run(program: &str, filter: impl FnOnce() -> Result<Status>) -> ExitCode {
    cli::run(program, || {
        proc::check()?;
        let (told, tell) = pipe().doing(|| "make a pipe")?;
        let us = getpid();
        let child = sys::fork(|| {
            // Where we have ended before it asked, nobody will tell it.
            if set_pdeathsig(Signal::SIGKILL).is_err() || getppid() != us {
                return Status::Failed as i32;
            }
            let status = cli::outcome(program, filter);
            sys::close_all_but(tell.as_fd());
            let _ = (&tell).write_all(&[status as u8]);
            status as i32
        });
        let child = child.doing(|| "start a child")?;
        drop(tell);
        await_end(child, told)
    })
}

/// Waits for the work, and then for the child, unless it hangs.
fn await_end(child: Pid, mut told: PipeReader) -> Result<Status> {
    let mut status = [0];
    let done = told.read_exact(&mut status).is_ok();
    // The child's end of the pipe is closed when the last of its threads has ended.
    let mut end = [PollFd::new(told.as_fd(), PollFlags::POLLIN)];
    let hangs = done && poll(&mut end, PollTimeout::from(GRACE)) == Ok(0);
    if !hangs {
        let ended = waitpid(child, None).doing(|| "wait for our child")?;
        if !done {
            return Err(Error::failed(match ended {
                WaitStatus::Signaled(_, signal, _) => format!("our child was ended by {signal}"),
                _ => "our child has ended too early".to_owned(),
            }));
        }
    }
    Ok(match status {
        [0] => Status::Answered,
        [1] => Status::No,
        _ => Status::Failed,
    })
}
