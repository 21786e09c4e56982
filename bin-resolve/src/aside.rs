//! Calls that a container can block forever run on threads, which the hop's time-out abandons.
//!
//! Such a thread may not end before the container does. [`worker_process`] lets the program exit anyway.

use std::sync::{Mutex, PoisonError};

use nicon_core::filter::worker_process;
use nicon_core::{Context, Error, Result};
use tokio::sync::Semaphore;

use crate::run::PROGRAM;

/// The most threads at once, including abandoned ones. All concurrent hops together need half of that.
const MAX_THREADS: usize = 256;

static THREADS: Semaphore = Semaphore::const_new(MAX_THREADS);

/// Starts the first thread early, while the program would only wait. A failure is reported by [`ask`].
pub(crate) fn prepare() {
    let _ = first();
}

/// Starts the first thread, once, in a process that may be left behind. Tokio panics where it cannot start its first one, and
/// takes what there is where it cannot start another; so whether threads can be had is tried out before it is asked for one.
fn first() -> Result<()> {
    static STARTED: Mutex<bool> = Mutex::new(false);
    let mut started = STARTED.lock().unwrap_or_else(PoisonError::into_inner);
    if !*started {
        worker_process::start(PROGRAM)?;
        let trial = std::thread::Builder::new().spawn(|| ()).context(|| "start a thread")?;
        // It makes room for the one that is to stay.
        let _ = trial.join();
        drop(tokio::task::spawn_blocking(|| ()));
        *started = true;
    }
    Ok(())
}

/// Does `work` on a thread of its own.
///
/// # Errors
/// Those of `work`, or if too many threads are blocked already, or none can be started.
pub(crate) async fn ask<T: Send + 'static>(work: impl FnOnce() -> Result<T> + Send + 'static) -> Result<T> {
    first()?;
    let turn = THREADS.try_acquire().map_err(|_| {
        Error::failed(format!("{MAX_THREADS} threads wait for file systems that do not answer: no more are started"))
    })?;
    let working = tokio::task::spawn_blocking(move || {
        let _turn = turn;
        work()
    });
    working.await.unwrap_or_else(|error| Err(Error::failed(format!("ask on a thread: {error}"))))
}
