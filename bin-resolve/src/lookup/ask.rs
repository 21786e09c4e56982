//! Asks the engines of one site for a name.

use std::sync::Arc;

use futures_util::FutureExt;
use futures_util::future::{join, join_all};
use nicon_core::{Error, Result, Status};
use nix::libc;

use crate::engine::address::Address;
use crate::engine::api::connection::Connection;
use crate::engine::api::pool::has_ended;
use crate::engine::container::Container;
use crate::engine::endpoint::Endpoint;
use crate::engine::settings::within;
use crate::engine::state::disk::{Disk, FileAnswer};
use crate::lookup::fallback::ask_in_time;
use crate::lookup::prefetch::look_ahead;
use crate::lookup::site::EngineSite;
use crate::lookup::suggest::untold;
use crate::proof::claim::{Claim, Via};
use crate::query::{Kind, Qualifier};

/// The answer of one engine.
pub(super) struct Answer {
    /// Whether there is such an engine.
    pub(super) is_there: bool,
    pub(super) claim: Result<Option<Claim>>,
    /// What could not be read, where it may be that was asked for.
    pub(super) unread: Option<Error>,
    /// The kind of engine that was asked.
    pub(super) kind: Option<Kind>,
}

impl Answer {
    pub(super) fn new(is_there: bool, claim: Result<Option<Claim>>) -> Self {
        Self { is_there, claim, unread: None, kind: None }
    }

    async fn from_files(disk: &Disk<'_>, name: &str) -> Self {
        match Claim::from_files(disk, name).await {
            Ok(FileAnswer { found, unread }) => Self { unread, ..Self::new(true, Ok(found)) },
            Err(error) => Self::new(true, Err(error)),
        }
    }

    /// Whether it says nothing of the name: there may be the socket of an engine that has ended.
    pub(super) fn is_nothing(&self) -> bool {
        match &self.claim {
            Ok(claim) => claim.is_none() && self.unread.is_none(),
            Err(error) => error.errno() == Some(libc::ECONNREFUSED),
        }
    }

    /// The engine, if it is one of those whose files say that the container is defined, and no more.
    pub(super) fn defined(&self) -> Option<Kind> {
        let kind = self.kind.filter(|kind| matches!(kind, Kind::Lxc | Kind::Incus))?;
        (self.is_no() && !self.is_nothing()).then_some(kind)
    }

    /// Whether it says nothing, or that the container does not run: files do not say where another runtime has its state.
    pub(super) fn is_no(&self) -> bool {
        self.is_nothing() || self.claim.as_ref().is_err_and(|error| error.status() == Status::No)
    }
}

/// Asks the engines of the site itself.
pub(super) async fn ask_near(site: &EngineSite<'_>, of: &Qualifier, name: &str) -> Result<Vec<Answer>> {
    let endpoints = site.near(of).await?;
    let Some((first, others)) = endpoints.split_first() else { return Ok(Vec::new()) };
    let ask_first = async {
        let answer = ask(site, first, name, of).await;
        site.engines.set_asked();
        answer
    };
    // Look for the other engines while the likeliest one works on its answer.
    let ask_rest = async {
        site.engines.asked().await;
        look_ahead(others, &site.extent_for(of, name)).await;
        join_all(others.iter().map(|one| ask(site, one, name, of))).await
    };
    let (first, others) = join(ask_first, ask_rest).await;
    Ok(std::iter::once(first).chain(others).collect())
}

/// Asks the engines of all other users, none of whom can keep the others from being heard.
pub(super) async fn ask_others(site: &EngineSite<'_>, of: &Qualifier, name: &str) -> Result<Vec<Answer>> {
    let ask_one = async |endpoint: &Arc<Endpoint>| {
        let asking = ask(site, endpoint, name, of).map(Ok);
        let answer = within(site.settings.timeout / 2, asking).await;
        let answer = answer.unwrap_or_else(|late| Answer::new(true, Err(late)));
        Answer { claim: answer.claim.map_err(|error| error.prefix(endpoint.address.to_string())), ..answer }
    };
    let endpoints = site.others(of).await?;
    let answers = join_all(endpoints.iter().map(ask_one)).await;
    let unread = site.left_out(of, &endpoints).await?;
    let left_out = unread.map(|error| Answer { unread: Some(error), ..Answer::new(false, Ok(None)) });
    let is_denied = |answer: &Answer| answer.claim.as_ref().is_err_and(|error| site.is_denied(error));
    Ok(answers.into_iter().filter(|answer| !is_denied(answer)).chain(left_out).collect())
}

