//! The engine's API, spoken by bollard over our own connection, which limits how much is read.

use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use bollard::models::ContainerInspectResponse;
use bollard::{API_DEFAULT_VERSION, BollardRequest, Docker, body_full};
use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use http_body_util::BodyExt;
use hyper::body::{Bytes, Incoming};
use hyper::header::{HOST, HeaderValue};
use hyper::{Response, StatusCode, Uri};
use hyper_util::rt::TokioIo;
use nicon_core::{Doing, Error, Result};
use tokio::sync::Mutex;

use crate::container::{brief, not_understood};
use crate::kind::Kind;
use crate::listing::{self, Listed, State};
use crate::wire::{MAX_CONTAINER, MAX_LIST, Seen, Wire};

/// The header that identifies podman's answers.
const PODMAN: &str = "libpod-api-version";

/// The path of the list of containers.
const LIST: &str = "/containers/json";

/// Bollard's time-out does not cover the body. Ours covers the whole hop.
const NO_TIMEOUT: u64 = u64::MAX;

type Answer = std::result::Result<Response<Incoming>, bollard::errors::Error>;

/// An engine at the other end of a socket, which is asked one question at a time.
pub(crate) struct Engine {
    docker: Docker,
    ask: Arc<dyn Fn(BollardRequest) -> BoxFuture<'static, Answer> + Send + Sync>,
    seen: Arc<Seen>,
    is_podman: Arc<AtomicBool>,
}

impl Engine {
    /// Begins HTTP on a connected, non-blocking socket.
    pub(crate) async fn new(stream: UnixStream) -> Result<Self> {
        let stream = tokio::net::UnixStream::from_std(stream).doing(|| "watch the socket")?;
        let seen = Arc::new(Seen::default());
        let wire = Wire::new(stream, Arc::clone(&seen));
        let handshake = hyper::client::conn::http1::handshake(TokioIo::new(wire)).await;
        let (sender, connection) = handshake.map_err(|error| Error::failed(format!("begin HTTP: {error}")))?;
        tokio::spawn(connection);

        let is_podman = Arc::new(AtomicBool::new(false));
        let shared = (Arc::new(Mutex::new(sender)), Arc::clone(&seen), Arc::clone(&is_podman));
        let ask = Arc::new(move |request: BollardRequest| {
            let (sender, seen, is_podman) = shared.clone();
            async move {
                let mut sender = sender.lock().await;
                sender.ready().await?;
                seen.begin_answer(if request.uri().path() == LIST { MAX_LIST } else { MAX_CONTAINER });
                let response = sender.send_request(origin_form(request)).await?;
                is_podman.store(response.headers().contains_key(PODMAN), Ordering::Relaxed);
                Ok(response)
            }
            .boxed()
        });
        let transport = Arc::clone(&ask);
        let transport = move |request: BollardRequest| transport(request);
        let docker =
            Docker::connect_with_custom_transport(transport, Some("http://engine"), NO_TIMEOUT, API_DEFAULT_VERSION);
        Ok(Self { docker: docker.map_err(|error| Error::failed(error.to_string()))?, ask, seen, is_podman })
    }

    /// Inspects a container by name or ID; `None` if the engine knows none, or several, by it.
    pub(crate) async fn inspect(&self, name: &str) -> Result<Option<ContainerInspectResponse>> {
        match self.docker.inspect_container(name, None).await {
            Ok(answer) => Ok(Some(answer)),
            // For an ambiguous prefix, engines return 400, 404 or 500 with different texts; the list settles it.
            Err(bollard::errors::Error::DockerResponseServerError { status_code: 404, .. }) => Ok(None),
            Err(bollard::errors::Error::DockerResponseServerError { message, .. })
                if message.to_ascii_lowercase().contains("multiple ids") =>
            {
                Ok(None)
            }
            Err(error) => Err(self.explain(&error)),
        }
    }

    /// Lists containers. Bollard's model of the answer takes a hundred times the memory of the answer itself.
    pub(crate) async fn list(&self, state: State) -> Result<Vec<Listed>> {
        let mut request = BollardRequest::new(body_full(Bytes::new()));
        *request.uri_mut() = Uri::from_static(match state {
            State::Running => LIST,
            State::Any => "/containers/json?all=true",
        });
        let answer = (self.ask)(request).await.map_err(|error| self.explain(&error))?;
        let status = answer.status();
        let body = answer.into_body().collect().await.map_err(|error| self.explain(&error.into()))?.to_bytes();
        match status {
            StatusCode::OK => listing::parse(&body),
            _ => Err(Error::failed(format!("the engine answered {status} to a request for its containers"))),
        }
    }

    /// The kind of engine that gave the last answer: podman sends a header of its own.
    pub(crate) fn kind(&self) -> Kind {
        if self.is_podman.load(Ordering::Relaxed) { Kind::Podman } else { Kind::Docker }
    }

    /// Waits until a request was sent.
    pub(crate) async fn asked(&self) {
        self.seen.asked().await;
    }

    /// The pidfd of the process that wrote the first answer; see [`Seen::take_writer`].
    pub(crate) fn take_writer(&self) -> Option<OwnedFd> {
        self.seen.take_writer()
    }

    fn explain(&self, error: &bollard::errors::Error) -> Error {
        use bollard::errors::Error as Engine;
        if self.seen.overflow() {
            return Error::failed("the engine's answer is too large (more than 512 KiB, or 8 MiB for a list)");
        }
        match error {
            Engine::DockerResponseServerError { status_code, message } => {
                Error::failed(format!("the engine answered {status_code}: {}", brief(message)))
            }
            Engine::JsonDataError { .. } | Engine::JsonSerdeError { .. } => not_understood(&error.to_string()),
            Engine::HyperResponseError { err } => {
                let cause = std::error::Error::source(err).map(|cause| format!(" ({cause})")).unwrap_or_default();
                not_understood(&format!("{err}{cause}"))
            }
            _ => Error::failed(format!("ask the engine: {}", brief(&error.to_string()))),
        }
    }
}

/// A request in origin form: only the path in its first line, and a Host.
fn origin_form(mut request: BollardRequest) -> BollardRequest {
    if let Some(path) = request.uri().path_and_query() {
        *request.uri_mut() = path.clone().into();
    }
    request.headers_mut().insert(HOST, HeaderValue::from_static("engine"));
    request
}
