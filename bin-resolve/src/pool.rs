//! Connections to one engine: our own, or the one inside a container.

use std::cell::{Cell, OnceCell};
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use futures_util::future::{Either, select};
use nicon_core::{Error, Result, Status};
use tokio::sync::Semaphore;

use crate::container::{Container, judge};
use crate::daemon::{Daemon, Listener};
use crate::engine::Engine;
use crate::root::{FileId, Root};
use crate::socket::{self, Connected};

/// How many questions one engine is asked at once. It answers on as many processors as it likes, and with more we wait for
/// it all the same.
pub(crate) const AT_ONCE: usize = 4;

/// The way to one engine. Connections are kept for the next question.
pub(crate) struct Reach {
    idle: Mutex<Vec<Connection>>,
    at_once: Semaphore,
    /// Whether an answer took too long.
    is_late: Arc<AtomicBool>,
}

/// A connection to an engine, and who listens and answers at its other end.
pub(crate) struct Connection {
    pub(crate) engine: Engine,
    /// Where the engine listens, as it is called inside the container that it was reached through.
    pub(crate) socket: PathBuf,
    pub(crate) file: FileId,
    peer: Cell<Option<Listener>>,
    listener: OnceCell<Result<Daemon>>,
    writer: OnceCell<Option<Result<Daemon>>>,
    was_used: Cell<bool>,
    is_late: Arc<AtomicBool>,
}

impl Reach {
    /// A way that nobody has gone yet.
    pub(crate) fn new() -> Self {
        Self { idle: Mutex::default(), at_once: Semaphore::new(AT_ONCE), is_late: Arc::default() }
    }

    /// Asks the engine at one of `places`, over a connection that nobody else uses meanwhile; `None` where there is no
    /// socket.
    ///
    /// A connection that was used before may have been closed at its other end. What fails on such a one is asked anew.
    ///
    /// # Errors
    /// That no engine could be reached, or the question's own.
    pub(crate) async fn ask<T>(
        &self,
        root: &Root,
        places: &[PathBuf],
        question: impl AsyncFn(&Connection) -> Result<T>,
    ) -> Result<Option<T>> {
        let _turn = self.at_once.acquire().await.map_err(|error| Error::failed(error.to_string()))?;
        let kept = self.idle().pop();
        if let Some(connection) = kept {
            let was_used = connection.was_used.replace(true);
            let answer = question(&connection).await;
            let is_answered = is_answered(&answer);
            if is_answered {
                self.keep(connection);
            }
            if is_answered || !was_used {
                return answer.map(Some);
            }
        }
        let Some(connected) = socket::connect(root, places).await? else { return Ok(None) };
        let connection = Connection::new(connected, self).await?;
        connection.was_used.set(true);
        let answer = question(&connection).await;
        if is_answered(&answer) {
            self.keep(connection);
        }
        answer.map(Some)
    }

    /// Keeps a connection for the next question.
    pub(crate) fn keep(&self, connection: Connection) {
        self.idle().push(connection);
    }

    fn idle(&self) -> std::sync::MutexGuard<'_, Vec<Connection>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A clear no is an answer: the connection is as good as before.
fn is_answered<T>(answer: &Result<T>) -> bool {
    answer.as_ref().err().is_none_or(|error| error.status() != Status::Failed)
}

impl Connection {
    /// Begins to speak with whoever listens at the other end of `connected`, on the way of `reach`.
    pub(crate) async fn new(connected: Connected, reach: &Reach) -> Result<Self> {
        let peer = Cell::new(Some(Listener::of(&connected.stream)?));
        let (socket, file) = (connected.path, connected.file);
        let engine = Engine::new(connected.stream).await?;
        let (listener, writer) = (OnceCell::new(), OnceCell::new());
        let (was_used, is_late) = (Cell::new(false), Arc::clone(&reach.is_late));
        Ok(Self { engine, socket, file, peer, listener, writer, was_used, is_late })
    }

    /// Remembers that the engine takes too long, for all connections to it.
    pub(crate) fn set_late(&self) {
        self.is_late.store(true, Ordering::Relaxed);
    }

    /// Whether it has taken too long before.
    pub(crate) fn is_late(&self) -> bool {
        self.is_late.load(Ordering::Relaxed)
    }

    /// Asks for the container called `asked`; `None` where the engine knows none, or several, by that name.
    ///
    /// # Errors
    /// [`Status::No`] where it does not run; otherwise what goes wrong with the answer.
    pub(crate) async fn find(&self, asked: &str) -> Result<Option<Container>> {
        let asking = std::pin::pin!(self.engine.inspect(asked));
        let answer = match select(asking, std::pin::pin!(self.engine.asked())).await {
            Either::Left((answer, _)) => answer,
            // While the engine works on its answer, there is time to look who it is.
            Either::Right(((), asking)) => {
                let _ = self.listener();
                asking.await
            }
        };
        answer?.map(|answer| judge(asked, answer)).transpose()
    }

    /// Who listens. It is looked at once.
    ///
    /// # Errors
    /// That it is gone, or outside of our PID namespace.
    pub(crate) fn listener(&self) -> Result<&Daemon> {
        let listener = self.listener.get_or_init(|| {
            let daemon = Daemon::listening(self.peer.take().unwrap_or(Listener::Gone));
            daemon.map_err(|error| error.within(format!("who listens at {}", self.socket.display())))
        });
        listener.as_ref().map_err(Error::clone)
    }

    /// Who may have given the answer that came: the process that wrote it, and the one that listens, which has handed the
    /// socket on where they are not the same.
    ///
    /// # Errors
    /// Where neither can be told any more.
    pub(crate) fn daemons(&self) -> Result<Vec<&Daemon>> {
        let listener = self.listener();
        let writer = self.writer.get_or_init(|| {
            let pidfd = self.engine.take_writer()?;
            let listens = listener.as_ref().is_ok_and(|listener| listener.is(&pidfd));
            (!listens).then(|| Daemon::writing(pidfd))
        });
        let writer = writer.as_ref().and_then(|writer| writer.as_ref().ok());
        match (writer, listener) {
            (None, Err(error)) => Err(error),
            (writer, listener) => Ok(writer.into_iter().chain(listener.ok()).collect()),
        }
    }
}
