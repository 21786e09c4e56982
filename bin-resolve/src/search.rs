//! Asks every engine that is present for one name, and decides on one container.

use std::sync::Arc;

use futures_util::future::{join, join_all};
use nicon_core::container::is_short_id;
use nicon_core::{Error, Result, Status};
use tokio::time::timeout;

use crate::address::Address;
use crate::claim::{Claim, Found, Via};
use crate::container::{Container, Fit, fit};
use crate::disk::{Disk, Extent, Told};
use crate::endpoint::Endpoint;
use crate::fallback::Answered;
use crate::hop::late;
use crate::kind::Qualifier;
use crate::listing::State;
use crate::missing;
use crate::name::{show, spell};
use crate::pool::Connection;
use crate::roster::Member;
use crate::scope::Scope;
use crate::survey::paths_of;
use crate::unusual::Whose;

/// The answer of one engine.
struct Answer {
    /// Whether there is such an engine.
    is_there: bool,
    claim: Result<Option<Claim>>,
    /// What could not be read, where it may be that was asked for.
    unread: Option<Error>,
}

impl Answer {
    fn new(is_there: bool, claim: Result<Option<Claim>>) -> Self {
        Self { is_there, claim, unread: None }
    }

    async fn from_files(disk: &Disk<'_>, name: &str) -> Self {
        match Claim::from_files(disk, name).await {
            Ok(Told { found, unread }) => Self { is_there: true, claim: Ok(found), unread },
            Err(error) => Self::new(true, Err(error)),
        }
    }

    /// Whether it says nothing of the name: there may be the socket of an engine that has ended.
    fn is_nothing(&self) -> bool {
        match &self.claim {
            Ok(claim) => claim.is_none() && self.unread.is_none(),
            Err(error) => error.errno() == Some(nix::libc::ECONNREFUSED),
        }
    }

    /// Whether it says nothing, or that the container does not run: files do not say where another runtime has its state.
    fn is_no(&self) -> bool {
        self.is_nothing() || self.claim.as_ref().is_err_and(|error| error.status() == Status::No)
    }
}

