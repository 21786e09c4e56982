//! Waiting: for files that can be read from, for a time, and for the reader of standard output to leave.

use std::io;
use std::os::fd::{AsFd, BorrowedFd};
use std::time::Duration;

use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, ppoll};
use nix::sys::time::TimeSpec;

use super::output::reader_has_left;
use crate::{Context, Result};

/// How long the kernel is asked to wait at most: longer than any run.
const LONGEST: Duration = Duration::from_secs(1 << 31);

/// Waits until one of some files can be read from, has ended, or the time is over; without a limit for as long as it takes. Tells
/// which of the files it is.
///
/// # Errors
/// [`ErrorKind::OutputClosed`](crate::ErrorKind::OutputClosed) once the reader of standard output has left: a program that has
/// nothing to write would not notice.
pub fn wait(files: &[BorrowedFd<'_>], limit: Option<Duration>) -> Result<Vec<bool>> {
    let stdout = io::stdout();
    let mut polled = to_read(files);
    polled.push(PollFd::new(stdout.as_fd(), PollFlags::empty()));
    let mut ready = match poll(polled, limit) {
        Err(Errno::EINTR) => return Ok(vec![false; files.len()]),
        ready => ready.context(|| "wait")?,
    };
    if ready.pop() == Some(true) {
        return Err(reader_has_left());
    }
    Ok(ready)
}

/// The same, whether or not the reader of standard output is there.
pub(super) fn wait_for_input(files: &[BorrowedFd<'_>], limit: Option<Duration>) -> io::Result<Vec<bool>> {
    Ok(poll(to_read(files), limit)?)
}

fn to_read<'a>(files: &[BorrowedFd<'a>]) -> Vec<PollFd<'a>> {
    files.iter().map(|file| PollFd::new(*file, PollFlags::POLLIN)).collect()
}

/// Which of them have something to report.
fn poll(mut polled: Vec<PollFd<'_>>, limit: Option<Duration>) -> nix::Result<Vec<bool>> {
    ppoll(&mut polled, limit.map(|limit| TimeSpec::from_duration(limit.min(LONGEST))), None)?;
    Ok(polled.iter().map(|file| file.any() == Some(true)).collect())
}
