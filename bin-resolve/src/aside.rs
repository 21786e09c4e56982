//! Calls that a container can block forever run on threads, which the hop's time-out abandons.
//!
//! Such a thread may not end before the container does. [`nicon_core::apart`] lets the program exit anyway.

use std::sync::Once;

use nicon_core::{Error, Result};
use tokio::sync::Semaphore;

/// The most threads at once, including abandoned ones. All concurrent hops together need half of that.
const MAX_THREADS: usize = 256;

static THREADS: Semaphore = Semaphore::const_new(MAX_THREADS);

/// Starts the first thread early, while the program would only wait.
pub(crate) fn prepare() {
    static PREPARED: Once = Once::new();
    PREPARED.call_once(|| drop(tokio::task::spawn_blocking(|| ())));
}

/// Does `work` on a thread of its own.
///
/// # Errors
/// Those of `work`, or if too many threads are blocked already.
pub(crate) async fn ask<T: Send + 'static>(work: impl FnOnce() -> Result<T> + Send + 'static) -> Result<T> {
    let turn = THREADS.try_acquire().map_err(|_| {
        Error::failed(format!("{MAX_THREADS} threads wait for file systems that do not answer: no more are started"))
    })?;
    let working = tokio::task::spawn_blocking(move || {
        let _turn = turn;
        work()
    });
    working.await.unwrap_or_else(|error| Err(Error::failed(format!("ask on a thread: {error}"))))
}
