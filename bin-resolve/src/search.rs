//! Asks each engine that is there for one name, and settles on one container.

use std::path::{Path, PathBuf};

use futures_util::future::{join, join_all};
use nicon_core::container::is_id;
use nicon_core::{Error, Namespace, NsId, Process, Result, Status};
use nix::errno::Errno;
use tokio::sync::OnceCell;

use crate::container::Container;
use crate::disk::Disk;
use crate::hop::Settings;
use crate::kind::Kind;
use crate::late::Said;
use crate::listing::State;
use crate::locate::{Proof, locate};
use crate::missing;
use crate::reach::{Connection, Reach};
use crate::root::Root;
use crate::roster::Member;
use crate::socket::Places;

/// The ways to the engines with a socket, in a container or on our own machine.
pub(crate) struct Reaches {
    docker: Reach,
    podman: Reach,
    /// The root directory that they lead into, once it was opened.
    pub(crate) root: OnceCell<Root>,
}

impl Reaches {
    pub(crate) fn new() -> Self {
        Self { docker: Reach::new(), podman: Reach::new(), root: OnceCell::new() }
    }

    /// The way to the engine of this kind; none where it is known by its files only.
    pub(crate) fn of(&self, kind: Kind) -> Option<&Reach> {
        match kind {
            Kind::Docker => Some(&self.docker),
            Kind::Podman => Some(&self.podman),
            Kind::Containerd | Kind::Runc => None,
        }
    }
}

/// Where engines are looked for: in a container, or on our own machine.
pub(crate) struct Ground<'a> {
    /// A process of the container.
    pub(crate) container: Option<&'a Process>,
    pub(crate) reaches: &'a Reaches,
    /// The PID namespace beyond which nothing is believed: the container's, or our own.
    pub(crate) pidns: Namespace,
    pub(crate) settings: &'a Settings,
}

/// A container that was found and proved.
pub(crate) struct Found {
    pub(crate) container: Container,
    pub(crate) process: Process,
    pub(crate) proof: Proof,
    pub(crate) kind: Kind,
    pub(crate) via: Via,
}

/// What an engine says, not proved yet.
pub(crate) struct Claim {
    container: Container,
    kind: Kind,
    via: Via,
    /// Where the PID may count, the likeliest first.
    namespaces: Vec<Namespace>,
}

impl Claim {
    pub(crate) fn new(container: Container, kind: Kind, via: Via, namespaces: Vec<Namespace>) -> Self {
        Self { container, kind, via, namespaces }
    }

    /// What files say.
    pub(crate) fn of_files(disk: &Disk<'_>, container: Container, file: PathBuf) -> Result<Self> {
        Ok(Self::new(container, disk.kind, Via::Disk { file }, vec![disk.pidns.try_clone()?]))
    }

    fn proved(self, process: Process, proof: Proof) -> Found {
        let Self { container, kind, via, .. } = self;
        Found { container, process, proof, kind, via }
    }
}

/// How an engine was asked.
#[derive(Clone, Debug)]
pub(crate) enum Via {
    /// At its socket, where `daemon` answered, whose PIDs count in `pidns`; the container's PID was read from `file`, where
    /// there is one.
    Api { socket: PathBuf, daemon: i32, pidns: NsId, file: Option<PathBuf> },
    /// By the files that it keeps.
    Disk { file: PathBuf },
}

impl Via {
    /// The same way, but for the PID, which a file told.
    pub(crate) fn by_file(self, file: PathBuf) -> Self {
        match self {
            Self::Api { socket, daemon, pidns, .. } => Self::Api { socket, daemon, pidns, file: Some(file) },
            Self::Disk { .. } => Self::Disk { file },
        }
    }

