//! Lists all containers of all engines in one place.

use std::cell::RefCell;
use std::collections::{HashMap, HashSet};
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt;
use futures_util::future::join_all;
use nicon_core::container::is_id;
use nicon_core::{Error, Result};
use tokio::time::timeout;

use crate::address::{Address, Owner};
use crate::bundles::Bundle;
use crate::claim::Found;
use crate::disk::Extent;
use crate::endpoint::Endpoint;
use crate::fallback::Answered;
use crate::hop::late;
use crate::kind::{Kind, Qualifier};
use crate::listing::{Listed, State};
use crate::name::is_name;
use crate::pool::Connection;
use crate::root::FileId;
use crate::scope::Scope;
use crate::segments;
use crate::survey::paths_of;
use crate::unusual::Whose;

/// How many remarks on one engine are reported.
const MAX_REMARKS: usize = 20;

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
    /// The engine that usually is where it was found: podman may listen at Docker's place.
    pub(crate) place: Address,
    /// The engine's socket or directory.
    pub(crate) engine: FileId,
    /// Whether no path leads to it alone.
    pub(crate) is_twin: bool,
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
#[derive(Default)]
pub(crate) struct Roster {
    /// Whether there is an engine that answers.
    pub(crate) some_there: bool,
    /// By name.
    pub(crate) members: Vec<Member>,
    /// Failures of engines, while others answered.
    pub(crate) failures: Vec<Error>,
    /// The remarks on those that answered.
    pub(crate) remarks: Vec<Error>,
    /// What could not be read of their files, where there may be other containers.
    pub(crate) unread: Vec<Error>,
}

