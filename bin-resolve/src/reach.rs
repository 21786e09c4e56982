//! Connections to one engine: our own, or the one inside a container.

use std::cell::{Cell, OnceCell};
use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};

use nicon_core::{Error, Result, Status};
use tokio::sync::Semaphore;

use crate::container::{Container, judge};
use crate::daemon::{Daemon, Listener};
use crate::engine::Engine;
use crate::files::{FileId, Root};
use crate::socket;

/// How many questions one engine is asked at once. It answers on as many processors as it likes, and with more we wait for
/// it all the same.
pub(crate) const AT_ONCE: usize = 4;

/// The way to one engine. Connections are kept for the next question.
pub(crate) struct Reach {
    idle: Mutex<Vec<Connection>>,
    at_once: Semaphore,
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
}

impl Reach {
    /// A way that nobody has gone yet.
    pub(crate) fn new() -> Self {
        Self { idle: Mutex::default(), at_once: Semaphore::new(AT_ONCE) }
    }

    /// Asks the engine at one of `places`, over a connection that nobody else uses meanwhile; `None` where there is no
    /// socket.
    ///
    /// A connection that was kept may have been closed at its other end. What fails on such a one is asked anew.
    ///
    /// # Errors
    /// That no engine could be reached, or the question's own.
    pub(crate) async fn ask<T>(
        &self,
        root: Option<&Root>,
        places: &[PathBuf],
        question: impl AsyncFn(&Connection) -> Result<T>,
    ) -> Result<Option<T>> {
        let _turn = self.at_once.acquire().await.map_err(|error| Error::failed(error.to_string()))?;
        let kept = self.idle().pop();
        if let Some(connection) = kept {
            let answer = question(&connection).await;
            if is_answered(&answer) {
                self.idle().push(connection);
                return answer.map(Some);
            }
        }
        let Some(connection) = Connection::open(root, places).await? else { return Ok(None) };
        let answer = question(&connection).await;
        if is_answered(&answer) {
            self.idle().push(connection);
        }
        answer.map(Some)
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
    async fn open(root: Option<&Root>, places: &[PathBuf]) -> Result<Option<Self>> {
        let Some(connected) = socket::connect(root, places).await? else { return Ok(None) };
        let peer = Cell::new(Some(Listener::of(&connected.stream)?));
        let (socket, file) = (connected.path, connected.file);
        let engine = Engine::new(connected.stream).await?;
        Ok(Some(Self { engine, socket, file, peer, listener: OnceCell::new(), writer: OnceCell::new() }))
    }

    /// Asks for the container called `asked`; `None` where the engine knows none, or several, by that name.
    ///
    /// # Errors
    /// [`Status::No`] where it does not run; otherwise what goes wrong with the answer.
    pub(crate) async fn find(&self, asked: &str) -> Result<Option<Container>> {
        let look_at_listener = async {
            // The question is sent first: while the engine works on its answer, there is time to look who it is.
            tokio::task::yield_now().await;
            let _ = self.listener();
        };
        let (answer, ()) = futures_util::future::join(self.engine.inspect(asked), look_at_listener).await;
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
