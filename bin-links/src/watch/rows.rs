//! Standard input, read by a thread, so that half a line, or a long file, does not hold up the watch.

use std::os::fd::{AsFd, BorrowedFd};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread;

use nicon_core::filter::stream::{Line, Lines, RECORDS};
use nicon_core::{Context, Error, Record, Result};
use nix::sys::eventfd::{EfdFlags, EventFd};

use crate::input::OPERANDS;

/// A line's number, and the record in it.
pub(super) struct Row {
    pub(super) number: u64,
    pub(super) record: Result<Record>,
}

impl From<Line> for Row {
    fn from(line: Line) -> Self {
        Self { number: line.number, record: line.record(RECORDS) }
    }
}

/// The lines of standard input, as they come.
pub(super) struct Rows {
    batches: Receiver<Result<Vec<Line>>>,
    /// Counts the batches that are there.
    bell: Arc<EventFd>,
}

impl Rows {
    /// Begins to read.
    ///
    /// # Errors
    /// If standard input is a terminal, or no thread can be started.
    pub(super) fn begin() -> Result<Self> {
        // This fails at a terminal, before anything else is done.
        drop(Lines::stdin(OPERANDS)?);
        let flags = EfdFlags::EFD_CLOEXEC | EfdFlags::EFD_SEMAPHORE;
        let bell = Arc::new(EventFd::from_value_and_flags(0, flags).context(|| "wait for standard input")?);
        // A writer that is faster than the watch has to wait.
        let (sender, batches) = sync_channel(1);
        let rung = bell.clone();
        thread::Builder::new().spawn(move || read(&sender, &rung)).context(|| "start a thread")?;
        Ok(Self { batches, bell })
    }

    /// Waits for the next rows; there are none at the end of the input.
    ///
    /// # Errors
    /// If standard input cannot be read. Nothing follows then.
    pub(super) fn next(&self) -> Result<Vec<Row>> {
        self.bell.read().context(|| "wait for standard input")?;
        let batch = self.batches.recv().map_err(|_| Error::failed("standard input is not read any more"))?;
        Ok(batch?.into_iter().map(Row::from).collect())
    }
}

/// What tells that rows have come.
impl AsFd for Rows {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.bell.as_fd()
    }
}

fn read(sender: &SyncSender<Result<Vec<Line>>>, bell: &EventFd) {
    let mut lines = match Lines::stdin(OPERANDS) {
        Ok(lines) => lines,
        Err(error) => return give(sender, bell, Err(error)),
    };
    loop {
        let batch = lines.batch();
        let is_last = batch.as_ref().is_ok_and(Vec::is_empty) || batch.is_err();
        give(sender, bell, batch);
        if is_last {
            return;
        }
    }
}

/// Nobody may read any more: then the run ends, and this thread with it.
fn give(sender: &SyncSender<Result<Vec<Line>>>, bell: &EventFd, batch: Result<Vec<Line>>) {
    if sender.send(batch).is_ok() {
        let _ = bell.write(1);
    }
}
