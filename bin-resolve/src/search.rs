//! Asks every engine that is present for one name, and decides on one container.

use futures_util::future::{join, join_all};
use nicon_core::{Error, Result, Status};
use nix::errno::Errno;

use crate::claim::{Claim, Found, Via};
use crate::container::{Fit, fit};
use crate::fallback::Answered;
use crate::kind::{Kind, Qualifier};
use crate::listing::State;
use crate::missing;
use crate::pool::Connection;
use crate::root::Root;
use crate::roster::Member;
use crate::scope::Scope;

/// The answer of one kind of engine.
struct Answer {
    /// Whether there is such an engine.
    is_there: bool,
    claim: Result<Option<Claim>>,
}

impl Scope<'_> {
    /// Finds the container called `name`.
    ///
    /// # Errors
    /// [`Status::No`] if no engine runs it; [`Status::Failed`] if several do, or one of them failed.
    pub(crate) async fn find(&self, of: &Qualifier, name: &str) -> Result<Found> {
        let kinds = self.kinds(of.engine);
        let root = self.root(&kinds, of.engine).await?;
        let (first, others) = kinds.split_first().expect("some kind is asked");
        // Look for the other engines while the likeliest one works on its answer.
        let ask_others = async {
            root.look_for(self.paths_of(others, of.engine)).await;
            join_all(others.iter().map(|one| self.ask(*one, root, name, of))).await
        };
        let (first, others) = join(self.ask(*first, root, name, of), ask_others).await;
        match self.settle(of, name, std::iter::once(first).chain(others).collect()).await {
            Err(nobody) if nobody.status() == Status::No => self.find_by_shims(of, name).await?.ok_or(nobody),
            settled => settled,
        }
    }

    /// Finds a container that was listed, by its bundle or by asking the engine that listed it for its ID.
    ///
    /// # Errors
    /// [`Status::No`] if it is no longer running; [`Status::Failed`] if that is unknown.
    pub(crate) async fn find_listed(&self, member: &Member) -> Result<Found> {
        if member.is_twin {
            let (kind, id) = (member.kind.name(), &member.id);
            return Err(Error::failed(format!(
                "{kind} runs several containers \"{id}\", which no path tells apart (begin the path with the process, as in \
                 pid:4242)"
            )));
        }
        if let Some(bundle) = &member.bundle {
            let claim = bundle.claim(member)?;
            if let Ok(found) = self.proved(&member.name, claim).await {
                return Ok(found);
            }
        }
        let root = self.root(&[member.place], None).await?;
        let of = Qualifier { namespace: member.namespace.clone(), ..Qualifier::default() };
        let Answer { claim, .. } = self.ask(member.place, root, &member.id, &of).await;
        // If it is gone, its ID may be another's name.
        if let Some(claim) = claim?.filter(|claim| claim.container.id == member.id) {
            return self.proved(&member.name, claim).await;
        }
        let elsewhere = self.find_by_shims(&Qualifier { engine: Some(member.kind), ..of }, &member.id).await?;
        elsewhere.ok_or_else(|| Error::no(format!("container \"{}\" is gone", member.name)))
    }

    async fn ask(&self, kind: Kind, root: &Root, name: &str, asked: &Qualifier) -> Answer {
        let tried = self.try_to_ask(kind, root, name, asked).await;
        tried.unwrap_or_else(|error| Answer { is_there: false, claim: Err(error) })
    }

    async fn try_to_ask(&self, kind: Kind, root: &Root, name: &str, asked: &Qualifier) -> Result<Answer> {
        let question = async |connection: &Connection| {
            let claim = self.ask_api(connection, name).await;
            let other = connection.engine.kind();
            if asked.engine.is_some() && claim.is_ok() && other != kind {
                let (other, socket) = (other.name(), connection.socket.display());
                return Err(Error::failed(format!("{other} answers at {socket}, not {}", kind.name())));
            }
            claim
        };
        // Its files first: that a path is asked for should start an engine only if they do not answer.
        if self.is_asleep(kind, root)
            && let Some(disk) = self.on_disk(kind, root, asked).await?
        {
            let claim = Claim::from_files(&disk, name).await;
            if !matches!(claim, Ok(None)) {
                return Ok(Answer { is_there: true, claim });
            }
        }
        let by_socket = self.at_socket(kind, root, question).await;
        match by_socket {
            Ok(Some(claim)) => return Ok(Answer { is_there: true, claim: Ok(claim) }),
            Err(error) if error.errno() != Some(Errno::ECONNREFUSED) => {
                return Ok(Answer { is_there: true, claim: Err(error) });
            }
            Ok(None) | Err(_) => {}
        }
        match self.on_disk(kind, root, asked).await? {
            Some(disk) => Ok(Answer { is_there: true, claim: Claim::from_files(&disk, name).await }),
            None => by_socket.map(|_| Answer { is_there: false, claim: Ok(None) }),
        }
    }

    /// Asks through a socket.
    async fn ask_api(&self, connection: &Connection, name: &str) -> Result<Option<Claim>> {
        let container = match self.find_in_time(connection, name, connection.find(name)).await? {
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
        let bounds = self.bounds.and(&connection.bounds()?);
        Ok(Some(Claim::new(container, connection.engine.kind(), via, namespaces, bounds)))
    }

    /// Decides on one container, given all answers.
    async fn settle(&self, of: &Qualifier, name: &str, answers: Vec<Answer>) -> Result<Found> {
        let (mut found, mut refusals, mut some_there) = (Vec::<Found>::new(), Vec::new(), false);
        for answer in answers {
            some_there |= answer.is_there;
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
            Some(Errno::ECONNREFUSED) => !some_there,
            // A permission for one engine is enough.
            Some(Errno::EACCES | Errno::EPERM) => found.is_empty(),
            _ => error.status() == Status::Failed || found.is_empty(),
        });
        let worst = refusals.iter().map(Error::status).max();
        let refusal = refusals.into_iter().find(|error| Some(error.status()) == worst);
        match (found.len(), refusal) {
            (0, None) => Err(self.explain(of, name).await),
            (0, Some(refusal)) => Err(refusal),
            (1, None) => Ok(found.remove(0)),
            (1, Some(refusal)) => {
                let kind = found[0].kind.name();
                Err(refusal.and_say(&format!(" (it may know the name, too; to ask only {kind}, say {kind}:{name})")))
            }
            _ => Err(ambiguous(name, &found)),
        }
    }

    /// Why nothing was found, if no engine gave a reason.
    async fn explain(&self, of: &Qualifier, name: &str) -> Error {
        match self.list(of, State::Any).await {
            Ok(list) => missing::explain(name, &list.members),
            Err(error) => error,
        }
    }
}

/// The error for several containers of the same name.
fn ambiguous(name: &str, found: &[Found]) -> Error {
    let kinds: Vec<_> = found.iter().map(|found| found.kind.name()).collect();
    let ways: Vec<_> = kinds.iter().map(|kind| format!("{kind}:{name}")).collect();
    let (kinds, ways) = (kinds.join(" and "), ways.join(" or "));
    Error::failed(format!("{kinds} each run a container \"{name}\" (say {ways})"))
}