impl Scope<'_> {
    /// Finds the container called `name`, by engines that are `of` those asked for.
    ///
    /// # Errors
    /// [`Status::No`] if no engine runs it; [`Status::Failed`] if several do, or one of them failed.
    pub(crate) async fn find(&self, of: &Qualifier, name: &str) -> Result<Found> {
        let mut answers = self.ask_near(of, name).await?;
        // What an ordinary user may not ask hides nothing of their own.
        let is_denied = |answer: &Answer| match (&answer.claim, &answer.unread) {
            (Err(error), _) | (Ok(None), Some(error)) => self.is_denied(error),
            _ => false,
        };
        for whose in [Whose::Near, Whose::Users] {
            if whose == Whose::Users {
                // What root has is root's, even if it has ended.
                if !answers.iter().all(|answer| answer.is_nothing() || is_denied(answer)) {
                    break;
                }
                answers.extend(self.ask_others(of, name).await?);
            }
            if !answers.iter().all(|answer| answer.is_no() || is_denied(answer)) {
                break;
            }
            match self.find_unusual(whose, of, name).await {
                Ok(Told { found: Some(found), .. }) => return Ok(found),
                Ok(Told { found: None, unread }) => answers.push(Answer { unread, ..Answer::new(false, Ok(None)) }),
                Err(error) => answers.push(Answer::new(true, Err(error))),
            }
        }
        self.settle(of, name, answers).await
    }

    /// Finds a container that was listed, as it was proved then, by its bundle, or by asking the engine that listed it for its ID.
    ///
    /// # Errors
    /// [`Status::No`] if it is no longer running; [`Status::Failed`] if that is unknown.
    pub(crate) async fn find_listed(&self, member: &Member) -> Result<Found> {
        if member.is_twin {
            let (engine, id) = (&member.place, &member.id);
            return Err(Error::failed(format!(
                "{engine} runs several containers \"{id}\", which no path tells apart (begin the path with the process, as in \
                 pid:4242)"
            )));
        }
        if let Some(found) = member.found.take()
            && found.process.is_alive()
        {
            return Ok(*found);
        }
        if let Some(bundle) = &member.bundle {
            let claim = bundle.claim(member)?;
            if let Ok(found) = self.proved(&member.name, claim).await {
                return Ok(found);
            }
        }
        let gone = || Error::no(format!("container \"{}\" is gone", member.name));
        let of = Qualifier { namespace: member.namespace.clone(), ..Qualifier::default() };
        let endpoint = self.at(&member.place).await?.ok_or_else(gone)?;
        let Answer { claim, .. } = self.ask(&endpoint, &member.id, &of).await;
        // If it is gone, its ID may be another's name.
        let (claim, no) = match claim {
            Ok(claim) => (claim.filter(|claim| claim.container.id == member.id), gone()),
            Err(error) if error.status() == Status::No => (None, error),
            Err(error) => return Err(error),
        };
        let Some(claim) = claim else {
            let whose = if self.is_near(&member.place) { Whose::Near } else { Whose::Users };
            let of = Qualifier { namespace: member.namespace.clone(), ..member.place.qualifier() };
            return self.find_unusual(whose, &of, &member.id).await?.found.ok_or(no);
        };
        match self.prove(&member.name, &claim).await {
            Ok((process, proof)) => Ok(claim.by(process, proof)),
            // Files outlive containers.
            Err(error) if claim.is_of_files() && self.has_ended(&claim) => Err(error.as_no()),
            Err(error) => Err(error),
        }
    }

    async fn ask_near(&self, of: &Qualifier, name: &str) -> Result<Vec<Answer>> {
        let endpoints = self.near(of).await?;
        let Some((first, others)) = endpoints.split_first() else { return Ok(Vec::new()) };
        let ask_first = async {
            let answer = self.ask(first, name, of).await;
            self.engines.set_asked();
            answer
        };
        // Look for the other engines while the likeliest one works on its answer.
        let ask_others = async {
            self.engines.asked().await;
            first.root.look_for(paths_of(others, &self.extent_for(of, name))).await;
            join_all(others.iter().map(|one| self.ask(one, name, of))).await
        };
        let (first, others) = join(ask_first, ask_others).await;
        Ok(std::iter::once(first).chain(others).collect())
    }

    /// Asks the engines of all other users, none of whom can keep the others from being heard.
    async fn ask_others(&self, of: &Qualifier, name: &str) -> Result<Vec<Answer>> {
        let ask = async |endpoint: &Arc<Endpoint>| {
            let asking = self.ask(endpoint, name, of);
            let patience = self.settings.timeout / 2;
            let answer = timeout(patience, asking).await.unwrap_or_else(|_| Answer::new(true, Err(late(patience))));
            Answer { claim: answer.claim.map_err(|error| error.prefix(endpoint.address.to_string())), ..answer }
        };
        let endpoints = self.others(of).await?;
        let answers = join_all(endpoints.iter().map(ask)).await;
        Ok(answers
            .into_iter()
            .filter(|answer| !answer.claim.as_ref().is_err_and(|error| self.is_denied(error)))
            .collect())
    }

    /// What is wanted of engines' files to find a name there. What Docker keeps in containerd's has none but IDs.
    pub(crate) fn extent_for(&self, of: &Qualifier, name: &str) -> Extent {
        let extent = self.extent_of(of);
        Extent { all: extent.all || is_short_id(name), ..extent }
    }

    async fn ask(&self, endpoint: &Endpoint, name: &str, asked: &Qualifier) -> Answer {
        let tried = self.try_to_ask(endpoint, name, asked).await;
        tried.unwrap_or_else(|error| Answer::new(false, Err(error)))
    }

    async fn try_to_ask(&self, endpoint: &Endpoint, name: &str, asked: &Qualifier) -> Result<Answer> {
        let (kind, wanted) = (endpoint.kind(), self.extent_for(asked, name));
        let question = async |connection: &Connection| {
            let claim = self.ask_api(endpoint, connection, name).await;
            let other = connection.engine.kind();
            if asked.engine.is_some() && claim.is_ok() && other != kind {
                let (other, socket) = (other.name(), connection.socket.display());
                return Err(Error::failed(format!("{other} answers at {socket}, not {}", kind.name())));
            }
            claim
        };
        // An engine is not started for a name that its files do not have. If they cannot be read, our own may be.
        if self.is_asleep(endpoint).await
            && let Some(disk) = self.on_disk(endpoint, &wanted).await?
        {
            let answer = Answer::from_files(&disk, name).await;
            if answer.unread.is_none() || !self.is_near(&endpoint.address) {
                return Ok(answer);
            }
        }
        let by_socket = endpoint.pool.ask(&endpoint.root, &endpoint.sockets, question).await;
        match by_socket {
            Ok(Some(claim)) => return Ok(Answer::new(true, Ok(claim))),
            Err(error) if error.errno() != Some(nix::libc::ECONNREFUSED) => {
                return Ok(Answer::new(true, Err(error)));
            }
            Ok(None) | Err(_) => {}
        }
        match self.on_disk(endpoint, &wanted).await {
            Ok(Some(disk)) => Ok(Answer::from_files(&disk, name).await),
            Ok(None) => by_socket.map(|_| Answer::new(false, Ok(None))),
            Err(error) => Ok(Answer { unread: Some(error), ..Answer::new(false, Ok(None)) }),
        }
    }

    /// Asks through a socket.
    async fn ask_api(&self, endpoint: &Endpoint, connection: &Connection, name: &str) -> Result<Option<Claim>> {
        let container = match self.find_in_time(endpoint, connection, name, self.find_over(connection, name)).await? {
            Answered::ByFiles(claim) => return Ok(Some(claim)),
            Answered::ByDaemon(None) => return Ok(None),
            Answered::ByDaemon(Some(container)) => container,
        };
        let daemons = connection.daemons()?;
        let (daemon, socket) = (daemons[0], &connection.socket);
        self.settings.log(name, || {
            let (pid, pidns) = (daemon.process.pid(), daemon.pidns.id().ino);
            format!("the engine at {} is process {pid}, in PID namespace {pidns}", socket.display())
        });
        let namespaces = daemons.iter().map(|daemon| daemon.pidns.try_clone()).collect::<Result<_>>()?;
        let (daemon, pidns) = (daemon.process.pid(), daemon.pidns.id());
        let via = Via::Api { socket: socket.clone(), daemon, pidns, file: None };
        let bounds = self.bounds.and(&endpoint.bounds).and(&connection.bounds()?);
        let engine = Address { kind: connection.engine.kind(), ..endpoint.address.clone() };
        Ok(Some(Claim::new(container, engine, via, namespaces, bounds)))
    }

    /// Asks over a connection, and prepares for the answer while the engine works on it.
    async fn find_over(&self, connection: &Connection, name: &str) -> Result<Option<Container>> {
        let meanwhile = || {
            self.engines.set_asked();
            // A failure is reported when the answer is there.
            let _ = connection.listeners_bounds();
        };
        connection.find(name, meanwhile).await
    }

    /// Decides on one container, given all answers.
    async fn settle(&self, of: &Qualifier, name: &str, answers: Vec<Answer>) -> Result<Found> {
        let (mut found, mut refusals, mut some_there) = (Vec::<Found>::new(), Vec::new(), false);
        let mut unread = None;
        for answer in answers {
            some_there |= answer.is_there;
            unread = unread.or(answer.unread);
            let claim = match answer.claim {
                // One engine runs it for the other: it is the same container.
                Ok(Some(claim)) if found.iter().any(|found| found.is(&claim.container)) => continue,
                Ok(Some(claim)) => claim,
                Ok(None) => continue,
                Err(error) => {
                    refusals.push(error);
                    continue;
                }
            };
            match self.proved(name, claim).await {
                Ok(same) if found.iter().any(|found| found.process.pid() == same.process.pid()) => {}
                Ok(another) => found.push(another),
                Err(error) => refusals.push(error),
            }
        }
        let is_exact = |found: &Found| fit(name, &found.container.id, &found.container.name) == Some(Fit::Exact);
        if found.iter().any(is_exact) {
            found.retain(is_exact);
        }
        refusals.retain(|error| match error.errno() {
            // The socket of an engine that has ended.
            Some(nix::libc::ECONNREFUSED) => !some_there,
            // A permission for one engine is enough.
            Some(nix::libc::EACCES | nix::libc::EPERM) => found.is_empty(),
            _ => error.status() == Status::Failed || found.is_empty(),
        });
        let worst = refusals.iter().map(Error::status).max();
        let refusal = refusals.into_iter().find(|error| Some(error.status()) == worst);
        match (found.len(), refusal) {
            (0, None) => Err(match unread {
                Some(error) => error.suffix(&format!(" (so whether there is a container \"{name}\" is unknown)")),
                None => self.explain(of, name).await,
            }),
            (0, Some(refusal)) => Err(refusal),
            (1, None) => Ok(found.remove(0)),
            (1, Some(refusal)) => {
                let Found { engine, .. } = &found[0];
                let way = show(&[format!("{}{name}", engine.qualifier())]);
                Err(refusal.suffix(&format!(" (it may know the name, too; to ask only {engine}, say {way})")))
            }
            _ => Err(ambiguous(of, name, &found)),
        }
    }

    /// Why nothing was found, if no engine gave a reason.
    async fn explain(&self, of: &Qualifier, name: &str) -> Error {
        match self.list(of, State::Any).await {
            Ok(list) => missing::explain(of, name, &list.members),
            Err(error) => error,
        }
    }
}

/// The error for several containers of the same name.
fn ambiguous(of: &Qualifier, name: &str, found: &[Found]) -> Error {
    let engine = |found: &Found| found.engine.within(found.container.namespace.as_ref());
    let engines: Vec<_> = found.iter().map(engine).collect();
    let way = |(engine, found): (&Address, &Found)| {
        show(&[spell(&engine.shortest(&engines, of).unwrap_or_default(), name, &found.container.id)])
    };
    let ways = engines.iter().zip(found).map(way);
    let ways = ways.collect::<Vec<_>>().join(" or ");
    let engines = engines.iter().map(ToString::to_string).collect::<Vec<_>>().join(" and ");
    Error::failed(format!("{engines} each run a container \"{name}\" (say {ways})"))
}
