//! Engines' files wherever they are: k0s, RKE2, snaps and `containerd --state` put them elsewhere than usual, and so do
//! `podman --root`, and a Podman whose user has no runtime directory. Each running container has a monitor, which leads there.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use futures_util::future::join_all;
use nicon_core::{Error, Process, Result};
use nix::unistd::{Uid, geteuid};

use crate::address::{Address, Owner};
use crate::aside;
use crate::claim::{Claim, Found};
use crate::disk::{Disk, Extent, Store, Told};
use crate::hop::late;
use crate::kind::{Kind, Qualifier};
use crate::leads::{Bundles, Opened, Trust, open_all};
use crate::listing::State;
use crate::root::{FileId, Root};
use crate::roster::Listing;
use crate::scope::Scope;
use crate::standing::{Standing, User, Vantage};
use crate::trust::Bounds;
use crate::users;

/// The kinds of engines that have monitors.
const WATCHED: [Kind; 2] = [Kind::Podman, Kind::Containerd];

/// The most places of one user's, or in one container.
const MOST: usize = 16;

/// Whose engines are meant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Whose {
    /// Those of the place itself, and our own if we are not root.
    Near,
    /// Those of all other users.
    Users,
}

/// An engine's files in an unusual place.
pub(crate) struct Unusual {
    address: Address,
    store: Store,
    root: Root,
    bounds: Bounds,
    file: FileId,
}

/// What the monitors of a place lead to.
#[derive(Default)]
pub(crate) struct Places {
    there: Vec<Unusual>,
    /// What could not be looked at, where there may be others.
    unread: Vec<Error>,
}

/// The monitors of the place itself, or of a user.
type Group = Vec<(Process, Kind)>;

