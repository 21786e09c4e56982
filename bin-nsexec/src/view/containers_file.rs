//! Reads a small file of a container, where anything may be, and which may never answer.

use std::fs::File;
use std::io::{PipeReader, Read, Write, pipe};
use std::os::fd::{AsFd, BorrowedFd};
use std::path::Path;
use std::time::{Duration, Instant};

use nicon_core::file::{FileInfo, open_below, read_at_most};
use nicon_core::{Context, Error, Result};
use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::prctl;
use nix::sys::signal::{Signal, kill};
use nix::sys::wait::waitpid;
use nix::unistd::{ForkResult, close};

use crate::sys;

/// The most that is read, in bytes.
const MAX_LENGTH: u64 = 1 << 20;

/// How long the container's file system may take to answer.
const PATIENCE: Duration = Duration::from_secs(5);

/// What a reader sends first.
const CONTENT: u8 = b'c';
const ABSENT: u8 = b'a';
const FAILURE: u8 = b'f';

/// The content of the file at `path` below the root directory of a container; `None` if it has none.
///
/// A process of its own reads it. If a file system keeps that from answering, and even from ending, it is left behind, with nothing open
/// that anyone could wait for.
///
/// # Errors
/// If it is no regular file, longer than 1 MiB, leads nowhere, or is not read within five seconds.
pub(super) fn read(root: BorrowedFd<'_>, path: &str) -> Result<Option<Vec<u8>>> {
    let what = || format!("read the container's {path}");
    let (reader, writer) = pipe().context(what)?;
    match sys::fork().context(|| "start a child")? {
        ForkResult::Child => {
            // Whoever waits for the end of our output is not to wait for this process.
            for place in 0..=2 {
                let _ = close(place);
            }
            let _ = prctl::set_pdeathsig(Signal::SIGKILL);
            let kept = [root, writer.as_fd()];
            if sys::close_all_but(kept).is_ok() {
                let _ = File::from(std::os::fd::OwnedFd::from(writer)).write_all(&answer(root, path));
            }
            sys::exit(0)
        }
        ForkResult::Parent { child } => {
            drop(writer);
            let answer = hear(reader);
            let _ = kill(child, Signal::SIGKILL);
            let answer = answer.context(what)?.ok_or_else(|| {
                let patience = PATIENCE.as_secs();
                Error::failed(format!("{}: its file system has not answered for {patience} seconds", what()))
            })?;
            // Where SIGCHLD is ignored there is nobody to wait for.
            let _ = waitpid(child, None);
            match answer.split_first() {
                Some((&CONTENT, content)) => Ok(Some(content.to_vec())),
                Some((&ABSENT, _)) => Ok(None),
                Some((_, cause)) => Err(Error::failed(format!("{}: {}", what(), String::from_utf8_lossy(cause)))),
                None => Err(Error::failed(format!("{}: the process that reads it was ended", what()))),
            }
        }
    }
}

/// What the reader has to say, whole; `None` if it takes too long.
fn hear(mut reader: PipeReader) -> std::io::Result<Option<Vec<u8>>> {
    let (give_up, mut heard, mut bytes) = (Instant::now() + PATIENCE, Vec::new(), [0; 8192]);
    loop {
        let left = give_up.saturating_duration_since(Instant::now());
        let left = u16::try_from(left.as_millis()).unwrap_or(u16::MAX);
        match poll(&mut [PollFd::new(reader.as_fd(), PollFlags::POLLIN)], PollTimeout::from(left)) {
            Ok(0) => return Ok(None),
            Err(Errno::EINTR) => continue,
            polled => polled?,
        };
        match reader.read(&mut bytes)? {
            0 => return Ok(Some(heard)),
            length => heard.extend_from_slice(&bytes[..length]),
        }
    }
}

/// What the reader says.
fn answer(root: BorrowedFd<'_>, path: &str) -> Vec<u8> {
    let (kind, text) = match content(root, path) {
        Ok(Some(content)) => (CONTENT, content),
        Ok(None) => (ABSENT, Vec::new()),
        Err(error) => (FAILURE, error.to_string().into_bytes()),
    };
    [&[kind], text.as_slice()].concat()
}

fn content(root: BorrowedFd<'_>, path: &str) -> Result<Option<Vec<u8>>> {
    let open = |flags: i32| open_below(root, Path::new(path), flags);
    // To open anything else can do something, or wait for it.
    let found = match open(libc::O_PATH) {
        Err(error) if matches!(error.raw_os_error(), Some(libc::ENOENT | libc::ENOTDIR)) => return Ok(None),
        found => found.context(|| "open")?,
    };
    let info = FileInfo::of(&found).context(|| "look at it")?;
    if !info.is_file() {
        return Err(Error::failed("it is not a regular file"));
    }
    let file = File::from(open(libc::O_RDONLY | libc::O_NONBLOCK | libc::O_NOCTTY).context(|| "open")?);
    if FileInfo::of(&file).context(|| "look at it")? != info {
        return Err(Error::failed("it changes at this moment"));
    }
    let bytes = read_at_most(file, MAX_LENGTH).context(|| "read")?;
    bytes.map(Some).ok_or_else(|| Error::failed("it is longer than 1 MiB"))
}
