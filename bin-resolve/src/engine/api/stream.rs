//! A stream from an engine that limits how much is read, and records which process wrote it.

use std::io;
use std::pin::Pin;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, ready};

use nicon_core::peer::{self, Writer};
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

    /// The process that wrote the first answer; `None` before that, and if it was taken already.
    pub(crate) fn take_writer(&self) -> Option<Writer> {
        self.writer.lock().ok()?.take()
    }
}

/// A stream that fails once too much has been read from it.
pub(crate) struct Stream {
    inner: UnixStream,
    /// Whether the writer was identified, which is done once per connection.
    looked: bool,
    seen: Arc<Seen>,
}

impl Stream {
    pub(crate) fn new(stream: UnixStream, seen: Arc<Seen>) -> Self {
        Self { inner: stream, looked: false, seen }
    }

    fn poll_look(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        while !self.looked {
            ready!(self.inner.poll_read_ready(cx))?;
            let stream = &self.inner;
            match stream.try_io(Interest::READABLE, || peer::who_wrote(stream)) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                // An error of the stream recurs when it is read.
                writer => {
                    self.looked = true;
                    if let Ok(mut seen) = self.seen.writer.lock() {
                        *seen = writer.ok().flatten();
                    }
                }
            }
        }
        Poll::Ready(Ok(()))
    }
}

impl AsyncRead for Stream {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        ready!(self.poll_look(cx))?;
        let before = buf.filled().len();
        let poll = Pin::new(&mut self.inner).poll_read(cx, buf);
        let left = self.seen.budget.load(Ordering::Relaxed).checked_sub(buf.filled().len() - before);
        self.seen.budget.store(left.unwrap_or(EXCEEDED), Ordering::Relaxed);
        if left.is_none() {
            return Poll::Ready(Err(io::ErrorKind::FileTooLarge.into()));
        }
        poll
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
