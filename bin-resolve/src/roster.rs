//! Lists all containers of all engines in one place.

use std::collections::{HashMap, HashSet};
use std::rc::Rc;

use futures_util::future::join_all;
use nicon_core::container::is_id;
use nicon_core::{Error, NsId, Result};
use nix::errno::Errno;

use crate::bundles::Bundle;
use crate::claim::Claim;
use crate::disk::Disk;
use crate::fallback::Answered;
use crate::kind::{Kind, Qualifier};
use crate::listing::{Listed, State};
use crate::name::is_name;
use crate::pool::Connection;
use crate::root::{FileId, Root};
use crate::scope::Scope;

/// A container that an engine lists.
#[derive(Clone, Debug)]
pub(crate) struct Member {
    pub(crate) id: String,
    pub(crate) name: String,
    /// The engine's namespace in which it is, if it has any.
    pub(crate) namespace: Option<String>,
    /// Its segment in a path: its name, with the engine's if two know that name, or its ID if the name is not usable.
    pub(crate) segment: String,
    pub(crate) kind: Kind,
    /// The kind of engine that usually uses the place where it was found: podman may listen at Docker's.
    pub(crate) place: Kind,
    /// The engine's socket or directory.
    pub(crate) engine: FileId,
    /// Whether no path leads to it, since the only one leads to another.
    pub(crate) is_twin: bool,
    /// The container's bundle, if it was read.
    pub(crate) bundle: Option<Rc<Bundle>>,
}

/// What one engine lists.
#[derive(Default)]
pub(crate) struct Listing {
    pub(crate) members: Vec<Member>,
    /// What people have to know of it: that files were read, or what was not found to be true.
    pub(crate) remarks: Vec<Error>,
}

/// What the engines of one place list.
pub(crate) struct Roster {
    /// By name.
    pub(crate) members: Vec<Member>,
    /// Failures of engines, while others answered.
    pub(crate) failures: Vec<Error>,
    /// The remarks on those that answered.
    pub(crate) remarks: Vec<Error>,
}

/// An engine that is present, and where it was found.
pub(crate) enum Present {
    /// A socket, with the process that listens and its PID namespace, if they are known.
    Socket {
        file: FileId,
        daemon: Option<(i32, NsId)>,
    },
    Files(FileId),
}

