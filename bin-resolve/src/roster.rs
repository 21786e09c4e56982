//! All containers of all engines that are in one place.

use std::collections::{HashMap, HashSet};
use std::rc::Rc;

use futures_util::future::join_all;
use nicon_core::{Error, NsId, Result};
use nix::errno::Errno;

use crate::bundles::Bundle;
use crate::claim::Claim;
use crate::disk::Disk;
use crate::ground::Ground;
use crate::kind::Kind;
use crate::late::Said;
use crate::listing::{Listed, State};
use crate::name::is_name;
use crate::reach::Connection;
use crate::root::{FileId, Root};

/// A container that an engine lists.
#[derive(Clone, Debug)]
pub(crate) struct Member {
    pub(crate) id: String,
    pub(crate) name: String,
    /// What to call it in a path: its name, with the engine's where two know that name, or its ID where it has none.
    pub(crate) segment: String,
    pub(crate) kind: Kind,
    /// Whose place it was found at: Podman may listen where Docker usually does.
    pub(crate) place: Kind,
    /// The engine.
    pub(crate) engine: FileId,
    /// The container's bundle, where that was read.
    pub(crate) bundle: Option<Rc<Bundle>>,
}

/// What the engines of one place list.
pub(crate) struct Roster {
    /// By name.
    pub(crate) members: Vec<Member>,
    /// What the engines said that could not be asked, while others could.
    pub(crate) failures: Vec<Error>,
}

/// An engine that is there, and where it was found.
pub(crate) enum Present {
    /// It listens: by its process and the PID namespace of that, where they can be told.
    Socket {
        file: FileId,
        daemon: Option<(i32, NsId)>,
    },
    Files(FileId),
}

impl Ground<'_> {
    /// Lists the containers of each engine, or of those of one kind.
    ///
    /// # Errors
    /// Where there is no engine, or none that answers.
    pub(crate) async fn list(&self, asked: Option<Kind>, state: State) -> Result<Roster> {
        let kinds = self.kinds(asked);
        let root = self.in_time(self.root(&kinds, asked)).await?;
        let listing = kinds.into_iter().map(|kind| self.list_one(kind, root, asked, state));
        let mut members: Vec<Member> = Vec::new();
        let (mut failures, mut some_there) = (Vec::<Error>::new(), false);
        for list in join_all(listing).await {
            match list {
                Ok(Some((list, late))) => {
                    some_there = true;
                    failures.extend(late);
                    // Several engines may know one container; the first one has the better name for it.
                    let known: HashSet<String> = members.iter().map(|member| member.id.clone()).collect();
                    members.extend(list.into_iter().filter(|member| !known.contains(&member.id)));
                }
                Ok(None) => {}
                Err(error) => failures.push(error),
            }
        }
        if some_there {
            failures.retain(|error| error.errno() != Some(Errno::ECONNREFUSED));
        } else {
            return Err(failures.into_iter().next().unwrap_or_else(|| self.nobody()));
        }
        // Those that do not run are listed for people to read.
        if state == State::Running {
            set_apart(&mut members);
        }
        Ok(Roster { members, failures })
    }

    /// What one engine lists, and why only its files do where that is so.
    async fn list_one(
        &self,
        kind: Kind,
        root: &Root,
        asked: Option<Kind>,
        state: State,
    ) -> Result<Option<(Vec<Member>, Option<Error>)>> {
        let question = async |connection: &Connection| {
            let list = match self.list_in_time(connection, state, connection.engine.list(state)).await? {
                Said::ByFiles((members, late)) => {
                    let of_engine = |member| Member { place: kind, engine: connection.file, ..member };
                    return Ok((members.into_iter().map(of_engine).collect(), Some(late)));
                }
                Said::ByDaemon(list) => list,
            };
            let place = kind;
            let (kind, file) = (connection.engine.kind(), connection.file);
            let member = |listed| Member { place, ..Member::new(listed, kind, file) };
            Ok((list.into_iter().map(member).collect(), None))
        };
        let by_socket = self.in_time(self.at_socket(kind, root, question)).await;
        match &by_socket {
            Ok(None) => {}
            Err(error) if error.errno() == Some(Errno::ECONNREFUSED) => {}
            _ => return by_socket,
        }
        match self.in_time(self.on_disk(kind, root, asked)).await? {
            Some(disk) => self.in_time(self.list_files(&disk, state)).await.map(|list| Some((list, None))),
            None => by_socket,
        }
    }

    /// Files outlive their containers: those run whose process is there, and proved.
    pub(crate) async fn list_files(&self, disk: &Disk<'_>, state: State) -> Result<Vec<Member>> {
        if state == State::Any {
            let list = disk.list().await?;
            return Ok(list.into_iter().map(|listed| Member::new(listed, disk.kind, disk.file)).collect());
        }
        let mut members = Vec::new();
        for (container, file) in disk.with_process().await? {
            let (id, name) = (container.id.clone(), container.name.clone());
            let claim = Claim::of_files(disk, container, file)?;
            // What cannot be asked for by any name cannot be listed.
            let can_be_named = is_name(&name) || is_name(&id);
            if can_be_named && self.is_proved(&name, &claim).await {
                members.push(Member::new(Listed { id, name }, disk.kind, disk.file));
            }
        }
        Ok(members)
    }

    /// Looks which engines there are, without asking them anything, so that they cannot keep us waiting.
    ///
    /// # Errors
    /// [`Status::No`](nicon_core::Status::No) where there is none, as in most containers.
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
        if present.is_empty() { Err(refused.unwrap_or_else(|| self.nobody())) } else { Ok(present) }
    }

    async fn look_for(&self, kind: Kind, root: &Root) -> Result<Option<Present>> {
        let question = async |connection: &Connection| {
            let daemon = connection.listener().ok().map(|daemon| (daemon.process.pid(), daemon.pidns.id()));
            Ok(Present::Socket { file: connection.file, daemon })
        };
        let by_socket = self.at_socket(kind, root, question).await;
        if let Ok(Some(_)) = by_socket {
            return by_socket;
        }
        match self.on_disk(kind, root, None).await? {
            Some(disk) => Ok(Some(Present::Files(disk.file))),
            None => by_socket,
        }
    }

    fn nobody(&self) -> Error {
        let kinds = self.kinds(None);
        let sockets = kinds.iter().flat_map(|kind| self.places().of(*kind));
        let mut tried: Vec<_> = sockets.map(|path| path.display().to_string()).collect();
        tried.dedup();
        Error::no(format!("no engine socket (tried {}), and no files of an engine", tried.join(", ")))
    }

    async fn in_time<T>(&self, work: impl Future<Output = Result<T>>) -> Result<T> {
        tokio::time::timeout(self.settings.timeout, work).await.unwrap_or_else(|_| Err(self.settings.late()))
    }
}

impl Member {
    pub(crate) fn new(Listed { id, name }: Listed, kind: Kind, engine: FileId) -> Self {
        let segment = if is_name(&name) { &name } else { &id }.clone();
        Self { id, name, segment, kind, place: kind, engine, bundle: None }
    }
}

/// Gives a longer name to each of those that share one.
fn set_apart(members: &mut [Member]) {
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
        set_apart(&mut members);
        let mut segments = members.map(|member| member.segment);
        segments.sort_unstable();
        assert_eq!(segments, ["d4", "db", "docker:web", "e5", "f6", "podman:web"]);
    }
}
