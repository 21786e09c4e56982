//! How many threads may wait for file systems at once. Whoever waits for such a thread may give up, but the thread goes on.

use std::pin::pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use futures_util::future::{Either, select};
use nicon_core::{Error, Result};
use tokio::sync::{Notify, Semaphore};

/// A number of threads.
pub(crate) struct Threads {
    most: usize,
    /// Which file systems they wait for, for a message.
    of: &'static str,
    free: Semaphore,
    /// How many of them nobody waits for any more.
    abandoned: Mutex<usize>,
    /// Tells that one more was abandoned.
    is_abandoned: Notify,
}

/// One of the threads. It is free again when this is dropped.
pub(crate) struct Thread(Arc<Shared>);

/// Whoever waits for a thread. The thread is abandoned if this is dropped first.
pub(crate) struct Waiting(Arc<Shared>);

struct Shared {
    threads: Arc<Threads>,
    stage: Mutex<Stage>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Stage {
    Awaited,
    Abandoned,
    Over,
}

impl Threads {
    /// At most so many, which wait for the file systems of something.
    pub(crate) fn new(most: usize, of: &'static str) -> Arc<Self> {
        let (free, abandoned, is_abandoned) = (Semaphore::new(most), Mutex::new(0), Notify::new());
        Arc::new(Self { most, of, free, abandoned, is_abandoned })
    }

    /// Waits for a free thread.
    ///
    /// # Errors
    /// If all are abandoned: none of them may ever be free.
    pub(crate) async fn next(self: &Arc<Self>) -> Result<(Thread, Waiting)> {
        let mut free = pin!(self.free.acquire());
        loop {
            let mut is_abandoned = pin!(self.is_abandoned.notified());
            // What is abandoned from here on is heard of.
            is_abandoned.as_mut().enable();
            if *lock(&self.abandoned) >= self.most {
                let Self { most, of, .. } = &**self;
                return Err(Error::failed(format!(
                    "{most} threads wait for {of} that do not answer: no more are started"
                )));
            }
            if let Either::Left((free, _)) = select(free.as_mut(), is_abandoned).await {
                free.map_err(|error| Error::failed(error.to_string()))?.forget();
                break;
            }
        }
        let shared = Arc::new(Shared { threads: Arc::clone(self), stage: Mutex::new(Stage::Awaited) });
        Ok((Thread(Arc::clone(&shared)), Waiting(shared)))
    }
}

impl Drop for Thread {
    fn drop(&mut self) {
        let Shared { threads, stage } = &*self.0;
        let mut stage = lock(stage);
        if *stage == Stage::Abandoned {
            *lock(&threads.abandoned) -= 1;
        }
        *stage = Stage::Over;
        threads.free.add_permits(1);
    }
}

impl Drop for Waiting {
    fn drop(&mut self) {
        let Shared { threads, stage } = &*self.0;
        let mut stage = lock(stage);
        if *stage == Stage::Awaited {
            *stage = Stage::Abandoned;
            *lock(&threads.abandoned) += 1;
            threads.is_abandoned.notify_waiters();
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use futures_util::future::join;
    use tokio::time::timeout;

    use super::*;

    #[test]
    fn who_may_get_a_thread_waits_and_who_may_not_is_told() {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
        runtime.block_on(wait_and_be_told());
    }

    async fn wait_and_be_told() {
        let threads = Threads::new(2, "file systems");
        let (first, first_waits) = threads.next().await.unwrap();
        let (_second, second_waits) = threads.next().await.unwrap();
        let pause = Duration::from_millis(20);
        assert!(timeout(pause, threads.next()).await.is_err(), "both may end");
        drop(first_waits);
        assert!(timeout(pause, threads.next()).await.is_err(), "one may end");
        let give_up = async {
            tokio::task::yield_now().await;
            drop(second_waits);
        };
        let (third, ()) = join(threads.next(), give_up).await;
        let told = third.err().unwrap().to_string();
        assert_eq!(told, "2 threads wait for file systems that do not answer: no more are started");
        drop(first);
        let (again, _waits) = threads.next().await.unwrap();
        drop(again);
        assert!(threads.next().await.is_ok(), "what has ended is not abandoned afterwards");
    }
}
