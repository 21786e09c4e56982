//! Asking what a container may never answer: on a thread, which the time-out of the hop leaves behind.
//!
//! Such a thread may not end before the container does. [`nicon_core::apart`] lets the program end all the same.

use std::sync::Once;

use nicon_core::{Error, Result};
use tokio::sync::Semaphore;

/// How many threads may ask at once; those that were left behind are among them. All hops that are under way together need
/// half of that.
const MAX_THREADS: usize = 256;

static THREADS: Semaphore = Semaphore::const_new(MAX_THREADS);

/// Starts the first thread beforehand, while there is nothing to do but wait.
pub(crate) fn prepare() {
    static PREPARED: Once = Once::new();
    PREPARED.call_once(|| drop(tokio::task::spawn_blocking(|| ())));
}

/// Does `work` on a thread of its own.
///
/// # Errors
/// Those of `work`, and that too many threads wait already.
pub(crate) async fn ask<T: Send + 'static>(work: impl FnOnce() -> Result<T> + Send + 'static) -> Result<T> {
    let turn = THREADS.try_acquire().map_err(|_| {
        Error::failed(format!("{MAX_THREADS} threads wait for file systems that do not answer: no more are begun"))
    })?;
    let working = tokio::task::spawn_blocking(move || {
        let _turn = turn;
        work()
    });
    working.await.unwrap_or_else(|error| Err(Error::failed(format!("ask on a thread: {error}"))))
}
