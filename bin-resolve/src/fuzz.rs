//! Entry points of the fuzz targets: all untrusted input, with the invariants that must hold.

use std::os::unix::net::UnixStream;

use tokio::io::{AsyncReadExt, AsyncWriteExt};

use nicon_core::container::is_id;

use crate::container::{fit, judge};
use crate::engine::Engine;
use crate::listing::{self, State};
use crate::name::{self, Asked, is_name};

/// A path: if it is accepted, it is safe in a URL, and parses to the same again after it was displayed.
///
/// # Panics
/// If that does not hold.
pub fn path(text: &str) {
    let Ok(Asked::One(path)) = name::parse(text) else { return };
    for segment in &path {
        assert!(is_name(segment.rsplit(':').next().unwrap_or_default()), "{segment}");
    }
    let shown = name::show(&path);
    assert_eq!(name::parse(&shown).ok(), Some(Asked::One(path)), "{shown}");
}

/// The list of an engine's containers: each can be asked for.
///
/// # Panics
/// If that does not hold.
pub fn list(answer: &[u8]) {
    for listed in listing::parse(answer).into_iter().flatten() {
        assert!(is_name(&listed.name), "{listed:?}");
    }
}

/// Everything that an engine sends, from the first header on: reading it ends, and an accepted container is the one
/// that was asked for.
///
/// # Panics
/// If that does not hold.
pub fn engine(sent: &[u8]) {
    const ASKED: &str = "web";
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("start the event loop");
    runtime.block_on(async {
        let (ours, theirs) = UnixStream::pair().expect("make a socket pair");
        ours.set_nonblocking(true).expect("make it non-blocking");
        theirs.set_nonblocking(true).expect("make it non-blocking");
        let theirs = tokio::net::UnixStream::from_std(theirs).expect("watch the socket");
        tokio::spawn(answer(theirs, sent.to_owned()));
        let engine = Engine::new(ours).await.expect("begin HTTP");
        if let Ok(Some(answer)) = engine.inspect(ASKED).await
            && let Ok(Some(container)) = judge(ASKED, answer)
        {
            assert!(is_id(&container.id) && container.inner_pid > 0);
            assert!(fit(ASKED, &container.id, &container.name).is_some());
        }
        let _ = engine.list(State::Any).await;
    });
}

/// Waits for the first request, as HTTP requires, and sends the whole input.
async fn answer(mut engine: tokio::net::UnixStream, sent: Vec<u8>) {
    let _ = engine.read(&mut [0; 1024]).await;
    let _ = engine.write_all(&sent).await;
}
