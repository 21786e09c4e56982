//! Connections to one engine: our own, or the one inside a container.

use std::cell::{Cell, OnceCell};
use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};

use nicon_core::{Error, Process, Result, Status};
use tokio::sync::Semaphore;

use crate::daemon::{Daemon, Listener};
use crate::engine::Engine;
use crate::socket::{self, FileId, Places};

/// How many questions one engine is asked at once. It answers on as many processors as it likes, and with more we wait for
/// it all the same.
pub(crate) const AT_ONCE: usize = 4;

/// The way to one engine. Connections are kept for the next question.
pub(crate) struct Reach {
    idle: Mutex<Vec<Connection>>,
    at_once: Semaphore,
}

/// A connection to an engine, and who listens at its other end.
pub(crate) struct Connection {
    pub(crate) engine: Engine,
    /// Where the engine listens, as it is called inside the container that it was reached through.
    pub(crate) socket: PathBuf,
    pub(crate) file: FileId,
    listener: Cell<Option<Listener>>,
    daemon: OnceCell<Daemon>,
}

impl Reach {
    /// A way that nobody has gone yet.
    pub(crate) fn new() -> Self {
        Self { idle: Mutex::default(), at_once: Semaphore::new(AT_ONCE) }
    }

    /// Asks the engine inside of `container`, or our own, over a connection that nobody else uses meanwhile.
    ///
    /// A connection that was kept may have been closed at its other end. What fails on such a one is asked anew.
    ///
    /// # Errors
    /// That no engine could be reached, or the question's own.
    pub(crate) async fn ask<T>(
        &self,
        container: Option<&Process>,
        places: &Places,
        question: impl AsyncFn(&Connection) -> Result<T>,
    ) -> Result<T> {
        let _turn = self.at_once.acquire().await.map_err(|error| Error::failed(error.to_string()))?;
        let kept = self.idle().pop();
        if let Some(connection) = kept {
            let answer = question(&connection).await;
            if is_answered(&answer) {
                self.idle().push(connection);
                return answer;
            }
        }
        let connection = Connection::open(container, places).await?;
        let answer = question(&connection).await;
        if is_answered(&answer) {
            self.idle().push(connection);
        }
        answer
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
    async fn open(container: Option<&Process>, places: &Places) -> Result<Self> {
        let connected = socket::connect(container, places).await?;
        let listener = Cell::new(Some(Listener::of(&connected.stream)?));
        let engine = Engine::new(connected.stream).await?;
        Ok(Self { engine, socket: connected.path, file: connected.file, listener, daemon: OnceCell::new() })
    }

    /// The process that listens. It is looked at once.
    ///
    /// # Errors
    /// That it is gone, or outside of our PID namespace.
    pub(crate) fn daemon(&self) -> Result<&Daemon> {
        if let Some(listener) = self.listener.take() {
            let place = || format!("who listens at {}", self.socket.display());
            let daemon = Daemon::new(listener).map_err(|error| error.within(place()))?;
            return Ok(self.daemon.get_or_init(|| daemon));
        }
        self.daemon.get().ok_or_else(|| Error::failed("nobody listens any more"))
    }
}