impl Scope<'_> {
    /// Finds the container called `name` in unusual places.
    ///
    /// # Errors
    /// If several have it, or it cannot be proved to run.
    pub(crate) async fn find_unusual(&self, whose: Whose, of: &Qualifier, name: &str) -> Result<Told<Found>> {
        let mut found: Option<(Found, &Unusual)> = None;
        let (mut unread, mut refused) = (None, None);
        let places = self.unusual(whose, of).await?;
        for place in self.asked_of(places, of) {
            let found_there = async {
                let Some(disk) = self.disk_there(place, &self.extent_for(of, name)).await? else { return Ok(None) };
                let told = Claim::from_files(&disk, name).await?;
                unread = unread.take().or(told.unread);
                let Some(claim) = told.found else { return Ok(None) };
                match self.prove(name, &claim).await {
                    Ok((process, proof)) => Ok(Some(claim.by(process, proof))),
                    // Its monitor may not have ended yet.
                    Err(_) if self.has_ended(&claim) => Err(Error::no(format!("container \"{name}\" is not running"))),
                    Err(error) => Err(error),
                }
            };
            let another = match found_there.await {
                Ok(Some(another)) => another,
                Ok(None) => continue,
                Err(error) => {
                    refused = refused.or(Some(error));
                    continue;
                }
            };
            match &found {
                Some((first, _)) if first.process.pid() == another.process.pid() => {}
                Some((_, first)) => {
                    let (engine, first, second) = (&first.address, first.path(), place.path());
                    return Err(Error::failed(format!(
                        "{engine} runs a container \"{name}\" below {}, and {} one below {} (use an ID, or begin the path with \
                         its process, as in pid:4242)",
                        first.display(),
                        place.address,
                        second.display()
                    )));
                }
                None => found = Some((another, place)),
            }
        }
        match (found, refused) {
            (None, Some(refused)) => Err(refused),
            (found, _) => {
                let unread = unread.or_else(|| places.and_then(|places| places.unread.first().cloned()));
                Ok(Told { found: found.map(|(found, _)| found), unread })
            }
        }
    }

    /// Lists the containers in unusual places, of engines that others use or that they do not; `lists` are known.
    pub(crate) async fn list_unusual(
        &self,
        whose: Whose,
        is_below: bool,
        of: &Qualifier,
        state: State,
        mut lists: Vec<Result<Option<Listing>>>,
    ) -> Vec<Result<Option<Listing>>> {
        let places = match self.in_time(self.unusual(whose, of)).await {
            Ok(places) => places,
            Err(error) => {
                lists.push(Err(error));
                return lists;
            }
        };
        for place in self.asked_of(places, of).filter(|place| place.address.kind.is_below_others() == is_below) {
            if place.is_listed(&lists) {
                continue;
            }
            let wanted = self.extent_below(&lists, &place.address, of);
            let list = match self.in_time(self.disk_there(place, &wanted)).await {
                Ok(Some(disk)) => self.in_time(self.list_files(&disk, state)).await.map(Some),
                Ok(None) => Ok(None),
                Err(error) => Err(error),
            };
            lists.push(list.map_err(|error| place.address.within_owner(error)));
        }
        if is_below {
            lists.extend(places.into_iter().flat_map(|places| &places.unread).cloned().map(Err));
        }
        lists
    }

    /// The directories with engines' files in unusual places.
    ///
    /// # Errors
    /// If processes cannot be looked at.
    pub(crate) async fn unusual_engines(&self, asked: &Qualifier) -> Result<Vec<FileId>> {
        let mut files = Vec::new();
        for whose in [Whose::Near, Whose::Users] {
            let places = self.unusual(whose, asked).await?;
            files.extend(self.asked_of(places, asked).map(|place| place.file));
        }
        Ok(files)
    }

    fn asked_of<'p>(&self, places: Option<&'p Places>, of: &Qualifier) -> impl Iterator<Item = &'p Unusual> {
        // Who chose one engine means no other.
        let is_replaced = |kind| self.places().chosen(kind).is_some();
        let is_asked = |place: &&Unusual| self.is_asked(&place.address, of) && !is_replaced(place.address.kind);
        places.into_iter().flat_map(|places| &places.there).filter(is_asked).collect::<Vec<_>>().into_iter()
    }

    async fn unusual(&self, whose: Whose, of: &Qualifier) -> Result<Option<&Places>> {
        let of_any = Qualifier { user: None, ..of.clone() };
        if !WATCHED.iter().any(|kind| self.is_asked(&Address::usual(*kind), &of_any)) {
            return Ok(None);
        }
        let known = match whose {
            Whose::Near => &self.engines.unusual,
            Whose::Users => &self.engines.unusual_of_users,
        };
        known.get_or_try_init(|| self.look_for_places(whose)).await.map(Some)
    }

    async fn look_for_places(&self, whose: Whose) -> Result<Places> {
        let mut places = Places::default();
        let (own, mut known) = (self.pidns.id().ino, Vec::new());
        let monitors = self.engines.monitors.all().await?.iter().filter(|monitor| monitor.pidns == own);
        let monitors: Vec<_> = monitors.collect();
        if monitors.is_empty() {
            return Ok(places);
        }
        let myself = Process::myself()?;
        let shares_our_pidns = self.container.is_some() && self.pidns.id() == self.settings.pidns.id();
        let vantage = Vantage { around: self.container.unwrap_or(&myself), myself: &myself, shares_our_pidns };
        let mut groups: BTreeMap<Option<User>, Group> = BTreeMap::new();
        for monitor in monitors {
            // It may be gone, or not ours to look at.
            let Ok(process) = Process::pin(monitor.pid) else { continue };
            // Most shims lead to the same place.
            let shims = (monitor.kind == Kind::Containerd).then(|| Bundles::of(&process)).and_then(Result::ok);
            if shims.as_ref().is_some_and(|bundles| known.contains(bundles)) {
                continue;
            }
            let group = match vantage.standing_of(&process) {
                Ok(Standing::Roots) if whose == Whose::Near => None,
                Ok(Standing::Users(user)) if whose == self.nearness_of(user) => Some(user),
                Ok(Standing::Doubtful(why)) if whose == Whose::Near => {
                    let (kind, pid) = (monitor.kind.name(), monitor.pid);
                    places.unread.push(Error::failed(format!(
                        "{kind}: what the monitor of a container, PID {pid}, belongs to is not listed: {why}"
                    )));
                    continue;
                }
                _ => continue,
            };
            known.extend(shims);
            groups.entry(group).or_default().push((process, monitor.kind));
        }
        let roots_only = vantage.is_in_our_userns(vantage.around)?;
        let open = groups.into_iter().map(async |(user, group)| (user, self.open(user, group, roots_only).await));
        for (user, opened) in join_all(open).await {
            let owner = match user {
                Some(user) => Some(users::owner(&*self.near_root().await?, user.uid_there).await),
                None => None,
            };
            for opened in opened {
                let place = match opened {
                    Ok(opened) => self.placed(owner.clone(), user, opened).await,
                    Err(error) => Err(match &owner {
                        Some(owner) => error.prefix(format!("user {}", owner.name)),
                        None => error,
                    }),
                };
                match place {
                    Ok(place) => places.there.extend(place),
                    Err(error) => places.unread.push(error),
                }
            }
        }
        Ok(places)
    }

    /// Our own engines are as near to us as those of the machine.
    fn nearness_of(&self, user: User) -> Whose {
        let is_own = self.container.is_none() && geteuid() == Uid::from_raw(user.uid);
        if is_own { Whose::Near } else { Whose::Users }
    }

    /// Opens the places of one user, or of root. None of them delays the others.
    async fn open(&self, user: Option<User>, group: Group, roots_only: bool) -> Vec<Result<Opened>> {
        let roots_only = roots_only && user.is_none();
        let trust = Trust { roots_only, most: if roots_only { usize::MAX } else { MOST } };
        let patience = self.settings.timeout / 2;
        let opening = tokio::time::timeout(patience, aside::ask(move || Ok(open_all(group, trust))));
        opening.await.unwrap_or_else(|_| Err(late(patience))).unwrap_or_else(|error| vec![Err(error)])
    }

    /// A place, unless it is the usual one.
    async fn placed(&self, owner: Option<Owner>, user: Option<User>, opened: Opened) -> Result<Option<Unusual>> {
        let Opened { store, root, file, is_plain } = opened;
        let address = Address { kind: store.kind, owner, namespace: None };
        if is_plain && self.is_usual(&address, &store, file).await? {
            return Ok(None);
        }
        let bounds =
            user.map_or_else(Bounds::default, |user| Bounds::of_user(&format!("the engine {address}"), user.uid));
        Ok(Some(Unusual { address, store, root, bounds, file }))
    }

    async fn is_usual(&self, address: &Address, store: &Store, file: FileId) -> Result<bool> {
        let all = Extent { all: true, ..Extent::default() };
        if address.owner.is_none() && address.kind != Kind::Podman {
            let root = self.near_root().await?;
            for path in Store::usual(address.kind).wanted(&all).places() {
                if root.file_at(&path).await.is_ok_and(|usual| usual == file) {
                    return Ok(true);
                }
            }
            return Ok(false);
        }
        let mut endpoints = match address.owner {
            None => self.near(&Qualifier::default()).await?,
            Some(_) => self.at(address).await?.into_iter().collect(),
        };
        // In a user namespace, root's engines there are those of the user who made it.
        endpoints.retain(|endpoint| endpoint.kind() == address.kind);
        for endpoint in endpoints {
            // If its files cannot be looked at, that is told elsewhere.
            let usual = self.on_disk(&endpoint, &all).await.ok().flatten();
            if usual.is_some_and(|usual| usual.is_that_of(store, file)) {
                return Ok(true);
            }
        }
        Ok(false)
    }

    async fn near_root(&self) -> Result<Arc<Root>> {
        let near = self.near(&Qualifier::default()).await?;
        let root = near.first().map(|endpoint| Arc::clone(&endpoint.root));
        root.map_or_else(|| Root::of(self.container).map(Arc::new), Ok)
    }

    async fn disk_there<'r>(&self, place: &'r Unusual, wanted: &Extent) -> Result<Option<Disk<'r>>> {
        self.disk_of(&place.store, &place.address, &place.root, &place.bounds, wanted).await
    }
}

impl Unusual {
    /// Where it is, as its monitors see it.
    fn path(&self) -> PathBuf {
        self.store.places().into_iter().next().unwrap_or_default()
    }

    /// Whether the same files were read for another engine. Those of Podman have more than one directory.
    fn is_listed(&self, lists: &[Result<Option<Listing>>]) -> bool {
        let told = lists.iter().flatten().flatten().flat_map(|list| &list.members);
        self.address.kind != Kind::Podman
            && told.map(|member| (&member.place, member.engine)).any(|told| told == (&self.address, self.file))
    }
}
