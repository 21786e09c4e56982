//! The engine's API, spoken by bollard over a connection of our own, with an end to what is read from it.

use std::io;
use std::os::unix::net::UnixStream;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};

use bollard::models::{ContainerInspectResponse, ContainerSummary};
use bollard::query_parameters::ListContainersOptions;
use bollard::{API_DEFAULT_VERSION, BollardRequest, Docker};
use hyper::header::{HOST, HeaderValue};
use hyper_util::rt::TokioIo;
use nicon_core::{Doing, Error, Result};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::sync::Mutex;

/// The most that is read from one engine, in bytes: an inspect answer is some 10 KiB, a list of 1,000 containers 2 MiB.
pub(crate) const MAX_ANSWER: usize = 8 << 20;

/// Bollard's own time-out ends before the body is read; ours is put around the whole hop.
const NO_TIMEOUT: u64 = u64::MAX;

/// An engine at the other end of a socket.
pub(crate) struct Engine {
    docker: Docker,
    overflow: Arc<AtomicBool>,
}

impl Engine {
    /// Begins to speak HTTP over a connected socket, which does not block.
    pub(crate) async fn new(stream: UnixStream) -> Result<Self> {
        let stream = tokio::net::UnixStream::from_std(stream).doing(|| "watch the socket")?;
        let overflow = Arc::new(AtomicBool::new(false));
        let limited = Limited { stream, left: MAX_ANSWER, overflow: Arc::clone(&overflow) };
        let handshake = hyper::client::conn::http1::handshake(TokioIo::new(limited)).await;
        let (sender, connection) = handshake.map_err(|error| Error::failed(format!("begin HTTP: {error}")))?;
        tokio::spawn(connection);

        let sender = Arc::new(Mutex::new(sender));
        let transport = move |request: BollardRequest| {
            let sender = Arc::clone(&sender);
            async move { Ok(sender.lock().await.send_request(origin_form(request)).await?) }
        };
        let docker =
            Docker::connect_with_custom_transport(transport, Some("http://engine"), NO_TIMEOUT, API_DEFAULT_VERSION);
        Ok(Self { docker: docker.map_err(|error| Error::failed(error.to_string()))?, overflow })
    }

    /// Inspects a container by name or ID; `None` where the engine knows none, or several, by it.
    pub(crate) async fn inspect(&self, name: &str) -> Result<Option<ContainerInspectResponse>> {
        match self.docker.inspect_container(name, None).await {
            Ok(answer) => Ok(Some(answer)),
            // Engines tell an ambiguous prefix with 400, 404 or 500, each in its own words; the list settles it.
            Err(bollard::errors::Error::DockerResponseServerError { status_code: 404, .. }) => Ok(None),
            Err(bollard::errors::Error::DockerResponseServerError { message, .. })
                if message.to_ascii_lowercase().contains("multiple ids") =>
            {
                Ok(None)
            }
            Err(error) => Err(self.explain(&error)),
        }
    }

    /// Lists all containers, stopped ones as well.
    pub(crate) async fn list(&self) -> Result<Vec<ContainerSummary>> {
        let all = ListContainersOptions { all: true, ..Default::default() };
        self.docker.list_containers(Some(all)).await.map_err(|error| self.explain(&error))
    }

    fn explain(&self, error: &bollard::errors::Error) -> Error {
        use bollard::errors::Error as Engine;
        if self.overflow.load(Ordering::Relaxed) {
            return Error::failed("the engine's answer is too large (more than 8 MiB)");
        }
        Error::failed(match error {
            Engine::DockerResponseServerError { status_code, message } => {
                format!("the engine answered {status_code}: {}", message.chars().take(300).collect::<String>())
            }
            Engine::JsonDataError { .. } | Engine::JsonSerdeError { .. } => {
                format!("the engine's answer is not understood: {error}")
            }
            Engine::HyperResponseError { err } => {
                let cause = std::error::Error::source(err).map(|cause| format!(" ({cause})")).unwrap_or_default();
                format!("the engine's answer is not understood: {err}{cause}")
            }
            _ => format!("ask the engine: {error}"),
        })
    }
}

/// A request as a server that is no proxy expects it: only the path in its first line, and a Host.
fn origin_form(mut request: BollardRequest) -> BollardRequest {
    if let Some(path) = request.uri().path_and_query() {
        *request.uri_mut() = path.clone().into();
    }
    request.headers_mut().insert(HOST, HeaderValue::from_static("engine"));
    request
}

/// A stream that fails once too much has been read from it.
struct Limited {
    stream: tokio::net::UnixStream,
    left: usize,
    overflow: Arc<AtomicBool>,
}

impl AsyncRead for Limited {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let before = buf.filled().len();
        let poll = Pin::new(&mut self.stream).poll_read(cx, buf);
        let Some(left) = self.left.checked_sub(buf.filled().len() - before) else {
            self.overflow.store(true, Ordering::Relaxed);
            return Poll::Ready(Err(io::ErrorKind::FileTooLarge.into()));
        };
        self.left = left;
        poll
    }
}

impl AsyncWrite for Limited {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(cx, buf)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}
