//! Follows the monitors of a site's containers to the files of their engines.

use std::collections::BTreeMap;
use std::sync::Arc;

use futures_util::FutureExt;
use futures_util::future::join_all;
use nicon_core::{Error, Process, Result};
use nix::unistd::{Uid, geteuid};

use crate::engine::address::{Address, Owner};
use crate::engine::bounds::Bounds;
use crate::engine::settings::within;
use crate::engine::state::leads::{Opened, ShimDirectory, open_all};
use crate::engine::state::monitors::Monitor;
use crate::engine::state::store::{Extent, Store};
use crate::engine::state::table;
use crate::engine::users;
use crate::lookup::engines::{UnusualStore, UnusualStores, Whose};
use crate::lookup::listeners;
use crate::lookup::site::EngineSite;
use crate::proof::standing::{Standing, UsernsOwner, Vantage};
use crate::query::{Kind, Qualifier};
use crate::rootfs::blocking::threads_of_user;
use crate::rootfs::directory::FileId;
use crate::rootfs::root::Root;

/// The monitors of the site itself, or of a user.
type Group = Vec<(Process, Kind)>;

/// The files to which monitors lead, unless they are where they usually are.
///
/// # Errors
/// If processes cannot be looked at.
pub(super) async fn follow(site: &EngineSite<'_>, whose: Whose) -> Result<UnusualStores> {
    let mut stores = UnusualStores::default();
    let pidns = site.pidns.id().ino;
    let known = site.engines.monitors.all().await?.iter().filter(|monitor| monitor.pidns == pidns).copied();
    let listening = listeners::monitors(site, (whose == Whose::Near).then_some(&mut stores.unread)).await;
    let monitors: Vec<_> = known.chain(listening).collect();
    if whose == Whose::Near && site.container.is_none() && site.settings.is_root {
        stores.unread.extend(site.engines.monitors.hidden().await?.map(may_not_be_looked_at));
    }
    if monitors.is_empty() {
        return Ok(stores);
    }
    let myself = Process::myself()?;
    let shares_our_pidns = site.container.is_some() && site.pidns.id() == site.settings.pidns.id();
    let vantage = Vantage { around: site.container.unwrap_or(&myself), myself: &myself, shares_our_pidns };
    let groups = group(site, whose, &vantage, &monitors, &mut stores.unread);
    let roots_only = vantage.is_in_our_userns(vantage.around)?;
    let open = groups.into_iter().map(|(user, group)| open(site, user, group, roots_only));
    for opened in join_all(open).await {
        for store in opened? {
            match store {
                Ok(store) => stores.there.extend(store),
                Err(error) => stores.unread.push(error),
            }
        }
    }
    Ok(stores)
}

fn may_not_be_looked_at((pid, kind): (i32, Kind)) -> Error {
    Error::failed(format!(
        "{}: what the monitor of a container, PID {pid}, belongs to is unknown: it may not be looked at (needs CAP_SYS_PTRACE and every capability that it has)",
        kind.name()
    ))
}

/// The monitors by whose they are, of those meant; and what is `unread` since a monitor is not believed.
fn group(
    site: &EngineSite<'_>,
    whose: Whose,
    vantage: &Vantage<'_>,
    monitors: &[Monitor],
    unread: &mut Vec<Error>,
) -> BTreeMap<Option<UsernsOwner>, Group> {
    let mut groups: BTreeMap<Option<UsernsOwner>, Group> = BTreeMap::new();
    let mut known = Vec::new();
    for monitor in monitors {
        // It may be gone, or not ours to look at.
        let Ok(process) = Process::pin(monitor.pid) else { continue };
        // Most shims lead to the same directory.
        let shims = (monitor.kind == Kind::Containerd).then(|| ShimDirectory::of(&process)).and_then(Result::ok);
        if shims.as_ref().is_some_and(|bundles| known.contains(bundles)) {
            continue;
        }
        let user = match vantage.standing_of(&process, monitor.kind) {
            Ok(Standing::Roots) if whose == Whose::Near => None,
            Ok(Standing::Users(user)) if whose == nearness_of(site, user) => Some(user),
            Ok(Standing::Doubtful(why)) if whose == Whose::Near => {
                let (kind, pid) = (monitor.kind.name(), monitor.pid);
                unread.push(Error::failed(format!(
                    "{kind}: what the monitor of a container, PID {pid}, belongs to is not listed: {why}"
                )));
                continue;
            }
            _ => continue,
        };
        known.extend(shims);
        groups.entry(user).or_default().push((process, monitor.kind));
    }
    groups
}