    /// The file that told the container's PID, if one did.
    pub(crate) fn file(&self) -> Option<&Path> {
        match self {
            Self::Api { file, .. } => file.as_deref(),
            Self::Disk { file } => Some(file),
        }
    }
}

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
            if let Ok((process, proof)) = self.prove(&member.name, &claim).await {
                return Ok(claim.proved(process, proof));
            }
        }
        let root = self.root(&[member.place], None).await?;
        let Answer { claim, .. } = self.ask(member.place, root, &member.id, None).await;
        let claim = claim?.ok_or_else(|| Error::no(format!("container \"{}\" is gone", member.name)))?;
        let (process, proof) = self.prove(&member.name, &claim).await?;
        Ok(claim.proved(process, proof))
    }

    /// Which kinds of engines are asked, where the path asks for `kind`, or for any.
    pub(crate) fn kinds(&self, kind: Option<Kind>) -> Vec<Kind> {
        match kind.or(self.settings.engine) {
            Some(kind) => vec![kind],
            None if self.places().chosen() => vec![Kind::Docker],
            None => Kind::ALL.to_vec(),
        }
    }

    pub(crate) fn places(&self) -> &Places {
        if self.container.is_some() { &self.settings.inside } else { &self.settings.own }
    }

    /// Asks the engine of this kind that listens somewhere; `None` where none does.
    ///
    /// # Errors
    /// That it cannot be reached, or the question's own.
    pub(crate) async fn at_socket<T>(
        &self,
        kind: Kind,
        root: &Root,
        question: impl AsyncFn(&Connection) -> Result<T>,
    ) -> Result<Option<T>> {
        let Some(reach) = self.reaches.of(kind) else { return Ok(None) };
        reach.ask(root, self.places().of(kind), question).await
    }

    /// The files of the engine of this kind; `None` where there are none. Where the user named one socket, another engine's
    /// files are not meant.
    ///
    /// # Errors
    /// Where they cannot be looked at.
    pub(crate) async fn on_disk<'r>(
        &self,
        kind: Kind,
        root: &'r Root,
        asked: Option<Kind>,
    ) -> Result<Option<Disk<'r>>> {
        if self.places().chosen() && matches!(kind, Kind::Docker | Kind::Podman) {
            return Ok(None);
        }
        let asked_for = asked.or(self.settings.engine).is_some();
        Disk::of(kind, root, self.pidns.try_clone()?, asked_for).await
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
            Some(disk) => Ok(Answer { is_there: true, claim: ask_disk(&disk, name).await }),
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

    pub(crate) async fn prove(&self, name: &str, claim: &Claim) -> Result<(Process, Proof)> {
        let Claim { container, kind, via, namespaces } = claim;
        let (said, of) = (container.inner_pid, container.short_id());
        self.settings.tell(name, || match via.file() {
            Some(file) => format!("{} says PID {said} for {of}", file.display()),
            None => format!("{} says PID {said} for {of}", kind.name()),
        });
        let (process, proof) = locate(container, namespaces, self.pidns.id(), self.settings.method).await?;
        self.settings.tell(name, || format!("that is our PID {}, proved by its {}", process.pid(), proof.name()));
        Ok((process, proof))
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
            match self.prove(name, &claim).await {
                Ok((process, _)) if found.iter().any(|found| found.process.pid() == process.pid()) => {}
                Ok((process, proof)) => found.push(claim.proved(process, proof)),
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

impl Found {
    /// Whether another engine tells of the same container: only IDs that engines make are never another's.
    fn is(&self, container: &Container) -> bool {
        is_id(&container.id) && self.container.id == container.id
    }
}

pub(crate) async fn ask_disk(disk: &Disk<'_>, name: &str) -> Result<Option<Claim>> {
    let Some((container, file)) = disk.find(name).await? else { return Ok(None) };
    Claim::of_files(disk, container, file).map(Some)
}

/// Of several containers none is chosen.
fn ambiguous(name: &str, found: &[Found]) -> Error {
    let kinds: Vec<_> = found.iter().map(|found| found.kind.name()).collect();
    let ways: Vec<_> = kinds.iter().map(|kind| format!("{kind}:{name}")).collect();
    let (kinds, ways) = (kinds.join(" and "), ways.join(" or "));
    Error::failed(format!("{kinds} each run a container \"{name}\" (say {ways})"))
}
