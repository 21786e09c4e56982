//! An engine's stream of events. Nothing that it says is believed, or even read: that it says something is a reason to ask anew.

use std::io::Write;
use std::os::unix::net::UnixStream;
use std::time::SystemTime;

use http_body_util::{BodyExt, Empty};
use hyper::body::{Bytes, Incoming};
use hyper::header::{HOST, HeaderValue};
use hyper::{Request, StatusCode, Uri};
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
        let mut sender = open(stream).await?;
        // An engine may answer before it begins to collect them: what has happened meanwhile, it tells as well.
        let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        let path = format!("/events?since={}.{:09}&filters={FILTERS}", since.as_secs(), since.subsec_nanos());
        let answer = sender.send_request(about(&path)?).await;
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

/// Asks the engine at the other end of a connected socket whether it is there. Nobody waits for the answer: it closes a connection over which
/// it has answered (`Server.Shutdown` of Go's net/http) at the same moment as it leaves its socket. Those that wait for events stay, and so
/// do for some seconds those over which nothing was asked.
///
/// # Errors
/// If it cannot be asked.
pub(crate) fn ask_whether_there(mut stream: &UnixStream) -> Result<()> {
    stream.write_all(b"GET /_ping HTTP/1.1\r\nHost: engine\r\n\r\n").context(|| "ask whether it is there")
}

type Sender = hyper::client::conn::http1::SendRequest<Empty<Bytes>>;

/// Begins HTTP.
async fn open(stream: UnixStream) -> Result<Sender> {
    let stream = tokio::net::UnixStream::from_std(stream).context(|| "watch the socket")?;
    let handshake = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await;
    let (sender, connection) = handshake.map_err(|error| Error::failed(format!("begin HTTP: {error}")))?;
    // It ends when nobody asks any more, and what was asked for is dropped.
    tokio::spawn(connection);
    Ok(sender)
}

fn about(path: &str) -> Result<Request<Empty<Bytes>>> {
    let mut request = Request::new(Empty::new());
    *request.uri_mut() = path.parse::<Uri>().map_err(|error| Error::failed(format!("ask for {path}: {error}")))?;
    request.headers_mut().insert(HOST, HeaderValue::from_static("engine"));
    Ok(request)
}
