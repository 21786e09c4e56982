//! The fallback for a slow Docker daemon: its files are read, and used as far as they can be proved. Otherwise the
//! daemon has the rest of the time-out.

use std::sync::Arc;
use std::time::Duration;

use nicon_core::{Error, Result};
use tokio::time::timeout;

use crate::engine::api::connection::Connection;
use crate::engine::container::Filter;
use crate::engine::endpoint::Endpoint;
use crate::engine::state::disk::Disk;
use crate::engine::state::store::{Extent, Store};
use crate::engine::state::{dockerd, table};
use crate::lookup::listing::EngineListing;
use crate::lookup::running::list_files;
use crate::lookup::site::EngineSite;
use crate::proof::claim::Claim;
use crate::query::Kind;
use crate::rootfs::root::Root;

/// Looks up the container called `name`: by `asking` the daemon, or else in its files.
///
/// # Errors
/// Those of `asking`.
pub(super) async fn find_in_time<T>(
    site: &EngineSite<'_>,
    endpoint: &Endpoint,
    connection: &Connection,
    name: &str,
    asking: impl Future<Output = Result<T>>,
) -> Result<Answered<T, Claim>> {
    let find = async |disk: &Disk<'_>| {
        let claim = Claim::from_files(disk, name).await?.found.ok_or_else(|| Error::no("it is not in its files"))?;
        site.prove(name, &claim).await.map(|_| claim)
    };
    ask_in_time(site, endpoint, connection, name, asking, find).await
}

/// Lists the containers: by `asking` the daemon, or else from its files.
///
/// # Errors
/// Those of `asking`.
pub(super) async fn list_in_time<T>(
    site: &EngineSite<'_>,
    endpoint: &Endpoint,
    connection: &Connection,
    filter: Filter,
    asking: impl Future<Output = Result<T>>,
) -> Result<Answered<T, EngineListing>> {
    let waited = budget(site, connection).as_secs_f64();
    let list = async |disk: &Disk<'_>| {
        let mut listing = list_files(site, disk, filter).await?;
        listing.remarks.push(Error::failed(format!(
            "the engine does not answer (waited {waited} s): its files were read instead"
        )));
        Ok(listing)
    };
    ask_in_time(site, endpoint, connection, "the list of containers", asking, list).await
}

async fn ask_in_time<T, F>(
    site: &EngineSite<'_>,
    endpoint: &Endpoint,
    connection: &Connection,
    name: &str,
    asking: impl Future<Output = Result<T>>,
    by_files: impl AsyncFnOnce(&Disk<'_>) -> Result<F>,
) -> Result<Answered<T, F>> {
    let mut asking = std::pin::pin!(asking);
    if let Ok(answer) = timeout(budget(site, connection), &mut asking).await {
        return answer.map(Answered::ByDaemon);
    }
    match ask_files_of(site, endpoint, connection, name, by_files).await {
        Ok(Some(answer)) => Ok(Answered::ByFiles(answer)),
        _ => asking.await.map(Answered::ByDaemon),
    }
}

/// How long to wait for an engine before its files are read: half of the hop's time, and no time if it was late
/// before.
fn budget(site: &EngineSite<'_>, connection: &Connection) -> Duration {
    if connection.is_late() { Duration::ZERO } else { site.settings.timeout / 2 }
}

async fn ask_files_of<T>(
    site: &EngineSite<'_>,
    endpoint: &Endpoint,
    connection: &Connection,
    name: &str,
    question: impl AsyncFnOnce(&Disk<'_>) -> Result<T>,
) -> Result<Option<T>> {
    connection.set_late();
    let Ok(daemon) = connection.listener() else { return Ok(None) };
    if endpoint.kind() == Kind::Podman && endpoint.store.is_some() {
        let Some(disk) = site.on_disk(endpoint, &Extent::default()).await? else { return Ok(None) };
        return question(&disk).await.map(Some);
    }
    let root = Root::of(Some(&daemon.process))?;
    let usual = endpoint.store.as_ref().filter(|_| endpoint.kind() == Kind::Docker);
    let usual = usual.map_or_else(|| table::usual(Kind::Docker).dirs(), Store::dirs);
    let dirs = dockerd::dirs_of(Arc::clone(&daemon.process), &root, usual).await?;
    let bounds = site.bounds.and(&endpoint.bounds).and(&connection.listeners_bounds()?);
    let store = table::usual(Kind::Docker).at(dirs);
    let pidns = daemon.pidns.try_clone()?;
    let Some(disk) = Disk::of(&endpoint.address, &store, &root, pidns, bounds).await? else {
        return Ok(None);
    };
    site.settings.log(name, || "the engine is slow: reading its files".to_owned());
    question(&disk).await.map(Some)
}

/// An answer, and whether it came from the daemon or from its files.
pub(super) enum Answered<D, F> {
    ByDaemon(D),
    ByFiles(F),
}
