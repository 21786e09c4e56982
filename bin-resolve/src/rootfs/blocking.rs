//! Calls that a container can block forever run on threads, which the hop's time-out abandons.
//!
//! Such a thread may not end before the container does, and keeps the program from exiting; so the program may prepare for it.

use std::collections::HashMap;
use std::sync::{Arc, LazyLock, Mutex, OnceLock, PoisonError};

use nicon_core::{Context, Error, Result};
use tokio::runtime::{Handle, Id};

use crate::rootfs::threads::Threads;

/// The most threads at once, including abandoned ones. All concurrent hops together need half of that.
const MAX_THREADS: usize = 256;

static THREADS: LazyLock<Arc<Threads>> = LazyLock::new(|| Threads::new(MAX_THREADS, "file systems"));

/// The most of them that wait for one container, or one user of our machine, so that nobody takes all.
const MOST_OF_ONE: usize = 32;

/// What the program does before the first thread.
static PREPARATION: OnceLock<fn() -> Result<()>> = OnceLock::new();

/// Has the program prepare for threads that may never end, before the first one is started: see
/// [`prepare_for_threads`](crate::prepare_for_threads).
pub(crate) fn prepare_by(preparation: fn() -> Result<()>) {
    // Whoever came first has decided.
    let _ = PREPARATION.set(preparation);
}

/// Prepares for the first thread of a runtime, once. Tokio panics where it cannot start its first one, and takes what there is where it
/// cannot start another; so whether threads can be had is tried out before it is asked for one.
fn prepare_for_first() -> Result<()> {
    static PREPARED: Mutex<Option<Id>> = Mutex::new(None);
    let mut prepared = PREPARED.lock().unwrap_or_else(PoisonError::into_inner);
    let runtime = Handle::current().id();
    if *prepared != Some(runtime) {
        PREPARATION.get().map_or(Ok(()), |prepare| prepare())?;
        let trial = std::thread::Builder::new().spawn(|| ()).context(|| "start a thread")?;
        // It makes room for the one that is to stay.
        let _ = trial.join();
        *prepared = Some(runtime);
    }
    Ok(())
}

/// The threads that wait for one container, or one user.
pub(crate) fn threads_of_one() -> Arc<Threads> {
    Threads::new(MOST_OF_ONE, "its file systems")
}

/// The threads that wait for one user of our machine, whoever asks, and however often.
pub(crate) fn threads_of_user(uid: u32) -> Arc<Threads> {
    static OF_USERS: LazyLock<Mutex<HashMap<u32, Arc<Threads>>>> = LazyLock::new(Mutex::default);
    let mut of_users = OF_USERS.lock().unwrap_or_else(PoisonError::into_inner);
    Arc::clone(of_users.entry(uid).or_insert_with(threads_of_one))
}

/// Does `work` on a thread of its own.
///
/// # Errors
/// Those of `work`, or if too many threads were abandoned already, or none can be started.
pub(crate) async fn ask<T: Send + 'static>(work: impl FnOnce() -> Result<T> + Send + 'static) -> Result<T> {
    prepare_for_first()?;
    let (thread, _waiting) = THREADS.next().await?;
    let working = tokio::task::spawn_blocking(move || {
        let _thread = thread;
        work()
    });
    working.await.unwrap_or_else(|error| Err(Error::failed(format!("ask on a thread: {error}"))))
}

/// The same on one of the `threads` of a container, or a user.
///
/// # Errors
/// As [`ask`], or if too many of these were abandoned.
pub(crate) async fn ask_one<T: Send + 'static>(
    threads: &Arc<Threads>,
    work: impl FnOnce() -> Result<T> + Send + 'static,
) -> Result<T> {
    let (thread, _waiting) = threads.next().await?;
    let work = move || {
        let _thread = thread;
        work()
    };
    ask(work).await
}
