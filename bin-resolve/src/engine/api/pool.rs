//! Connections to one engine: our own, or one inside a container.

use std::path::PathBuf;
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Mutex, PoisonError};

use nicon_core::{Error, Result, Status};
use nix::libc;
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

/// Whether an engine has ended the connection before it has answered.
pub(crate) fn has_ended(error: &Error) -> bool {
    error.errno() == Some(libc::ECONNRESET)
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
    /// The engine may have closed a connection that was used before, so a failure there is retried on a new one. So is a question to
    /// which there was no answer before the connection has ended: with its daemon, which may be another one now, or none. That is
    /// done only if it is so that `may_connect_again`.
    ///
    /// # Errors
    /// If no engine could be reached, or those of the question.
    pub(crate) async fn ask<T>(
        &self,
        root: &Root,
        paths: &[PathBuf],
        question: impl AsyncFn(&Connection) -> Result<T>,
        may_connect_again: impl AsyncFnOnce() -> bool,
    ) -> Result<Option<T>> {
        let _turn = self.at_once.acquire().await.map_err(|error| Error::failed(error.to_string()))?;
        let kept = self.idle().pop();
        let (answer, was_used) = match kept {
            Some(Idle { connection, was_used }) => (self.ask_over(connection, &question).await.map(Some), was_used),
            None => (self.ask_anew(root, paths, &question).await, false),
        };
        match answer {
            Err(error)
                if (has_ended(&error) || was_used && error.status() == Status::Failed) && may_connect_again().await =>
            {
                self.ask_anew(root, paths, &question).await
            }
            answer => answer,
        }
    }

    async fn ask_anew<T>(
        &self,
        root: &Root,
        paths: &[PathBuf],
        question: &impl AsyncFn(&Connection) -> Result<T>,
    ) -> Result<Option<T>> {
        let Some(connected) = socket::connect(root, paths).await? else { return Ok(None) };
        let connection = Connection::new(connected, Arc::clone(&self.is_late)).await?;
        self.ask_over(connection, question).await.map(Some)
    }

    async fn ask_over<T>(
        &self,
        connection: Connection,
        question: &impl AsyncFn(&Connection) -> Result<T>,
    ) -> Result<T> {
        let answer = question(&connection).await;
        // A "no" is an answer, too.
        if answer.as_ref().err().is_none_or(|error| error.status() != Status::Failed) {
            self.idle().push(Idle { connection, was_used: true });
        }
        answer
    }

    /// Begins a connection for the next question.
    pub(crate) async fn keep(&self, connected: Connected) -> Result<()> {
        let connection = Connection::new(connected, Arc::clone(&self.is_late)).await?;
        self.idle().push(Idle { connection, was_used: false });
        Ok(())
    }

    fn idle(&self) -> std::sync::MutexGuard<'_, Vec<Idle>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