impl Scope<'_> {
    /// Lists the containers of the engines asked for.
    ///
    /// # Errors
    /// If there is no engine, or none that answers.
    pub(crate) async fn list(&self, asked: &Qualifier, state: State) -> Result<Roster> {
        let mut lists = self.list_near(asked, state).await?;
        lists.extend(self.list_others(asked, state).await?);
        let mut roster = Roster::of(lists);
        if !roster.some_there {
            return Err(roster.failures.into_iter().next().unwrap_or_else(|| self.no_engine(asked)));
        }
        let mut denied = Vec::new();
        for errors in [&mut roster.failures, &mut roster.unread] {
            denied.extend(errors.extract_if(.., |error| self.is_denied(error)).map(|error| error.to_string()));
        }
        if !denied.is_empty() {
            self.settings.log("not listed, since they are of other users", || denied.join("; "));
        }
        // The list of all is only read by people, who need no unique paths.
        if state == State::Running {
            segments::make_unique(&mut roster.members, asked, |place| self.is_near(place));
        }
        Ok(roster)
    }

    /// What each of the engines near lists: those at usual places, and those to which monitors lead.
    ///
    /// # Errors
    /// As [`Scope::near`].
    pub(crate) async fn list_near(&self, asked: &Qualifier, state: State) -> Result<Vec<Result<Option<Listing>>>> {
        let near = self.in_time(self.near(asked)).await?;
        if let (Some(_), [first, ..]) = (self.container, &near[..]) {
            let paths = paths_of(&near, &self.extent_of(asked));
            self.in_time(first.root.look_for(paths).map(Ok)).await?;
        }
        Ok(self.list_each(Whose::Near, &near, asked, state).await)
    }

    /// What each of the engines of other users lists.
    ///
    /// # Errors
    /// As [`Scope::others`].
    pub(crate) async fn list_others(&self, asked: &Qualifier, state: State) -> Result<Vec<Result<Option<Listing>>>> {
        let endpoints = self.in_time(self.others(asked)).await?;
        Ok(self.list_each(Whose::Users, &endpoints, asked, state).await)
    }

    async fn list_each(
        &self,
        whose: Whose,
        endpoints: &[Arc<Endpoint>],
        asked: &Qualifier,
        state: State,
    ) -> Vec<Result<Option<Listing>>> {
        let list = async |endpoint: &Arc<Endpoint>, wanted: Extent| {
            let patience = self.patience_with(endpoint, state);
            let list = timeout(patience, self.list_one(endpoint, &wanted, state)).await;
            let list = list.unwrap_or_else(|_| Err(late(patience)));
            // Whoever asks for one container has not named this engine.
            let is_unnamed = endpoint.address.owner.is_none() && state == State::Running;
            list.map_err(|error| if is_unnamed { error } else { error.prefix(endpoint.address.to_string()) })
        };
        let (above, below): (Vec<_>, Vec<_>) =
            endpoints.iter().partition(|endpoint| !endpoint.kind().is_below_others());
        let lists = join_all(above.into_iter().map(|endpoint| list(endpoint, self.extent_of(asked)))).await;
        let mut lists = self.list_unusual(whose, false, asked, state, lists).await;
        let wanted = |endpoint: &Endpoint| self.extent_below(&lists, &endpoint.address, asked);
        let below = join_all(below.into_iter().map(|endpoint| list(endpoint, wanted(endpoint)))).await;
        lists.extend(below);
        self.list_unusual(whose, true, asked, state, lists).await
    }

    /// How long one engine may take. A list of all is a part of the search for one container, which is to end in time, and to say who
    /// was silent.
    fn patience_with(&self, endpoint: &Endpoint, state: State) -> Duration {
        match state {
            State::Running => self.settings.timeout,
            State::Any if endpoint.address.owner.is_some() => self.settings.timeout / 2,
            State::Any => self.settings.timeout * 9 / 10,
        }
    }

    /// What is wanted of the files of an engine that others use, given what these list: whatever none of them has told.
    pub(crate) fn extent_below(
        &self,
        lists: &[Result<Option<Listing>>],
        engine: &Address,
        asked: &Qualifier,
    ) -> Extent {
        let listings = lists.iter().flatten().flatten();
        let told = listings
            .flat_map(|list| &list.members)
            .filter(|member| counts_for(member.place.owner.as_ref(), engine.owner.as_ref()));
        let known: HashSet<String> = told.map(|member| member.id.clone()).filter(|id| is_id(id)).collect();
        let extent = self.extent_of(asked);
        // What runc keeps for containerd, containerd tells as well.
        let all = extent.all || engine.kind == Kind::Containerd;
        Extent { all, known: Arc::new(known), ..extent }
    }

    /// The containers of one engine.
    async fn list_one(&self, endpoint: &Endpoint, wanted: &Extent, state: State) -> Result<Option<Listing>> {
        let place = &endpoint.address;
        if self.is_asleep(endpoint).await {
            return match self.in_time(self.on_disk(endpoint, wanted)).await? {
                Some(disk) => self.in_time(self.list_files(&disk, state)).await.map(Some),
                // It has never run here.
                None => Ok(Some(Listing::default())),
            };
        }
        let question = async |connection: &Connection| {
            let asking = connection.engine.list(state);
            let list = match self.list_in_time(endpoint, connection, state, asking).await? {
                Answered::ByFiles(mut listing) => {
                    let of_engine = |member| Member { engine: connection.file, ..member };
                    listing.members = listing.members.into_iter().map(of_engine).collect();
                    return Ok(listing);
                }
                Answered::ByDaemon(list) => list,
            };
            let (kind, file) = (connection.engine.kind(), connection.file);
            let member = |listed| Member { kind, ..Member::new(listed, place.clone(), file) };
            Ok(Listing { members: list.into_iter().map(member).collect(), ..Listing::default() })
        };
        let by_socket = self.in_time(endpoint.pool.ask(&endpoint.root, &endpoint.sockets, question)).await;
        match &by_socket {
            Ok(None) => {}
            Err(error) if error.errno() == Some(nix::libc::ECONNREFUSED) => {}
            _ => return by_socket,
        }
        match self.in_time(self.on_disk(endpoint, wanted)).await? {
            Some(disk) => self.in_time(self.list_files(&disk, state)).await.map(Some),
            None => by_socket,
        }
    }

    /// The error if there is no engine: what was tried, and how to choose another socket.
    pub(crate) fn no_engine(&self, asked: &Qualifier) -> Error {
        if let Some(user) = &asked.user {
            let what = asked.engine.map_or("engine", Kind::name);
            return Error::no(format!(
                "user {user} has no {what} here (users are looked for in /run/user/UID, by their IDs and the names in /etc/passwd)"
            ));
        }
        let (places, asked) = (self.places(), asked.engine.or(self.settings.engine));
        let kinds = Kind::ALL.into_iter().filter(|kind| match asked {
            Some(asked) => *kind == asked,
            None => *kind == Kind::Docker || places.chosen(Kind::Docker).is_none(),
        });
        let mut tried: Vec<_> =
            kinds.clone().flat_map(|kind| places.of(kind)).map(|path| path.display().to_string()).collect();
        tried.dedup();
        let engine = asked.map_or("container", Kind::name);
        let tried = tried.join(", ");
        if tried.is_empty() {
            return Error::no(format!("no {engine} engine (none of its files are here)"));
        }
        let chosen = kinds.clone().find_map(|kind| places.chosen(kind));
        let hint = match (self.container, chosen) {
            (None, Some(by)) => &format!(", as {by} says"),
            (None, None) => ", and no files; DOCKER_HOST=unix:///PATH names another",
            (Some(_), _) => ", and no files; --socket PATH names another",
        };
        Error::no(format!("no {engine} engine (no socket at {tried}{hint})"))
    }

    pub(crate) async fn in_time<T>(&self, work: impl Future<Output = Result<T>>) -> Result<T> {
        timeout(self.settings.timeout, work).await.unwrap_or_else(|_| Err(self.settings.timed_out()))
    }
}

