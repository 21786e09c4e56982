//! A stream from an engine that limits how much is read, and takes note of who wrote it.

use std::io;
use std::pin::Pin;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, ready};

use nicon_core::peer::{self, Credentials};
use nicon_core::{Process, Result};
use nix::libc;
use tokio::io::{AsyncRead, AsyncWrite, Interest, ReadBuf};
use tokio::net::UnixStream;
use tokio::sync::Notify;

/// The most that is read as a list, in bytes: a container usually takes 2 KiB. No more than one of them is kept as it is written.
pub(crate) const MAX_LIST: usize = 128 << 20;

/// The most that is read about one container, in bytes: some 10 KiB are usual. Bollard's model of a hostile answer
/// takes a hundred times as much memory.
pub(crate) const MAX_CONTAINER: usize = 512 << 10;

/// The value of `budget` after more was read than allowed.
const EXCEEDED: usize = usize::MAX;

/// As how many users one process may answer.
const MOST_USERS: usize = 8;

/// The process that writes to a stream.
struct Writer {
    pid: i32,
    /// `None` once it was taken.
    process: Option<Result<Process>>,
    /// The real user IDs that it had so far when it wrote.
    uids: Vec<u32>,
}

/// The limit of a stream, and what was observed on it.
#[derive(Default)]
pub(crate) struct Seen {
    /// How many bytes are left for the current answer.
    budget: AtomicUsize,
    writer: Mutex<Option<Writer>>,
    /// Notified when something was written to the engine.
    asked: Notify,
}

impl Seen {
    /// Starts another answer, of no more than `most` bytes.
    pub(crate) fn begin_answer(&self, most: usize) {
        self.budget.store(most, Ordering::Relaxed);
    }

    /// Waits until something was written to the engine.
    pub(crate) async fn asked(&self) {
        self.asked.notified().await;
    }

    /// Whether the engine wrote more than allowed.
    pub(crate) fn overflow(&self) -> bool {
        self.budget.load(Ordering::Relaxed) == EXCEEDED
    }

    /// The process that writes the answers, pinned as well as possible; `None` before the first one, and if it was taken already.
    pub(crate) fn take_writer(&self) -> Option<Result<Process>> {
        self.writer().as_mut()?.process.take()
    }

    /// The users as whom it wrote what was read so far.
    pub(crate) fn wrote_as(&self) -> Vec<u32> {
        self.writer().as_ref().map(|writer| writer.uids.clone()).unwrap_or_default()
    }

    /// Takes note of who writes what is read next; a process that was not known is pinned.
    fn note(&self, who: Credentials, pin: impl FnOnce() -> Result<Process>) -> io::Result<()> {
        let mut writer = self.writer();
        let new = || Writer { pid: who.pid, process: Some(pin()), uids: Vec::new() };
        let Writer { pid, uids, .. } = writer.get_or_insert_with(new);
        if *pid != who.pid {
            return Err(io::Error::other("several processes write it"));
        }
        if !uids.contains(&who.uid) {
            uids.push(who.uid);
        }
        if uids.len() > MOST_USERS { Err(io::Error::other("its writer is too many users")) } else { Ok(()) }
    }

    fn writer(&self) -> MutexGuard<'_, Option<Writer>> {
        self.writer.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A stream that fails once too much has been read from it.
pub(crate) struct Stream {
    inner: UnixStream,
    seen: Arc<Seen>,
}

impl Stream {
    pub(crate) fn new(stream: UnixStream, seen: Arc<Seen>) -> Self {
        Self { inner: stream, seen }
    }

    /// Reads what one process wrote as one user, of whom it takes note.
    ///
    /// Not by tokio's `poll_read`, which takes it that there is nothing more behind a read that does not fill the buffer: where the writer
    /// changes, there is.
    fn try_read(&self, buffer: &mut [u8]) -> io::Result<usize> {
        let who = self.inner.try_io(Interest::READABLE, || peer::who_writes(&self.inner));
        match who {
            Ok(Some(who)) => self.seen.note(who, || peer::pin_writer(&self.inner, who.pid))?,
            Ok(None) => {}
            Err(error) if error.raw_os_error() == Some(libc::EPROTO) => {
                return Err(io::Error::other("it comes with descriptors"));
            }
            Err(error) => return Err(error),
        }
        self.inner.try_read(buffer)
    }
}

impl AsyncRead for Stream {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let length = loop {
            ready!(self.inner.poll_read_ready(cx))?;
            match self.try_read(buf.initialize_unfilled()) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                read => break read?,
            }
        };
        let left = self.seen.budget.load(Ordering::Relaxed).checked_sub(length);
        self.seen.budget.store(left.unwrap_or(EXCEEDED), Ordering::Relaxed);
        if left.is_none() {
            return Poll::Ready(Err(io::ErrorKind::FileTooLarge.into()));
        }
        buf.advance(length);
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Stream {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        let written = ready!(Pin::new(&mut self.inner).poll_write(cx, buf));
        self.seen.asked.notify_one();
        Poll::Ready(written)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_shutdown(cx)
    }
}
