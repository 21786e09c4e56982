//! Waiting: for files that can be read from, for a time, and for the reader of standard output to leave.

use std::io;
use std::os::fd::{AsFd, BorrowedFd};
use std::time::Duration;

use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, ppoll};
use nix::sys::time::TimeSpec;

use super::output::reader_has_left;
use crate::{Context, Result};

/// Waits until one of some files can be read from, has ended, or the time is over; without a limit for as long as it takes. Tells
/// which of the files it is.
///
/// # Errors
/// [`ErrorKind::OutputClosed`](crate::ErrorKind::OutputClosed) once the reader of standard output has left: a program that has
/// nothing to write would not notice.
pub fn wait(files: &[BorrowedFd<'_>], limit: Option<Duration>) -> Result<Vec<bool>> {
    let stdout = io::stdout();
    let mut polled: Vec<PollFd> = files.iter().map(|file| PollFd::new(*file, PollFlags::POLLIN)).collect();
    polled.push(PollFd::new(stdout.as_fd(), PollFlags::empty()));
    match ppoll(&mut polled, limit.map(TimeSpec::from_duration), None) {
        Err(Errno::EINTR) => return Ok(vec![false; files.len()]),
        ended => ended.context(|| "wait")?,
    };
    let mut ready: Vec<bool> = polled.iter().map(|file| file.any() == Some(true)).collect();
    if ready.pop() == Some(true) {
        return Err(reader_has_left());
    }
    Ok(ready)
}
