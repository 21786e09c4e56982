//! Engines' files wherever they are: k0s, RKE2, snaps and `containerd --state` put them elsewhere than usual, and so do
//! `podman --root`, and a Podman whose user has no runtime directory. Each running container has a monitor, which leads there.

use std::path::PathBuf;

use futures_util::future::{join, join_all};
use nicon_core::{Error, Result};

use crate::engine::address::Address;
use crate::engine::container::Filter;
use crate::engine::state::disk::{Disk, FileAnswer};
use crate::engine::state::monitors::WATCHED;
use crate::engine::state::store::Extent;
use crate::lookup::engines::{UnusualStore, UnusualStores, Whose};
use crate::lookup::follow::follow;
use crate::lookup::listing::{ListResult, extent_below};
use crate::lookup::running::list_found;
use crate::lookup::site::EngineSite;
use crate::proof::claim::{Claim, Verified};
use crate::query::{Kind, Qualifier};
use crate::rootfs::directory::FileId;

/// Finds the container called `name` in unusual places.
///
/// # Errors
/// If several have it, or it cannot be proved to run.
pub(super) async fn find_unusual(
    site: &EngineSite<'_>,
    whose: Whose,
    of: &Qualifier,
    name: &str,
) -> Result<FileAnswer<Verified>> {
    let mut found: Option<(Verified, &UnusualStore)> = None;
    let (mut unread, mut refused) = (None, None);
    let (stores, unread_dirs) = stores_of(site, whose, of).await?;
    for store in stores {
        let found_there = async {
            let Some(disk) = disk_of(site, store, &site.extent_for(of, name)).await? else { return Ok(None) };
            let told = Claim::from_files(&disk, name).await?;
            unread = unread.take().or(told.unread);
            let Some(claim) = told.found else { return Ok(None) };
            match site.prove(name, &claim).await {
                Ok((process, proof)) => Ok(Some(claim.by(process, proof))),
                // Its monitor may not have ended yet.
                Err(_) if claim.has_ended(site.settings.method) => {
                    Err(Error::no(format!("container \"{name}\" is not running")))
                }
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
                let (engine, first, second) = (&first.address, path_of(first), path_of(store));
                return Err(Error::failed(format!(
                    "{engine} runs a container \"{name}\" below {}, and {} one below {} (use an ID, or begin the path with \
                     its process, as in pid:4242)",
                    first.display(),
                    store.address,
                    second.display()
                )));
            }
            None => found = Some((another, store)),
        }
    }
    match (found, refused) {
        (None, Some(refused)) => Err(refused),
        (found, _) => {
            let unread = unread.or_else(|| unread_dirs.first().cloned());
            Ok(FileAnswer { found: found.map(|(found, _)| found), unread })
        }
    }
}

/// Lists the containers in unusual places, of engines that others use or that they do not; `lists` are known.
pub(super) async fn list_unusual(
    site: &EngineSite<'_>,
    whose: Whose,
    is_below: bool,
    of: &Qualifier,
    filter: Filter,
    mut lists: Vec<ListResult>,
) -> Vec<ListResult> {
    let (stores, unread) = match site.settings.in_time(stores_of(site, whose, of)).await {
        Ok(found) => found,
        Err(error) => {
            lists.push(Err(error));
            return lists;
        }
    };
    let is_meant =
        |store: &&UnusualStore| store.address.kind.is_below_others() == is_below && !is_listed(store, &lists);
    let list = async |store: &UnusualStore| {
        let wanted = extent_below(&lists, &store.address, site.extent_of(of));
        let list = list_found(site, disk_of(site, store, &wanted), filter).await;
        list.map_err(|error| store.address.within_owner(error))
    };
    // None of them delays the others. What several list counts once.
    let found = join_all(stores.into_iter().filter(is_meant).map(list)).await;
    lists.extend(found);
    if is_below {
        lists.extend(unread.iter().cloned().map(Err));
    }
    lists
}

/// The directories with engines' files in unusual places.
///
/// # Errors
/// If processes cannot be looked at.
pub(super) async fn unusual_engines(site: &EngineSite<'_>, asked: &Qualifier) -> Result<Vec<FileId>> {
    let (near, of_users) = join(stores_of(site, Whose::Near, asked), stores_of(site, Whose::Users, asked)).await;
    let stores = near?.0.into_iter().chain(of_users?.0);
    Ok(stores.map(|store| store.file).collect())
}

/// The stores that are asked for, and what could not be read, where there may be others.
async fn stores_of<'s>(
    site: &EngineSite<'s>,
    whose: Whose,
    of: &Qualifier,
) -> Result<(Vec<&'s UnusualStore>, &'s [Error])> {
    let of_any = Qualifier { user: None, ..of.clone() };
    if !WATCHED.iter().any(|kind| site.is_asked(&Address::usual(*kind), &of_any)) {
        return Ok((Vec::new(), &[]));
    }
    let known = match whose {
        Whose::Near => &site.engines.unusual,
        Whose::Users => &site.engines.unusual_of_users,
    };
    let UnusualStores { there, unread } = known.get_or_try_init(|| follow(site, whose)).await?;
    // Who chose one engine means no other.
    let is_replaced = |kind| site.sockets().chosen(kind).is_some();
    let is_asked = |store: &&UnusualStore| site.is_asked(&store.address, of) && !is_replaced(store.address.kind);
    Ok((there.iter().filter(is_asked).collect(), unread))
}

async fn disk_of<'r>(site: &EngineSite<'_>, store: &'r UnusualStore, wanted: &Extent) -> Result<Option<Disk<'r>>> {
    site.disk_of(&store.files, &store.address, &store.root, &store.bounds, wanted).await
}

/// Where it is, as its monitors see it.
fn path_of(store: &UnusualStore) -> PathBuf {
    store.files.dirs().into_iter().next().unwrap_or_default()
}

/// Whether the same files were read for another engine. Those of Podman have more than one directory.
fn is_listed(store: &UnusualStore, lists: &[ListResult]) -> bool {
    let told = lists.iter().flatten().flatten().flat_map(|list| &list.containers);
    store.address.kind != Kind::Podman
        && told.map(|told| (&told.endpoint, told.engine)).any(|told| told == (&store.address, store.file))
}
