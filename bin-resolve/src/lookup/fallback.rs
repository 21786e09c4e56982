//! The fallback for a slow Docker daemon: its files are read, and used as far as they can be proved. Otherwise the
//! daemon has the rest of the time-out.

use std::sync::Arc;
use std::time::Duration;

use nicon_core::Result;
use tokio::time::timeout;

use crate::engine::api::connection::Connection;
use crate::engine::endpoint::Endpoint;
use crate::engine::state::disk::Disk;
use crate::engine::state::store::{Extent, Store};
use crate::engine::state::{dockerd, table};
use crate::lookup::site::EngineSite;
use crate::query::Kind;
use crate::rootfs::root::Root;

/// Asks for `name`: by `asking` the daemon, or else `by_files`, which is told how long the daemon was waited for.
///
/// # Errors
/// Those of `asking`.
pub(super) async fn ask_in_time<T>(
    site: &EngineSite<'_>,
    endpoint: &Endpoint,
    connection: &Connection,
    name: &str,
    asking: impl Future<Output = Result<T>>,
    by_files: impl AsyncFnOnce(&Disk<'_>, Duration) -> Result<T>,
) -> Result<T> {
    let budget = budget(site, connection);
    let mut asking = std::pin::pin!(asking);
    if let Ok(answer) = timeout(budget, &mut asking).await {
        return answer;
    }
    let by_files = async |disk: &Disk<'_>| by_files(disk, budget).await;
    match ask_files_of(site, endpoint, connection, name, by_files).await {
        Ok(Some(answer)) => Ok(answer),
        _ => asking.await,
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
    let root = Root::of(Some(&daemon.process), endpoint.root.threads())?;
    let usual = endpoint.store.as_ref().filter(|_| endpoint.kind() == Kind::Docker);
    let usual = usual.map_or_else(|| table::usual(Kind::Docker).dirs(), Store::dirs);
    let dirs = dockerd::dirs_of(Arc::clone(&daemon.process), &root, usual).await?;
    let bounds = site.bounds.and(&endpoint.bounds).and(&connection.listeners_bounds()?);
    let store = table::usual(Kind::Docker).at(dirs);
    let pidns = daemon.pidns.clone();
    let Some(disk) = Disk::of(&endpoint.address, &store, &root, pidns, bounds).await? else {
        return Ok(None);
    };
    site.settings.log(name, || "the engine is slow: reading its files".to_owned());
    question(&disk).await.map(Some)
}
