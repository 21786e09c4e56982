//! A connection to one engine, and who listens and answers at its other end.

use std::cell::{Cell, OnceCell};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use futures_util::future::{Either, select};
use nicon_core::{Error, Result, Status};

use crate::engine::api::client::Client;
use crate::engine::api::inspect::judge;
use crate::engine::api::peer::{Daemon, Listener};
use crate::engine::api::socket::Connected;
use crate::engine::bounds::Bounds;
use crate::engine::container::Container;
use crate::rootfs::directory::FileId;

/// Who writes the answers over a connection.
enum Writer {
    Listener,
    Other(Daemon),
    /// It is gone, or it is outside our PID namespace.
    Unknown,
}

/// A connection to an engine, and the processes that listen and answer at its other end.
pub(crate) struct Connection {
    pub(crate) engine: Client,
    /// The path of the socket, as seen in the container.
    pub(crate) socket: PathBuf,
    pub(crate) file: FileId,
    peer: Cell<Option<Listener>>,
    /// The user ID with which the listener called `listen(2)`.
    listened_as: u32,
    listener: OnceCell<Result<Daemon>>,
    writer: OnceCell<Writer>,
    is_late: Arc<AtomicBool>,
}

impl Connection {
    /// Begins to speak with the engine at the other end of `connected`, which `is_late` or not.
    pub(crate) async fn new(connected: Connected, is_late: Arc<AtomicBool>) -> Result<Self> {
        let (peer, listened_as) = Listener::of(&connected.stream)?;
        let peer = Cell::new(Some(peer));
        let (socket, file) = (connected.path, connected.file);
        let engine = Client::new(connected.stream).await?;
        let (listener, writer) = (OnceCell::new(), OnceCell::new());
        Ok(Self { engine, socket, file, peer, listened_as, listener, writer, is_late })
    }

    /// Records, for all connections to this engine, that it takes too long.
    pub(crate) fn set_late(&self) {
        self.is_late.store(true, Ordering::Relaxed);
    }

    /// Whether it has taken too long before.
    pub(crate) fn is_late(&self) -> bool {
        self.is_late.load(Ordering::Relaxed)
    }

    /// Asks for the container called `asked`; `None` if the engine knows none, or several, by that name. Does other work
    /// `meanwhile`, once the engine was asked.
    ///
    /// # Errors
    /// [`Status::No`] if it is not running; otherwise if the answer cannot be used.
    pub(crate) async fn find(&self, asked: &str, meanwhile: impl FnOnce()) -> Result<Option<Container>> {
        let asking = std::pin::pin!(self.engine.inspect(asked));
        let answer = match select(asking, std::pin::pin!(self.engine.asked())).await {
            Either::Left((answer, _)) => answer,
            Either::Right(((), asking)) => {
                meanwhile();
                asking.await
            }
        };
        answer?.map_or(Ok(None), |answer| judge(asked, answer))
    }

    /// The process that listens, which is identified once.
    ///
    /// # Errors
    /// If it is gone, or outside our PID namespace.
    pub(crate) fn listener(&self) -> Result<&Daemon> {
        let listener = self.listener.get_or_init(|| {
            let daemon = Daemon::listening(self.peer.take().unwrap_or(Listener::Gone));
            daemon.map_err(|error| error.prefix(format!("the listener at {}", self.socket.display())))
        });
        listener.as_ref().map_err(Error::clone)
    }

    /// The processes that may have given the answer: the one that wrote it and, if another one had opened the socket,
    /// the listener.
    ///
    /// # Errors
    /// If neither can be identified.
    pub(crate) fn daemons(&self) -> Result<Vec<&Daemon>> {
        let writer = match self.writer() {
            Writer::Other(writer) => Some(writer),
            Writer::Listener | Writer::Unknown => None,
        };
        match (writer, self.listener()) {
            (None, Err(error)) => Err(error),
            (writer, listener) => Ok(writer.into_iter().chain(listener.ok()).collect()),
        }
    }

    /// What the processes that may have given the last answer may name: each of them binds, and so does each user that they were, when
    /// the socket was opened, while they answered, and now. Who listens as root may become another user between two answers.
    ///
    /// # Errors
    /// If it is unknown who wrote the answer: it may be anybody.
    pub(crate) fn bounds(&self) -> Result<Bounds> {
        let wrote_as = self.engine.wrote_as();
        match self.writer() {
            Writer::Listener => self.bounds_of_listener(&[&[self.listened_as], &wrote_as[..]].concat()),
            Writer::Other(writer) => Ok(self.listeners_bounds()?.and(&self.bounds_of(writer, &wrote_as)?)),
            Writer::Unknown => Err(Error::failed(format!(
                "{} was answered for by a process that is gone, or outside our PID namespace: whom it may name is unknown",
                self.whom()
            ))),
        }
    }

    /// What the process that listens may name.
    ///
    /// # Errors
    /// If that cannot be found out.
    pub(crate) fn listeners_bounds(&self) -> Result<Bounds> {
        self.bounds_of_listener(&[self.listened_as])
    }

    fn bounds_of_listener(&self, was: &[u32]) -> Result<Bounds> {
        match self.listener() {
            Ok(listener) => self.bounds_of(listener, was),
            Err(_) => Ok(Bounds::of_user(&self.whom(), self.listened_as)),
        }
    }

    fn bounds_of(&self, daemon: &Daemon, was: &[u32]) -> Result<Bounds> {
        Bounds::of_process(&self.whom(), &daemon.process, was).map_err(|error| match error.status() {
            // Whether the container exists is unknown, so this is not a "no".
            Status::No => Error::failed(format!("{error}, so whom {} may name is unknown", self.whom())),
            _ => error,
        })
    }

    fn writer(&self) -> &Writer {
        self.writer.get_or_init(|| match (self.engine.take_writer(), self.listener()) {
            (Some(Ok(writer)), Ok(listener)) if writer.is(&listener.process) => Writer::Listener,
            (Some(writer), _) => Daemon::new(writer).map_or(Writer::Unknown, Writer::Other),
            (None, _) => Writer::Unknown,
        })
    }

    fn whom(&self) -> String {
        format!("the engine at {}", self.socket.display())
    }
}
