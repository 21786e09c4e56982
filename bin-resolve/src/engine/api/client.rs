//! The engine's API, spoken over our own connection, which limits how much is read.

use std::io::ErrorKind;
use std::os::unix::net::UnixStream;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use bollard::{BollardRequest, body_full};
use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use http_body_util::BodyExt;
use hyper::body::{Bytes, Incoming};
use hyper::header::{HOST, HeaderValue};
use hyper::{Response, StatusCode, Uri};
use hyper_util::rt::TokioIo;
use nicon_core::{Context, Error, Process, Result};
use nix::libc;
use tokio::sync::Mutex;

use crate::brief::brief;
use crate::engine::api::inspect::{Inspected, not_understood};
use crate::engine::api::list;
use crate::engine::api::stream::{MAX_CONTAINER, MAX_LIST, Seen, Stream};
use crate::engine::container::{Filter, Summary};
use crate::engine::labels::Labels;
use crate::query::Kind;

/// The header that identifies podman's answers.
const PODMAN: &str = "libpod-api-version";

/// The path of the list of containers.
const LIST: &str = "/containers/json";

/// The list of those that have a process. By default, Podman leaves paused ones out: `{"status":["running","paused"]}`.
const LIST_RUNNING: &str = "/containers/json?filters=%7B%22status%22%3A%5B%22running%22%2C%22paused%22%5D%7D";

type HttpResult = std::result::Result<Response<Incoming>, hyper::Error>;

/// An engine at the other end of a socket, which is asked one question at a time.
pub(crate) struct Client {
    ask: Box<dyn Fn(BollardRequest) -> BoxFuture<'static, HttpResult> + Send + Sync>,
    seen: Arc<Seen>,
    is_podman: AtomicBool,
}

impl Client {
    /// Begins HTTP on a connected, non-blocking socket.
    pub(crate) async fn new(stream: UnixStream) -> Result<Self> {
        let stream = tokio::net::UnixStream::from_std(stream).context(|| "watch the socket")?;
        let seen = Arc::new(Seen::default());
        let stream = Stream::new(stream, Arc::clone(&seen));
        let handshake = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await;
        let (sender, connection) = handshake.map_err(|error| Error::failed(format!("begin HTTP: {error}")))?;
        tokio::spawn(connection);

        let shared = (Arc::new(Mutex::new(sender)), Arc::clone(&seen));
        let ask = Box::new(move |request: BollardRequest| {
            let (sender, seen) = shared.clone();
            async move {
                let mut sender = sender.lock().await;
                sender.ready().await?;
                seen.begin_answer(limit(request.uri()));
                sender.send_request(request).await
            }
            .boxed()
        });
        Ok(Self { ask, seen, is_podman: AtomicBool::new(false) })
    }

    /// Inspects a container by name or ID; `None` if the engine knows none, or several, by it. Bollard's model of the answer
    /// refuses it as a whole if a field that nobody needs has another type.
    pub(crate) async fn inspect(&self, name: &str) -> Result<Option<Inspected>> {
        let path = format!("/containers/{name}/json");
        let path = path.try_into().map_err(|error| Error::failed(format!("ask for \"{}\": {error}", brief(name))))?;
        let (status, body) = self.get(path).await?;
        if status == StatusCode::OK {
            return serde_json::from_slice(&body).map(Some).map_err(|error| not_understood(&error.to_string()));
        }
        // For an ambiguous prefix, engines return 400, 404 or 500 with different texts; the list settles it.
        let said = said(&body);
        if status == StatusCode::NOT_FOUND || said.to_ascii_lowercase().contains("multiple ids") {
            return Ok(None);
        }
        Err(Error::failed(format!("the engine answered {}: {}", status.as_u16(), brief(&said))))
    }

    /// The labels of the container that has this ID.
    pub(crate) async fn labels(&self, id: &str) -> Result<Labels> {
        #[derive(serde::Deserialize)]
        struct Answer {
            #[serde(rename = "Config")]
            config: Configured,
        }
        #[derive(serde::Deserialize)]
        struct Configured {
            #[serde(rename = "Labels", default)]
            labels: Labels,
        }
        let path = format!("/containers/{id}/json");
        let path = path.try_into().map_err(|error| Error::failed(format!("ask for \"{}\": {error}", brief(id))))?;
        let (status, body) = self.get(path).await?;
        if status != StatusCode::OK {
            return Err(Error::failed(format!("the engine answered {}: {}", status.as_u16(), brief(&said(&body)))));
        }
        let answer: Answer = serde_json::from_slice(&body).map_err(|error| not_understood(&error.to_string()))?;
        Ok(answer.config.labels)
    }

