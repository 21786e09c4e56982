//! An engine's stream of events. Nothing that it says is believed, or even read: that it says something is a reason to ask anew.

use std::os::unix::net::UnixStream;
use std::time::SystemTime;

use bollard::{BollardRequest, body_full};
use http_body_util::BodyExt;
use hyper::body::{Bytes, Incoming};
use hyper::header::{HOST, HeaderValue};
use hyper::{StatusCode, Uri};
use hyper_util::rt::TokioIo;
use nicon_core::{Context, Error, Result};

/// The events after which other containers may run, or have other names: `start`, `restore`, `rename`, `pause`, `unpause`. That one
/// has ended is known from its process.
const FILTERS: &str = "%7B%22type%22%3A%5B%22container%22%5D%2C%22event%22%3A%5B%22start%22%2C%22restore%22%2C%22rename%22%2C%22pause%22%2C%22unpause%22%5D%7D";

/// The events of one engine, from before this was made.
pub(crate) struct Events(Incoming);

impl Events {
    /// Asks for the events of the engine at the other end of a connected, non-blocking socket, and waits until it has begun to tell
    /// them, which may be never.
    ///
    /// # Errors
    /// If it does not tell any.
    pub(crate) async fn follow(stream: UnixStream) -> Result<Self> {
        let stream = tokio::net::UnixStream::from_std(stream).context(|| "watch the socket")?;
        let handshake = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await;
        let (mut sender, connection) = handshake.map_err(|error| Error::failed(format!("begin HTTP: {error}")))?;
        // It ends when the body is dropped.
        tokio::spawn(connection);
        // An engine may answer before it begins to collect them: what has happened meanwhile, it tells as well.
        let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        let path = format!("/events?since={}.{:09}&filters={FILTERS}", since.as_secs(), since.subsec_nanos());
        let mut request = BollardRequest::new(body_full(Bytes::new()));
        *request.uri_mut() = path.parse::<Uri>().map_err(|error| Error::failed(format!("ask for events: {error}")))?;
        request.headers_mut().insert(HOST, HeaderValue::from_static("engine"));
        let answer = sender.send_request(request).await;
        let answer = answer.map_err(|error| Error::failed(format!("ask for events: {error}")))?;
        match answer.status() {
            StatusCode::OK => Ok(Self(answer.into_body())),
            status => Err(Error::failed(format!("the engine answered {status} to a request for its events"))),
        }
    }

    /// Waits for the next one; `None` if there are no more.
    pub(crate) async fn next(&mut self) -> Option<()> {
        self.0.frame().await?.ok().map(drop)
    }
}
