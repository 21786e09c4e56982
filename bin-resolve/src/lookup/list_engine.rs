//! Lists the containers of one engine: by asking it, or else from its files.

use std::time::Duration;

use nicon_core::Error;
use nix::libc;

use crate::engine::api::connection::Connection;
use crate::engine::api::pool::has_ended;
use crate::engine::container::Filter;
use crate::engine::endpoint::Endpoint;
use crate::engine::state::disk::Disk;
use crate::engine::state::store::Extent;
use crate::lookup::fallback::ask_in_time;
use crate::lookup::listing::{EngineListing, ListResult, ListedContainer};
use crate::lookup::running::{list_files, list_found};
use crate::lookup::site::EngineSite;
use crate::lookup::suggest::untold;

/// The containers of one engine.
///
/// # Errors
/// If it does not answer in time, and its files cannot be read.
pub(super) async fn list_engine(
    site: &EngineSite<'_>,
    endpoint: &Endpoint,
    wanted: &Extent,
    filter: Filter,
) -> ListResult {
    if site.is_asleep(endpoint).await {
        if endpoint.store.is_none() {
            return Err(untold(site, endpoint));
        }
        // Without files, it has never run here.
        let list = list_found(site, site.on_disk(endpoint, wanted), filter).await?;
        return Ok(Some(list.unwrap_or_default()));
    }
    let question = async |connection: &Connection| {
        let asking = async {
            let (list, kind) = (connection.engine.list(filter).await?, connection.engine.kind());
            let container = |listed| ListedContainer {
                kind,
                ..ListedContainer::new(listed, endpoint.address.clone(), connection.file)
            };
            Ok(EngineListing { containers: list.into_iter().map(container).collect(), ..EngineListing::default() })
        };
        let by_files = async |disk: &Disk<'_>, waited: Duration| {
            let mut listing = list_files(site, disk, filter).await?;
            listing.containers.iter_mut().for_each(|container| container.engine = connection.file);
            listing.is_late = true;
            listing.remarks.push(Error::failed(format!(
                "the engine does not answer (waited {} s): its files were read instead",
                waited.as_secs_f64()
            )));
            Ok(listing)
        };
        ask_in_time(site, endpoint, connection, "the list of containers", asking, by_files).await
    };
    let by_socket = site.settings.in_time(site.ask(endpoint, question)).await;
    match &by_socket {
        Ok(None) => {}
        Err(error) if error.errno() == Some(libc::ECONNREFUSED) || has_ended(error) => {}
        _ => return by_socket,
    }
    match list_found(site, site.on_disk(endpoint, wanted), filter).await? {
        // A directory that its package has made does not make an engine, unless it is asked for.
        Some(list) if !wanted.all && endpoint.sockets.is_empty() && list.is_empty() => Ok(None),
        None => by_socket,
        list => Ok(list),
    }
}