/// Our own engines are as near to us as those of the machine.
fn nearness_of(site: &EngineSite<'_>, user: UsernsOwner) -> Whose {
    let is_own = site.container.is_none() && geteuid() == Uid::from_raw(user.uid);
    if is_own { Whose::Near } else { Whose::Users }
}

/// Opens the files of one user's engines, or of root's. None of them delays the others.
async fn open(
    site: &EngineSite<'_>,
    user: Option<UsernsOwner>,
    group: Group,
    roots_only: bool,
) -> Result<Vec<Result<Option<UnusualStore>>>> {
    let owner = match user {
        Some(user) => Some(users::owner(&*near_root(site).await?, user.uid_there).await),
        None => None,
    };
    let opening = open_and_place(site, user, owner.as_ref(), group, roots_only);
    let opened = within(site.settings.timeout / 2, opening.map(Ok)).await.unwrap_or_else(|late| vec![Err(late)]);
    let of_whom = |error: Error| match &owner {
        Some(owner) => error.prefix(format!("user {}", owner.name)),
        None => error,
    };
    Ok(opened.into_iter().map(|store| store.map_err(of_whom)).collect())
}

async fn open_and_place(
    site: &EngineSite<'_>,
    user: Option<UsernsOwner>,
    owner: Option<&Owner>,
    group: Group,
    roots_only: bool,
) -> Vec<Result<Option<UnusualStore>>> {
    let roots_only = roots_only && user.is_none();
    let are_ours = roots_only && site.container.is_none();
    let all = site.on_thread(move || Ok(open_all(group, roots_only, are_ours))).await;
    let mut stores = Vec::new();
    for opened in all.unwrap_or_else(|error| vec![Err(error)]) {
        stores.push(match opened {
            Ok(opened) => placed(site, owner.cloned(), user, opened).await,
            Err(error) => Err(error),
        });
    }
    stores
}

/// A store, unless it is the usual one.
async fn placed(
    site: &EngineSite<'_>,
    owner: Option<Owner>,
    user: Option<UsernsOwner>,
    opened: Opened,
) -> Result<Option<UnusualStore>> {
    let Opened { store, root, file, is_plain } = opened;
    let address = Address { kind: store.kind(), owner, namespace: None };
    if is_plain && is_usual(site, &address, &store, file).await? {
        return Ok(None);
    }
    let root = match user {
        _ if site.container.is_some() => root.asked_by(&site.engines.threads),
        Some(user) => root.asked_by(&threads_of_user(user.uid)),
        None => root,
    };
    let bounds = user.map_or_else(Bounds::default, |user| Bounds::of_user(&format!("the engine {address}"), user.uid));
    Ok(Some(UnusualStore { address, files: store, root, bounds, file }))
}

async fn is_usual(site: &EngineSite<'_>, address: &Address, store: &Store, file: FileId) -> Result<bool> {
    let all = Extent { all: true, ..Extent::default() };
    if address.owner.is_none() && address.kind != Kind::Podman {
        let root = near_root(site).await?;
        for path in table::usual(address.kind).wanted(&all).dirs() {
            if root.file_at(&path).await.is_ok_and(|usual| usual == file) {
                return Ok(true);
            }
        }
        return Ok(false);
    }
    let mut endpoints = match address.owner {
        None => site.near(&Qualifier::default()).await?,
        Some(_) => site.at(address).await?.into_iter().collect(),
    };
    // In a user namespace, root's engines there are those of the user who made it.
    endpoints.retain(|endpoint| endpoint.kind() == address.kind);
    for endpoint in endpoints {
        // If its files cannot be looked at, that is told elsewhere.
        let usual = site.on_disk(&endpoint, &all).await.ok().flatten();
        if usual.is_some_and(|usual| usual.is_that_of(store, file)) {
            return Ok(true);
        }
    }
    Ok(false)
}

async fn near_root(site: &EngineSite<'_>) -> Result<Arc<Root>> {
    let near = site.near(&Qualifier::default()).await?;
    let root = near.first().map(|endpoint| Arc::clone(&endpoint.root));
    root.map_or_else(|| Root::of(site.container, &site.engines.threads).map(Arc::new), Ok)
}
