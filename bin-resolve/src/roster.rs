//! Lists all containers of all engines in one place.

use std::cell::RefCell;
use std::collections::{HashMap, HashSet};
use std::rc::Rc;

use futures_util::future::join_all;
use nicon_core::{Error, NsId, Result};
use nix::errno::Errno;

use crate::bundles::Bundle;
use crate::claim::Found;
use crate::fallback::Answered;
use crate::kind::Kind;
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
    /// Its segment in a path: its name, with the engine's if two know that name, or its ID if the name is not usable.
    pub(crate) segment: String,
    pub(crate) kind: Kind,
    /// The kind of engine that usually uses the place where it was found: podman may listen at Docker's.
    pub(crate) place: Kind,
    /// The engine's socket or directory.
    pub(crate) engine: FileId,
    /// The container's bundle, if it was read.
    pub(crate) bundle: Option<Rc<Bundle>>,
    /// Its proof, if it was proved when it was listed; for one who asks.
    pub(crate) found: Rc<RefCell<Option<Box<Found>>>>,
}

/// What one engine lists.
#[derive(Default)]
pub(crate) struct Listing {
    pub(crate) members: Vec<Member>,
    /// What people have to know of it: that files were read, or what was not found to be true.
    pub(crate) remarks: Vec<Error>,
    /// What could not be read, where there may be other containers.
    pub(crate) unread: Vec<Error>,
}

/// What the engines of one place list.
pub(crate) struct Roster {
    /// By name.
    pub(crate) members: Vec<Member>,
    /// Failures of engines, while others answered.
    pub(crate) failures: Vec<Error>,
    /// The remarks on those that answered.
    pub(crate) remarks: Vec<Error>,
    /// What could not be read of their files, where there may be other containers.
    pub(crate) unread: Vec<Error>,
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
    pub(crate) async fn list(&self, asked: Option<Kind>, state: State) -> Result<Roster> {
        let kinds = self.kinds(asked);
        let root = self.in_time(self.root(&kinds, asked)).await?;
        let listing = kinds.into_iter().map(|kind| self.list_one(kind, root, asked, state));
        let mut members: Vec<Member> = Vec::new();
        let (mut failures, mut some_there) = (Vec::<Error>::new(), false);
        let (mut remarks, mut unread) = (Vec::<Error>::new(), Vec::new());
        for list in join_all(listing).await {
            match list {
                Ok(Some(list)) => {
                    some_there = true;
                    remarks.extend(list.remarks);
                    unread.extend(list.unread);
                    // If several engines know a container, the first one has the better name for it.
                    let known: HashSet<String> = members.iter().map(|member| member.id.clone()).collect();
                    members.extend(list.members.into_iter().filter(|member| !known.contains(&member.id)));
                }
                Ok(None) => {}
                Err(error) => failures.push(error),
            }
        }
        if some_there {
            failures.retain(|error| error.errno() != Some(Errno::ECONNREFUSED));
        } else {
            return Err(failures.into_iter().next().unwrap_or_else(|| self.no_engine(asked)));
        }
        // An engine and the runtime below it may have read the same file.
        let mut told = HashSet::new();
        remarks.retain(|remark| told.insert(remark.to_string()));
        // The list of all is only read by people, who need no unique paths.
        if state == State::Running {
            disambiguate(&mut members);
        }
        Ok(Roster { members, failures, remarks, unread })
    }

    /// The containers of one engine.
    async fn list_one(&self, kind: Kind, root: &Root, asked: Option<Kind>, state: State) -> Result<Option<Listing>> {
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
            Ok(Listing { members: list.into_iter().map(member).collect(), ..Listing::default() })
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
        if present.is_empty() {
            root.forget();
            return Err(refused.unwrap_or_else(|| self.no_engine(None)));
        }
        Ok(present)
    }

    async fn look_for(&self, kind: Kind, root: &Root) -> Result<Option<Present>> {
        let question = async |connection: &Connection| {
            let daemon = connection.listener().ok().map(|daemon| (daemon.process.pid(), daemon.pidns.id()));
            Ok(Present::Socket { file: connection.file, daemon })
        };
        if self.is_asleep(kind, root) {
            return Ok(self.on_disk(kind, root, None).await?.map(|disk| Present::Files(disk.file)));
        }
        let by_socket = self.at_socket(kind, root, question).await;
        if let Ok(Some(_)) = by_socket {
            return by_socket;
        }
        match self.on_disk(kind, root, None).await? {
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

    async fn in_time<T>(&self, work: impl Future<Output = Result<T>>) -> Result<T> {
        tokio::time::timeout(self.settings.timeout, work).await.unwrap_or_else(|_| Err(self.settings.timed_out()))
    }
}

impl Member {
    pub(crate) fn new(Listed { id, name }: Listed, kind: Kind, engine: FileId) -> Self {
        let segment = if is_name(&name) { &name } else { &id }.clone();
        Self { id, name, segment, kind, place: kind, engine, bundle: None, found: Rc::default() }
    }
}

/// Makes segments unique: adds the engine's name, or uses the ID.
fn disambiguate(members: &mut [Member]) {
    members.sort_by(|a, b| a.name.cmp(&b.name));
    let mut bearers: HashMap<String, Vec<Kind>> = HashMap::new();
    for member in members.iter() {
        bearers.entry(member.segment.clone()).or_default().push(member.kind);
    }
    for member in members {
        let kinds = &bearers[&member.segment];
        let same_kind = kinds.iter().filter(|kind| **kind == member.kind).count();
        if kinds.len() > same_kind {
            member.segment = format!("{}:{}", member.kind.name(), member.segment);
        }
        if same_kind > 1 {
            member.segment = member.id.clone();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_has_a_path_of_its_own() {
        let file = FileId::default();
        let member = |id: &str, name: &str, kind| Member::new(Listed { id: id.into(), name: name.into() }, kind, file);
        let mut members = [
            member("a1", "web", Kind::Docker),
            member("b2", "web", Kind::Podman),
            member("c3", "db", Kind::Docker),
            member("d4", "pause", Kind::Containerd),
            member("e5", "pause", Kind::Containerd),
            member("f6", "no name", Kind::Containerd),
        ];
        disambiguate(&mut members);
        let mut segments = members.map(|member| member.segment);
        segments.sort_unstable();
        assert_eq!(segments, ["d4", "db", "docker:web", "e5", "f6", "podman:web"]);
    }
}
