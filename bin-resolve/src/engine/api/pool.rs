//! Connections to one engine: our own, or one inside a container.

use std::path::PathBuf;
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Mutex, PoisonError};

use nicon_core::{Error, Result, Status};
use tokio::sync::Semaphore;

use crate::engine::api::connection::Connection;
use crate::engine::api::socket::{self, Connected};
use crate::rootfs::root::Root;

/// The most concurrent questions to one engine. More do not make it faster.
pub(crate) const AT_ONCE: usize = 4;

/// The connections to one engine, kept for the next question.
pub(crate) struct Pool {
    idle: Mutex<Vec<Idle>>,
    at_once: Semaphore,
    /// Whether an answer took too long.
    is_late: Arc<AtomicBool>,
}

/// A connection that waits for a question.
struct Idle {
    connection: Connection,
    /// Whether a question was asked over it.
    was_used: bool,
}

impl Pool {
    /// No connections yet.
    pub(crate) fn new() -> Self {
        Self { idle: Mutex::default(), at_once: Semaphore::new(AT_ONCE), is_late: Arc::default() }
    }

    /// Asks the engine at one of `paths`, over a connection of its own; `None` if there is no socket.
    ///
    /// The engine may have closed a connection that was used before, so a failure there is retried on a new one.
    ///
    /// # Errors
    /// If no engine could be reached, or those of the question.
    pub(crate) async fn ask<T>(
        &self,
        root: &Root,
        paths: &[PathBuf],
        question: impl AsyncFn(&Connection) -> Result<T>,
    ) -> Result<Option<T>> {
        let _turn = self.at_once.acquire().await.map_err(|error| Error::failed(error.to_string()))?;
        let kept = self.idle().pop();
        if let Some(Idle { connection, was_used }) = kept {
            let answer = question(&connection).await;
            let is_answered = is_answered(&answer);
            if is_answered {
                self.put_back(connection);
            }
            if is_answered || !was_used {
                return answer.map(Some);
            }
        }
        let Some(connected) = socket::connect(root, paths).await? else { return Ok(None) };
        let connection = Connection::new(connected, Arc::clone(&self.is_late)).await?;
        let answer = question(&connection).await;
        if is_answered(&answer) {
            self.put_back(connection);
        }
        answer.map(Some)
    }

    /// Begins a connection for the next question.
    pub(crate) async fn keep(&self, connected: Connected) -> Result<()> {
        let connection = Connection::new(connected, Arc::clone(&self.is_late)).await?;
        self.idle().push(Idle { connection, was_used: false });
        Ok(())
    }

    fn put_back(&self, connection: Connection) {
        self.idle().push(Idle { connection, was_used: true });
    }

    fn idle(&self) -> std::sync::MutexGuard<'_, Vec<Idle>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Whether the connection can be used again: a "no" is an answer, too.
fn is_answered<T>(answer: &Result<T>) -> bool {
    answer.as_ref().err().is_none_or(|error| error.status() != Status::Failed)
}