impl Scope<'_> {
    /// Lists the containers of each engine, or of those of one kind.
    ///
    /// # Errors
    /// If there is no engine, or none that answers.
    pub(crate) async fn list(&self, asked: &Qualifier, state: State) -> Result<Roster> {
        let kinds = self.kinds(asked.engine);
        let root = self.in_time(self.root(&kinds, asked.engine)).await?;
        let listing = kinds.into_iter().map(|kind| self.list_one(kind, root, asked, state));
        let mut members: Vec<Member> = Vec::new();
        let (mut failures, mut remarks, mut some_there) = (Vec::<Error>::new(), Vec::new(), false);
        let usual = join_all(listing).await;
        for list in usual.into_iter().chain(self.list_by_shims(asked, state).await) {
            match list {
                Ok(Some(list)) => {
                    some_there = true;
                    remarks.extend(list.remarks);
                    // If several engines know a container, the first one has the better name for it.
                    // Only IDs that engines generate are unique.
                    let known = members.iter().map(|member| member.id.clone()).filter(|id| is_id(id));
                    let known: HashSet<String> = known.collect();
                    members.extend(list.members.into_iter().filter(|member| !known.contains(&member.id)));
                }
                Ok(None) => {}
                Err(error) => failures.push(error),
            }
        }
        if some_there {
            failures.retain(|error| error.errno() != Some(Errno::ECONNREFUSED));
        } else {
            return Err(failures.into_iter().next().unwrap_or_else(|| self.no_engine(asked.engine)));
        }
        // The list of all is only read by people, who need no unique paths.
        if state == State::Running {
            disambiguate(&mut members);
            mark_twins(&mut members);
        }
        Ok(Roster { members, failures, remarks })
    }

    /// The containers of one engine.
    async fn list_one(&self, kind: Kind, root: &Root, asked: &Qualifier, state: State) -> Result<Option<Listing>> {
        if self.is_asleep(kind, root) {
            return match self.in_time(self.on_disk(kind, root, asked)).await? {
                Some(disk) => self.in_time(self.list_files(&disk, state)).await.map(Some),
                // It has never run here.
                None => Ok(Some(Listing::default())),
            };
        }
        let question = async |connection: &Connection| {
            let list = match self.list_in_time(connection, state, connection.engine.list(state)).await? {
                Answered::ByFiles(mut listing) => {
                    let of_engine = |member| Member { place: kind, engine: connection.file, ..member };
                    listing.members = listing.members.into_iter().map(of_engine).collect();
                    return Ok(listing);
                }
                Answered::ByDaemon(list) => list,
            };
            let place = kind;
            let (kind, file) = (connection.engine.kind(), connection.file);
            let member = |listed| Member { place, ..Member::new(listed, kind, file) };
            Ok(Listing { members: list.into_iter().map(member).collect(), remarks: Vec::new() })
        };
        let by_socket = self.in_time(self.at_socket(kind, root, question)).await;
        match &by_socket {
            Ok(None) => {}
            Err(error) if error.errno() == Some(Errno::ECONNREFUSED) => {}
            _ => return by_socket,
        }
        match self.in_time(self.on_disk(kind, root, asked)).await? {
            Some(disk) => self.in_time(self.list_files(&disk, state)).await.map(Some),
            None => by_socket,
        }
    }

    /// Lists containers from files. Files outlive containers: only those with a proved process are running.
    pub(crate) async fn list_files(&self, disk: &Disk<'_>, state: State) -> Result<Listing> {
        let mut listing = Listing::default();
        if state == State::Any {
            let list = disk.list().await?.into_iter();
            listing.members = list.map(|listed| Member::new(listed, disk.kind, disk.file)).collect();
            return Ok(listing);
        }
        for loaded in disk.with_process().await? {
            let (container, file) = match loaded {
                Ok(loaded) => loaded,
                Err(error) => {
                    listing.remarks.push(error);
                    continue;
                }
            };
            let (id, name, namespace) = (container.id.clone(), container.name.clone(), container.namespace.clone());
            let claim = Claim::of_files(disk, container, file)?;
            if let Err(error) = self.verify(&name, &claim).await {
                if !self.has_ended(&claim) {
                    listing.remarks.push(error.within(&name));
                }
            } else if is_name(&name) || is_name(&id) {
                listing.members.push(Member::new(Listed { id, name, namespace }, disk.kind, disk.file));
            } else {
                listing.remarks.push(Error::failed(format!("\"{name}\" runs, but no path can name it")));
            }
        }
        Ok(listing)
    }

    /// Finds the engines that are present, without asking them anything, so that they cannot delay us.
    ///
    /// # Errors
    /// [`Status::No`](nicon_core::Status::No) if there is none, as in most containers.
    pub(crate) async fn look(&self) -> Result<Vec<Present>> {
        let (mut present, mut refused) = (Vec::new(), None);
        let kinds = self.kinds(None);
        let root = self.root(&kinds, None).await?;
        root.look_for(self.paths_of(&kinds, None)).await;
        for kind in kinds {
            match self.look_for(kind, root).await {
                Ok(found) => present.extend(found),
                Err(error) => refused = refused.or(Some(error)),
            }
        }
        present.extend(self.unusual_engines().await?.into_iter().map(Present::Files));
        if present.is_empty() { Err(refused.unwrap_or_else(|| self.no_engine(None))) } else { Ok(present) }
    }

    async fn look_for(&self, kind: Kind, root: &Root) -> Result<Option<Present>> {
        let question = async |connection: &Connection| {
            let daemon = connection.listener().ok().map(|daemon| (daemon.process.pid(), daemon.pidns.id()));
            Ok(Present::Socket { file: connection.file, daemon })
        };
        if self.is_asleep(kind, root) {
            return Ok(self.on_disk(kind, root, &Qualifier::default()).await?.map(|disk| Present::Files(disk.file)));
        }
        let by_socket = self.at_socket(kind, root, question).await;
        if let Ok(Some(_)) = by_socket {
            return by_socket;
        }
        match self.on_disk(kind, root, &Qualifier::default()).await? {
            Some(disk) => Ok(Some(Present::Files(disk.file))),
            None => by_socket,
        }
    }

    /// The error if there is no engine: what was tried, and how to choose another socket.
    fn no_engine(&self, asked: Option<Kind>) -> Error {
        let kinds = self.kinds(asked);
        let sockets = kinds.iter().flat_map(|kind| self.places().of(*kind));
        let mut tried: Vec<_> = sockets.map(|path| path.display().to_string()).collect();
        tried.dedup();
        let engine = asked.or(self.settings.engine).map_or("container", Kind::name);
        let tried = tried.join(", ");
        if tried.is_empty() {
            return Error::no(format!("no {engine} engine (none of its files are here)"));
        }
        let hint = match (self.container, kinds.iter().find_map(|kind| self.places().chosen(*kind))) {
            (None, Some(by)) => &format!(", as {by} says"),
            (None, None) => ", and no files; DOCKER_HOST=unix:///PATH names another",
            (Some(_), _) => ", and no files; --socket PATH names another",
        };
        Error::no(format!("no {engine} engine (no socket at {tried}{hint})"))
    }

    pub(crate) async fn in_time<T>(&self, work: impl Future<Output = Result<T>>) -> Result<T> {
        tokio::time::timeout(self.settings.timeout, work).await.unwrap_or_else(|_| Err(self.settings.timed_out()))
    }
}

