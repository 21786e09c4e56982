//! Entry points of the fuzz targets: all untrusted input, with the invariants that must hold. No part of the library's interface.

use std::os::unix::net::UnixStream;

use nicon_core::container::{innermost_id, is_id};
use nicon_core::path::{is_name, show};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::engine::api::client::Client;
use crate::engine::api::inspect::judge;
use crate::engine::api::{context, list};
use crate::engine::container::{Container, Filter, fit};
use crate::engine::state;
use crate::engine::state::conmon::Conmon;
use crate::engine::{dbus, systemd, unix_sockets};
use crate::proof::cgroup::{Placement, is_in_a_container, placement};
use crate::query::parse::{Target, parse};

/// A path: if it is accepted, it is safe in a URL, and parses to the same again after it was displayed.
///
/// # Panics
/// If that does not hold.
pub fn path(text: &str) {
    let Ok(Target::One(path)) = parse(text) else { return };
    for segment in &path {
        assert!(is_name(segment.rsplit([':', '@']).next().unwrap_or_default()), "{segment}");
    }
    let shown = show(&path);
    assert_eq!(parse(&shown).ok(), Some(Target::One(path)), "{shown}");
}

/// The list of an engine's containers: each can be asked for, in whichever parts the list comes.
///
/// # Panics
/// If that does not hold.
pub fn list(answer: &[u8]) {
    let in_parts = |length: usize| {
        let mut reader = list::Reader::default();
        answer.chunks(length).try_for_each(|part| reader.read(part)).ok()?;
        reader.end().ok()
    };
    let whole = in_parts(answer.len().max(1));
    assert_eq!(whole, in_parts(3));
    for listed in whole.into_iter().flatten() {
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
        let engine = Client::new(ours).await.expect("begin HTTP");
        if let Ok(Some(answer)) = engine.inspect(ASKED).await
            && let Ok(Some(container)) = judge(ASKED, answer)
        {
            assert!(is_id(&container.id) && container.inner_pid > 0);
            assert!(fit(ASKED, &container.id, &container.name).is_some());
        }
        let _ = engine.list(Filter::Any).await;
    });
}

/// The text of any file that an engine keeps, or of the command line of Docker or conmon: reading it ends.
///
/// # Panics
/// If what was read breaks a promise of its type.
pub fn files(text: &[u8]) {
    state::fuzz::parse(text);
    if let Some(Conmon { storage: Some(storage), state, .. }) = Conmon::parse(&String::from_utf8_lossy(text)) {
        let told = [Some(storage.graphroot), Some(storage.runroot), state];
        assert!(told.into_iter().flatten().all(|path| path.is_absolute()));
    }
    context::parse_any(text);
}

/// The texts of /proc/net/unix: a socket that is found has a number.
///
/// # Panics
/// If that does not hold.
pub fn sockets(text: &str) {
    for (_, path) in unix_sockets::listening(text) {
        assert!(!path.contains('\n'), "{path:?}");
    }
}

/// What a bus sends: each message ends, and a PID is one.
///
/// # Panics
/// If that does not hold.
pub fn bus(mut sent: &[u8]) {
    while let Ok((_, body)) = dbus::read_message(&mut sent) {
        assert!(systemd::number_in(&body).is_none_or(|pid| pid > 0), "{body:?}");
        assert!(systemd::text_in(&body).is_none_or(|text| text.len() < body.len()), "{body:?}");
    }
}

/// The cgroups of a process and its parent, separated by an empty line; `@` stands for the ID of the container. It is the first
/// process of the container only if its cgroups carry the ID, or a name that a runtime told, and its parent is elsewhere.
///
/// # Panics
/// If that does not hold.
pub fn cgroups(text: &str) {
    const ID: &str = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";
    let text = text.replace('@', ID);
    let (own, parents) = text.split_once("\n\n").unwrap_or((&text, ""));
    if is_in_a_container(own) {
        assert!(own.lines().any(|line| innermost_id(line).is_some()), "{own}");
    }
    for (id, starttime, names) in [(ID, None, &[][..]), ("web", Some(1), &["made-up"][..]), ("web", None, &[])] {
        let names: Vec<String> = names.iter().map(ToString::to_string).collect();
        let container = Container { id: id.to_owned(), starttime, cgroups: names.clone(), ..Container::default() };
        assert_ne!(placement(own, own, &container), Placement::First, "{own}");
        if placement(own, parents, &container) != Placement::First {
            continue;
        }
        let is_told = |line: &str| line.contains(id) || names.iter().any(|name| line.ends_with(name.as_str()));
        assert!(own.lines().any(is_told), "{own}");
        assert!(is_id(id) || starttime.is_some(), "an ID that anybody may choose takes a start time");
    }
}

/// Waits for the first request, as HTTP requires, and sends the whole input.
async fn answer(mut engine: tokio::net::UnixStream, sent: Vec<u8>) {
    let _ = engine.read(&mut [0; 1024]).await;
    let _ = engine.write_all(&sent).await;
}