    /// Lists containers. The list is read as it comes: bollard's model of it takes a hundred times the memory of the answer itself.
    pub(crate) async fn list(&self, filter: Filter) -> Result<Vec<Summary>> {
        let path = Uri::from_static(match filter {
            Filter::Running => LIST_RUNNING,
            Filter::Any => "/containers/json?all=true",
        });
        let answer = self.send(path).await?;
        if answer.status() != StatusCode::OK {
            let status = answer.status();
            return Err(Error::failed(format!("the engine answered {status} to a request for its containers")));
        }
        let (mut body, mut list) = (answer.into_body(), list::Reader::default());
        while let Some(frame) = body.frame().await {
            if let Some(part) = frame.map_err(|error| self.explain(&error, MAX_LIST))?.data_ref() {
                list.read(part)?;
            }
        }
        list.end()
    }

    async fn get(&self, path: Uri) -> Result<(StatusCode, Bytes)> {
        let most = limit(&path);
        let answer = self.send(path).await?;
        let status = answer.status();
        let body = answer.into_body().collect().await.map_err(|error| self.explain(&error, most))?.to_bytes();
        Ok((status, body))
    }

    async fn send(&self, path: Uri) -> Result<Response<Incoming>> {
        let most = limit(&path);
        let mut request = BollardRequest::new(body_full(Bytes::new()));
        *request.uri_mut() = path;
        request.headers_mut().insert(HOST, HeaderValue::from_static("engine"));
        let answer = (self.ask)(request).await.map_err(|error| self.explain(&error, most))?;
        self.is_podman.store(answer.headers().contains_key(PODMAN), Ordering::Relaxed);
        Ok(answer)
    }

    /// The kind of engine that gave the last answer: podman sends a header of its own.
    pub(crate) fn kind(&self) -> Kind {
        if self.is_podman.load(Ordering::Relaxed) { Kind::Podman } else { Kind::Docker }
    }

    /// Waits until a request was sent.
    pub(crate) async fn asked(&self) {
        self.seen.asked().await;
    }

    /// See [`Seen::take_writer`].
    pub(crate) fn take_writer(&self) -> Option<Result<Process>> {
        self.seen.take_writer()
    }

    /// See [`Seen::wrote_as`].
    pub(crate) fn wrote_as(&self) -> Vec<u32> {
        self.seen.wrote_as()
    }

    fn explain(&self, error: &hyper::Error, most: usize) -> Error {
        if self.seen.overflow() {
            return Error::failed(match most {
                MAX_LIST => format!("the engine's list of containers is too large (more than {} MiB)", MAX_LIST >> 20),
                _ => format!("the engine's answer is too large (more than {} KiB)", most >> 10),
            });
        }
        if has_ended(error) {
            let ended = std::io::Error::from_raw_os_error(libc::ECONNRESET);
            return Error::os("the engine has ended the connection without an answer", ended);
        }
        let cause = std::error::Error::source(error).map(|cause| format!(" ({cause})")).unwrap_or_default();
        not_understood(&format!("{error}{cause}"))
    }
}

/// The most that is read of an answer, in bytes.
fn limit(path: &Uri) -> usize {
    if path.path() == LIST { MAX_LIST } else { MAX_CONTAINER }
}

/// Whether the connection has ended before there was an answer, or while there was one.
fn has_ended(error: &hyper::Error) -> bool {
    let cause = std::error::Error::source(error).and_then(|cause| cause.downcast_ref::<std::io::Error>());
    let is_reset =
        cause.is_some_and(|cause| matches!(cause.kind(), ErrorKind::BrokenPipe | ErrorKind::ConnectionReset));
    is_reset || error.is_closed() || error.is_canceled() || error.is_incomplete_message()
}

/// What an engine says of its refusal: JSON with a message, or any text.
fn said(body: &[u8]) -> String {
    #[derive(serde::Deserialize)]
    struct Refusal {
        message: String,
    }
    let refusal = serde_json::from_slice::<Refusal>(body);
    refusal.map_or_else(|_| String::from_utf8_lossy(body).into_owned(), |refusal| refusal.message)
}