impl Member {
    pub(crate) fn new(Listed { id, name, namespace }: Listed, kind: Kind, engine: FileId) -> Self {
        let segment = if is_name(&name) { &name } else { &id }.clone();
        Self { id, name, namespace, segment, kind, place: kind, engine, is_twin: false, bundle: None }
    }

    /// Whether it is one of those that a path's qualifier leaves.
    pub(crate) fn is_of(&self, of: &Qualifier) -> bool {
        of.engine.is_none_or(|kind| kind == self.kind) && (of.namespace.is_none() || of.namespace == self.namespace)
    }

    /// How a path names its engine alone, and its namespace there.
    pub(crate) fn qualifier(&self) -> Qualifier {
        Qualifier { user: None, engine: Some(self.kind), namespace: self.namespace.clone() }
    }
}

/// Makes segments unique: adds the engine's name, and a namespace of the engine's, or uses the ID.
fn disambiguate(members: &mut [Member]) {
    members.sort_by(|a, b| a.name.cmp(&b.name));
    let mut bearers: HashMap<String, Vec<Member>> = HashMap::new();
    for member in members.iter() {
        bearers.entry(member.segment.clone()).or_default().push(member.clone());
    }
    for member in members {
        let rivals = &bearers[&member.segment];
        let is_alone = |way: &&Qualifier| rivals.iter().filter(|rival| rival.is_of(way)).count() == 1;
        let whole = member.qualifier();
        let ways = [Qualifier::default(), Qualifier { namespace: None, ..whole.clone() }, whole];
        member.segment = match ways.iter().find(is_alone) {
            Some(way) => format!("{way}{}", member.segment),
            None => member.id.clone(),
        };
    }
}

/// Marks those whose segments are others' already.
fn mark_twins(members: &mut [Member]) {
    let mut known = HashSet::new();
    for member in members {
        while !known.insert(member.segment.clone()) {
            member.is_twin = true;
            member.segment = format!("another {}", member.segment);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_has_a_path_of_its_own() {
        let file = FileId::default();
        let within = |namespace: Option<&str>, id: &str, name: &str, kind| {
            let listed = Listed { id: id.into(), name: name.into(), namespace: namespace.map(str::to_owned) };
            Member::new(listed, kind, file)
        };
        let member = |id, name, kind| within(None, id, name, kind);
        let mut members = [
            member("a1", "web", Kind::Docker),
            member("b2", "web", Kind::Podman),
            member("c3", "db", Kind::Docker),
            within(Some("k8s.io"), "d4", "pause", Kind::Containerd),
            within(Some("k8s.io"), "e5", "pause", Kind::Containerd),
            within(Some("k8s.io"), "f6", "no name", Kind::Containerd),
            within(Some("teama"), "job", "job", Kind::Containerd),
            within(Some("teamb"), "job", "job", Kind::Containerd),
        ];
        disambiguate(&mut members);
        let mut segments = members.map(|member| member.segment);
        segments.sort_unstable();
        let (jobs, others) = segments.split_at(2);
        assert_eq!(jobs, ["containerd:teama:job", "containerd:teamb:job"]);
        assert_eq!(others, ["d4", "db", "docker:web", "e5", "f6", "podman:web"]);
    }
}