/// Asks one engine.
pub(super) async fn ask(site: &EngineSite<'_>, endpoint: &Endpoint, name: &str, asked: &Qualifier) -> Answer {
    let tried = try_to_ask(site, endpoint, name, asked).await;
    let answer = tried.unwrap_or_else(|error| Answer::new(false, Err(error)));
    Answer { kind: Some(endpoint.kind()), ..answer }
}

async fn try_to_ask(site: &EngineSite<'_>, endpoint: &Endpoint, name: &str, asked: &Qualifier) -> Result<Answer> {
    let (kind, wanted) = (endpoint.kind(), site.extent_for(asked, name));
    let question = async |connection: &Connection| {
        let claim = ask_api(site, endpoint, connection, name).await;
        let other = connection.engine.kind();
        if asked.engine.is_some() && claim.is_ok() && other != kind {
            let (other, socket) = (other.name(), connection.socket.display());
            return Err(Error::failed(format!("{other} answers at {socket}, not {}", kind.name())));
        }
        claim
    };
    // An engine is not started for a name that its files do not have. If they cannot be read, our own may be; not by a watch.
    if site.is_asleep(endpoint).await {
        let may_start = site.settings.starts_engines && site.is_near(&endpoint.address);
        match site.on_disk(endpoint, &wanted).await? {
            Some(disk) => {
                let answer = Answer::from_files(&disk, name).await;
                if answer.unread.is_none() || !may_start {
                    return Ok(answer);
                }
            }
            None if !site.settings.starts_engines && endpoint.store.is_none() => return Err(untold(site, endpoint)),
            None if !site.settings.starts_engines => return Ok(Answer::new(false, Ok(None))),
            None => {}
        }
    }
    let by_socket = site.ask(endpoint, question).await;
    match by_socket {
        Ok(Some(claim)) => return Ok(Answer::new(true, Ok(claim))),
        Err(error) if error.errno() != Some(libc::ECONNREFUSED) && !has_ended(&error) => {
            return Ok(Answer::new(true, Err(error)));
        }
        Ok(None) | Err(_) => {}
    }
    match site.on_disk(endpoint, &wanted).await {
        Ok(Some(disk)) => Ok(Answer::from_files(&disk, name).await),
        Ok(None) => by_socket.map(|_| Answer::new(false, Ok(None))),
        Err(error) => Ok(Answer { unread: Some(error), ..Answer::new(false, Ok(None)) }),
    }
}

/// Asks through a socket.
async fn ask_api(
    site: &EngineSite<'_>,
    endpoint: &Endpoint,
    connection: &Connection,
    name: &str,
) -> Result<Option<Claim>> {
    let asking = async {
        let container = find_over(site, connection, name).await?;
        container.map(|container| claim_of(site, endpoint, connection, name, container)).transpose()
    };
    let by_files = async |disk: &Disk<'_>, _| {
        let found = Claim::from_files(disk, name).await?.found;
        let claim = found.ok_or_else(|| Error::no("it is not in the files"))?;
        site.prove(name, &claim).await.map(|_| Some(claim))
    };
    ask_in_time(site, endpoint, connection, name, asking, by_files).await
}

/// What an engine said, and which processes may have said it.
fn claim_of(
    site: &EngineSite<'_>,
    endpoint: &Endpoint,
    connection: &Connection,
    name: &str,
    container: Container,
) -> Result<Claim> {
    let daemons = connection.daemons()?;
    let (daemon, socket) = (daemons[0], &connection.socket);
    site.settings.log(name, || {
        let (pid, pidns) = (daemon.process.pid(), daemon.pidns.id().ino);
        format!("the engine at {} is process {pid}, in PID namespace {pidns}", socket.display())
    });
    let namespaces = daemons.iter().map(|daemon| daemon.pidns.clone()).collect();
    let (daemon, pidns) = (daemon.process.pid(), daemon.pidns.id());
    let via = Via::Api { socket: socket.clone(), daemon, pidns, file: None };
    let bounds = site.bounds.and(&endpoint.bounds).and(&connection.bounds()?);
    let engine = Address { kind: connection.engine.kind(), ..endpoint.address.clone() };
    Ok(Claim::new(container, engine, via, namespaces, bounds))
}

/// Asks over a connection, and prepares for the answer while the engine works on it.
async fn find_over(site: &EngineSite<'_>, connection: &Connection, name: &str) -> Result<Option<Container>> {
    let meanwhile = || {
        site.engines.set_asked();
        // A failure is reported when the answer is there.
        let _ = connection.listener();
    };
    connection.find(name, meanwhile).await
}
