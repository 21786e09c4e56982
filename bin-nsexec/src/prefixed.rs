//! `--prefix`: what the command writes, each line with the name of its target.
//!
//! ```text
//! command ── two pipes ── prefixer ── standard output and standard error
//! ```
//!
//! The prefixer is a process of ours in the caller's namespaces. A line is written whole, by nobody else, so that no two are mixed.

mod lines;

use std::fs::File;
use std::io::{ErrorKind, PipeReader, PipeWriter, Read, Write, pipe};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use nicon_core::{Context, Result, text};
use nix::errno::Errno;
use nix::fcntl::{FcntlArg, OFlag, fcntl};
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::wait::{WaitStatus, waitpid};
use nix::unistd::{ForkResult, Pid};

use crate::failure::fail;
use crate::sys;
use crate::sys::signal::SignalSet;
use lines::Lines;

/// How many bytes are read at once.
const AT_ONCE: usize = 1 << 13;

/// The command's output goes through a prefixer as long as this lives.
pub(crate) struct Prefixed {
    /// Our standard output and error.
    callers: [OwnedFd; 2],
    prefixer: Pid,
    /// Its end tells the prefixer that the command has ended.
    running: PipeWriter,
}

impl Prefixed {
    /// Has what is written to standard output and error from now on prefixed with a name. The control characters in it are escaped.
    pub(crate) fn start(name: &str) -> Result<Self> {
        let what = || "put prefixes before the output";
        let keep = |fd: BorrowedFd<'_>| fd.try_clone_to_owned().context(what);
        let callers = [keep(std::io::stdout().as_fd())?, keep(std::io::stderr().as_fd())?];
        let (output, to_output) = pipe().context(what)?;
        let (errors, to_errors) = pipe().context(what)?;
        let (ended, running) = pipe().context(what)?;
        match sys::fork().context(|| "start a child")? {
            ForkResult::Child => {
                drop((to_output, to_errors, running));
                let status =
                    put_before(name, [output, errors], &ended, callers).map_or_else(|error| fail(&error), |()| 0);
                sys::exit(status)
            }
            ForkResult::Parent { child } => {
                let prefixed = Self { callers, prefixer: child, running };
                for (end, place) in [(to_output, 1), (to_errors, 2)] {
                    sys::put_at(end, place).context(what)?;
                }
                Ok(prefixed)
            }
        }
    }

    /// Gives us our output back, when all that the command has written by now is shown. Returns whether it was: if not, the prefixer
    /// has said why.
    pub(crate) fn end(self) -> Result<bool> {
        for (callers, place) in self.callers.iter().zip(1..) {
            sys::put_at(callers, place).context(|| "take the output back")?;
        }
        drop(self.running);
        loop {
            match waitpid(self.prefixer, None) {
                Err(Errno::EINTR) => {}
                ended => return Ok(matches!(ended, Ok(WaitStatus::Exited(_, 0)) | Err(Errno::ECHILD))),
            }
        }
    }
}

/// The prefixer. It ends with the command, or with us, and not by a signal that is meant for these.
fn put_before(name: &str, from: [PipeReader; 2], ended: &PipeReader, to: [OwnedFd; 2]) -> Result<()> {
    sys::signal::block(SignalSet::ALL).context(|| "block signals")?;
    let [output, errors] = &to;
    sys::close_all_but([from[0].as_fd(), from[1].as_fd(), ended.as_fd(), output.as_fd(), errors.as_fd()])
        .context(|| "close our descriptors")?;
    let prefix = format!("{}\t", text::escape(name)).into_bytes();
    let mut streams = Vec::new();
    for (from, to) in from.into_iter().zip(to) {
        fcntl(&from, FcntlArg::F_SETFL(OFlag::O_NONBLOCK)).context(|| "read the output of the command")?;
        streams.push(Stream { from: Some(from), to: File::from(to), lines: Lines::new(&prefix) });
    }
    let mut has_ended = false;
    while !has_ended && streams.iter().any(|stream| stream.from.is_some()) {
        let mut events = vec![PollFd::new(ended.as_fd(), PollFlags::POLLIN)];
        events.extend(
            streams
                .iter()
                .filter_map(|stream| stream.from.as_ref())
                .map(|from| PollFd::new(from.as_fd(), PollFlags::POLLIN)),
        );
        match poll(&mut events, PollTimeout::NONE) {
            Err(Errno::EINTR) => continue,
            polled => polled.context(|| "wait for the output of the command")?,
        };
        // After the command has ended, read at most what a pipe holds: a process it left behind may go on writing.
        has_ended = events[0].any() == Some(true);
        streams
            .iter_mut()
            .try_for_each(|stream| stream.pass_on(if has_ended { stream.capacity() } else { AT_ONCE }))?;
    }
    streams.iter_mut().try_for_each(Stream::finish)
}

/// One of the command's two outputs.
struct Stream {
    /// `None` when all who could write have closed it.
    from: Option<PipeReader>,
    to: File,
    lines: Lines,
}

impl Stream {
    /// Writes the lines that are there, as far as they are among the next `most` bytes.
    fn pass_on(&mut self, mut most: usize) -> Result<()> {
        let mut bytes = [0; AT_ONCE];
        while let Some(from) = self.from.as_mut().filter(|_| most > 0) {
            match from.read(&mut bytes[..most.min(AT_ONCE)]) {
                Ok(0) => self.from = None,
                Ok(length) => {
                    most -= length;
                    let prefixed = self.lines.add(&bytes[..length]);
                    self.write(&prefixed)?;
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(()),
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(error).context(|| "read the output of the command"),
            }
        }
        Ok(())
    }

    /// How many bytes can be waiting to be read.
    fn capacity(&self) -> usize {
        let held = self.from.as_ref().map(|from| fcntl(from, FcntlArg::F_GETPIPE_SZ));
        held.and_then(nix::Result::ok).and_then(|size| usize::try_from(size).ok()).unwrap_or(AT_ONCE)
    }

    fn finish(&mut self) -> Result<()> {
        let last = self.lines.end();
        self.write(&last)
    }

    /// If nobody reads it any more, the command learns of it when it writes next.
    fn write(&mut self, prefixed: &[u8]) -> Result<()> {
        match self.to.write_all(prefixed) {
            Err(error) if error.kind() == ErrorKind::BrokenPipe => {
                self.from = None;
                Ok(())
            }
            written => written.context(|| "write the output of the command"),
        }
    }
}
