//! The engine's API: HTTP over a connection of our own, with an end to what is read from it.

use std::cell::Cell;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::sync::Arc;

use http_body_util::{BodyExt, Empty};
use hyper::body::Bytes;
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper::header::HOST;
use hyper::{Request, StatusCode};
use hyper_util::rt::TokioIo;
use nicon_core::{Doing, Error, Result};
use serde::Deserialize;
use tokio::sync::Mutex;

use crate::container::{Inspected, brief, not_understood};
use crate::kind::Kind;
use crate::listing::{self, Listed, State};
use crate::wire::{Seen, Wire};

/// The header by which podman's answers are known.
const PODMAN: &str = "libpod-api-version";

/// An engine at the other end of a socket. It is asked one question after the other.
pub(crate) struct Engine {
    sender: Mutex<SendRequest<Empty<Bytes>>>,
    seen: Arc<Seen>,
    is_podman: Cell<bool>,
}

/// What an engine says beside a status that tells of a failure.
#[derive(Deserialize)]
struct Refusal {
    message: String,
}

impl Engine {
    /// Begins to speak HTTP over a connected socket, which does not block.
    pub(crate) async fn new(stream: UnixStream) -> Result<Self> {
        let stream = tokio::net::UnixStream::from_std(stream).doing(|| "watch the socket")?;
        let seen = Arc::new(Seen::default());
        let wire = Wire::new(stream, Arc::clone(&seen));
        let begun = handshake(TokioIo::new(wire)).await;
        let (sender, connection) = begun.map_err(|error| Error::failed(format!("begin HTTP: {error}")))?;
        tokio::spawn(connection);
        Ok(Self { sender: Mutex::new(sender), seen, is_podman: Cell::new(false) })
    }

    /// Inspects a container by name or ID; `None` where the engine knows none, or several, by it.
    pub(crate) async fn inspect(&self, name: &str) -> Result<Option<Inspected>> {
        let (status, body) = self.get(&format!("/containers/{name}/json")).await?;
        match status {
            StatusCode::OK => Inspected::parse(&body).map(Some),
            // Engines tell an ambiguous prefix with 400, 404 or 500, each in its own words; the list settles it.
            StatusCode::NOT_FOUND => Ok(None),
            _ => {
                let message = match serde_json::from_slice::<Refusal>(&body) {
                    Ok(refusal) => refusal.message,
                    Err(_) => String::from_utf8_lossy(&body).into_owned(),
                };
                if message.to_ascii_lowercase().contains("multiple ids") {
                    return Ok(None);
                }
                Err(Error::failed(format!("the engine answered {}: {}", status.as_u16(), brief(&message))))
            }
        }
    }

    /// Lists containers.
    pub(crate) async fn list(&self, state: State) -> Result<Vec<Listed>> {
        let question = match state {
            State::Running => "/containers/json",
            State::Any => "/containers/json?all=true",
        };
        match self.get(question).await? {
            (StatusCode::OK, body) => listing::parse(&body),
            (status, _) => {
                Err(Error::failed(format!("the engine answered {status} when it was asked for its containers")))
            }
        }
    }

    /// What kind of engine gave the last answer: podman says so in a header, whatever its socket is called.
    pub(crate) fn kind(&self) -> Kind {
        if self.is_podman.get() { Kind::Podman } else { Kind::Docker }
    }

    /// The pidfd of the process that wrote the first answer, once, where the kernel tells it.
    pub(crate) fn take_writer(&self) -> Option<OwnedFd> {
        self.seen.take_writer()
    }

    async fn get(&self, path: &str) -> Result<(StatusCode, Vec<u8>)> {
        // A server that is no proxy expects only the path in the first line, and a Host.
        let request = Request::get(path).header(HOST, "engine").body(Empty::new());
        let request = request.map_err(|error| Error::failed(format!("ask the engine for {path}: {error}")))?;
        let mut sender = self.sender.lock().await;
        sender.ready().await.map_err(|error| self.explain(&error))?;
        self.seen.begin_answer();
        let answer = sender.send_request(request).await.map_err(|error| self.explain(&error))?;
        self.is_podman.set(answer.headers().contains_key(PODMAN));
        let (status, mut body, mut bytes) = (answer.status(), answer.into_body(), Vec::new());
        // Copied together: an answer in chunks of one byte each would take many times its size if they were kept.
        while let Some(frame) = body.frame().await {
            let frame = frame.map_err(|error| self.explain(&error))?;
            bytes.extend_from_slice(frame.data_ref().map_or(&[], |data| data));
        }
        Ok((status, bytes))
    }

    fn explain(&self, error: &hyper::Error) -> Error {
        if self.seen.overflow() {
            return Error::failed("the engine's answer is too large (more than 8 MiB)");
        }
        let cause = std::error::Error::source(error).map(|cause| format!(" ({cause})")).unwrap_or_default();
        not_understood(&format!("{error}{cause}"))
    }
}
