//! Asks each engine that is there for one name, and settles on one container.

use futures_util::future::{join, join_all};
use nicon_core::{Error, Result, Status};
use nix::errno::Errno;

use crate::claim::{Claim, Found, Via};
use crate::ground::Ground;
use crate::kind::Kind;
use crate::late::Said;
use crate::listing::State;
use crate::missing;
use crate::reach::Connection;
use crate::root::Root;
use crate::roster::Member;

/// What one kind of engine had to say.
struct Answer {
    /// Whether there is one.
    is_there: bool,
    claim: Result<Option<Claim>>,
}

impl Ground<'_> {
    /// Finds the container called `name`.
    ///
    /// # Errors
    /// [`Status::No`] where no engine runs it; [`Status::Failed`] where several do, or one cannot tell.
    pub(crate) async fn find(&self, kind: Option<Kind>, name: &str) -> Result<Found> {
        let kinds = self.kinds(kind);
        let root = self.root(&kinds, kind).await?;
        let (first, others) = kinds.split_first().expect("some kind is asked");
        // While the likeliest engine works on its answer, there is time to look for the others.
        let ask_others = async {
            root.look_for(self.paths_of(others, kind)).await;
            join_all(others.iter().map(|one| self.ask(*one, root, name, kind))).await
        };
        let (first, others) = join(self.ask(*first, root, name, kind), ask_others).await;
        self.settle(kind, name, std::iter::once(first).chain(others).collect()).await
    }

    /// Finds a container that was listed. Whatever else has its name: only the engine that listed it is asked, for its ID.
    ///
    /// # Errors
    /// [`Status::No`] where it does not run any more; [`Status::Failed`] where that cannot be told.
    pub(crate) async fn find_listed(&self, member: &Member) -> Result<Found> {
        if let Some(bundle) = &member.bundle {
            let claim = bundle.claim(member)?;
            if let Ok(found) = self.proved(&member.name, claim).await {
                return Ok(found);
            }
        }
        let root = self.root(&[member.place], None).await?;
        let Answer { claim, .. } = self.ask(member.place, root, &member.id, None).await;
        let claim = claim?.ok_or_else(|| Error::no(format!("container \"{}\" is gone", member.name)))?;
        self.proved(&member.name, claim).await
    }

    async fn ask(&self, kind: Kind, root: &Root, name: &str, asked: Option<Kind>) -> Answer {
        let tried = self.try_to_ask(kind, root, name, asked).await;
        tried.unwrap_or_else(|error| Answer { is_there: false, claim: Err(error) })
    }

    async fn try_to_ask(&self, kind: Kind, root: &Root, name: &str, asked: Option<Kind>) -> Result<Answer> {
        let question = async |connection: &Connection| {
            let claim = self.ask_api(connection, name).await;
            let other = connection.engine.kind();
            if asked.is_some() && claim.is_ok() && other != kind {
                let (other, socket) = (other.name(), connection.socket.display());
                return Err(Error::failed(format!("{other} answers at {socket}, not {}", kind.name())));
            }
            claim
        };
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

    /// Asks at a socket.
    async fn ask_api(&self, connection: &Connection, name: &str) -> Result<Option<Claim>> {
        let container = match self.find_in_time(connection, name, connection.find(name)).await? {
            Said::ByFiles(claim) => return Ok(Some(claim)),
            Said::ByDaemon(None) => return Ok(None),
            Said::ByDaemon(Some(container)) => container,
        };
        let daemons = connection.daemons()?;
        let (daemon, socket) = (daemons[0], &connection.socket);
        self.settings.tell(name, || {
            let (pid, pidns) = (daemon.process.pid(), daemon.pidns.id().ino);
            format!("the engine at {} is process {pid}, in PID namespace {pidns}", socket.display())
        });
        let namespaces = daemons.iter().map(|daemon| daemon.pidns.try_clone()).collect::<Result<_>>()?;
        let (daemon, pidns) = (daemon.process.pid(), daemon.pidns.id());
        let via = Via::Api { socket: socket.clone(), daemon, pidns, file: None };
        Ok(Some(Claim::new(container, connection.engine.kind(), via, namespaces)))
    }

    /// One container out of what the engines say.
    async fn settle(&self, kind: Option<Kind>, name: &str, answers: Vec<Answer>) -> Result<Found> {
        let (mut found, mut refusals, mut some_there) = (Vec::<Found>::new(), Vec::new(), false);
        for answer in answers {
            some_there |= answer.is_there;
            let claim = match answer.claim {
                // What one engine runs for another is one container.
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
        let is_exact = |found: &Found| found.container.name == name || found.container.id == name;
        if found.iter().any(is_exact) {
            found.retain(is_exact);
        }
        refusals.retain(|error| match error.errno() {
            // Its socket is left over from an engine that has ended.
            Some(Errno::ECONNREFUSED) => !some_there,
            // Whoever may ask one engine need not be permitted to ask all.
            Some(Errno::EACCES | Errno::EPERM) => found.is_empty(),
            _ => error.status() == Status::Failed || found.is_empty(),
        });
        let worst = refusals.iter().map(Error::status).max();
        let refusal = refusals.into_iter().find(|error| Some(error.status()) == worst);
        match (found.len(), refusal) {
            (0, None) => Err(self.explain(kind, name).await),
            (0, Some(refusal)) => Err(refusal),
            (1, None) => Ok(found.remove(0)),
            (1, Some(refusal)) => {
                let kind = found[0].kind.name();
                Err(refusal.and_say(&format!(" (it may know the name as well; {kind} does: say {kind}:{name})")))
            }
            _ => Err(ambiguous(name, &found)),
        }
    }

    /// Why there is no answer, where no engine gave a reason.
    async fn explain(&self, kind: Option<Kind>, name: &str) -> Error {
        match self.list(kind, State::Any).await {
            Ok(list) => missing::explain(name, &list.members),
            Err(error) => error,
        }
    }
}

/// Of several containers none is chosen.
fn ambiguous(name: &str, found: &[Found]) -> Error {
    let kinds: Vec<_> = found.iter().map(|found| found.kind.name()).collect();
    let ways: Vec<_> = kinds.iter().map(|kind| format!("{kind}:{name}")).collect();
    let (kinds, ways) = (kinds.join(" and "), ways.join(" or "));
    Error::failed(format!("{kinds} each run a container \"{name}\" (say {ways})"))
}