impl Roster {
    /// The lists of several engines, the nearest first.
    pub(crate) fn of(lists: Vec<Result<Option<Listing>>>) -> Self {
        let mut roster = Self::default();
        // If several engines know a container, the first one has the better name for it. What is no ID that an engine made up
        // can be the name of different containers.
        let mut known: HashMap<String, Vec<Option<Owner>>> = HashMap::new();
        for list in lists {
            match list {
                Ok(Some(list)) => {
                    roster.some_there = true;
                    roster.remarks.extend(brief(list.remarks));
                    roster.unread.extend(brief(list.unread));
                    let is_new = |member: &Member| {
                        let tellers = known.get(&member.id).into_iter().flatten();
                        !tellers.into_iter().any(|teller| counts_for(teller.as_ref(), member.place.owner.as_ref()))
                    };
                    let new: Vec<_> = list.members.into_iter().filter(is_new).collect();
                    for member in new.iter().filter(|member| is_id(&member.id)) {
                        known.entry(member.id.clone()).or_default().push(member.place.owner.clone());
                    }
                    roster.members.extend(new);
                }
                Ok(None) => {}
                Err(error) => roster.failures.push(error),
            }
        }
        // An engine and the runtime below it may have read the same file.
        let mut told = HashSet::new();
        roster.remarks.retain(|remark| told.insert(remark.to_string()));
        let some_there = roster.some_there;
        roster.failures.retain(|error| !some_there || error.errno() != Some(nix::libc::ECONNREFUSED));
        roster
    }
}

impl Member {
    pub(crate) fn new(Listed { id, name, namespace }: Listed, place: Address, engine: FileId) -> Self {
        let segment = if is_name(&name) { &name } else { &id }.clone();
        let (kind, bundle, found) = (place.kind, None, Rc::default());
        Self { id, name, namespace, segment, kind, place, engine, is_twin: false, bundle, found }
    }

    /// Whether it is one of those that a path's qualifier leaves.
    pub(crate) fn is_of(&self, of: &Qualifier) -> bool {
        self.address().is_of(of)
    }

    /// The engine that listed it, and the namespace in which it did.
    pub(crate) fn address(&self) -> Address {
        Address { kind: self.kind, ..self.place.within(self.namespace.as_ref()) }
    }
}

/// Whether what the engine of one user tells of an ID counts for a container of another's. Nobody can hide another's.
fn counts_for(teller: Option<&Owner>, owner: Option<&Owner>) -> bool {
    teller.is_none() || teller == owner
}

/// The first of many remarks on one engine: its files may be anybody's.
fn brief(mut remarks: Vec<Error>) -> Vec<Error> {
    if let Some(left @ 1..) = remarks.len().checked_sub(MAX_REMARKS) {
        remarks.truncate(MAX_REMARKS);
        remarks.push(Error::failed(format!("{left} more are left out for such reasons")));
    }
    remarks
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nobody_hides_a_container_of_anothers() {
        let id = "a".repeat(64);
        let listing = |user: Option<&str>, kind: Kind| {
            let owner = user.map(|user| Owner { uid: 1, name: user.into() });
            let listed = Listed { id: id.clone(), name: kind.name().to_owned(), namespace: None };
            let place = Address { kind, owner, namespace: None };
            let members = vec![Member::new(listed, place, FileId::default())];
            Ok(Some(Listing { members, ..Listing::default() }))
        };
        let listed = |lists| {
            let members = Roster::of(lists).members.into_iter();
            members.map(|member| member.place.to_string()).collect::<Vec<_>>()
        };
        // The first engine of the machine's, or of one user's, has the better name.
        assert_eq!(listed(vec![listing(None, Kind::Docker), listing(None, Kind::Containerd)]), ["docker"]);
        assert_eq!(listed(vec![listing(None, Kind::Docker), listing(Some("bob"), Kind::Podman)]), ["docker"]);
        let of_two = vec![listing(Some("mallory"), Kind::Docker), listing(Some("bob"), Kind::Podman)];
        assert_eq!(listed(of_two), ["mallory@docker", "bob@podman"]);
    }
}
