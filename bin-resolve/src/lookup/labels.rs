//! The labels of a container that was found: from its engine's API, or from its files.

use std::sync::Arc;

use nicon_core::container::is_id;
use nicon_core::{Error, Result};

use crate::engine::api::connection::Connection;
use crate::engine::endpoint::Endpoint;
use crate::engine::labels::Labels;
use crate::lookup::site::EngineSite;
use crate::proof::claim::{Verified, Via};
use crate::query::Kind;

/// What is known of a container's labels.
pub(crate) async fn labels_of(site: &EngineSite<'_>, found: &Verified) -> Labels {
    let container = &found.container;
    match (&found.via, &container.pod, found.engine.kind) {
        (Via::Api { .. }, ..) => match site.settings.in_time(ask(site, found)).await {
            Ok(labels) => labels,
            Err(error) => Labels::unknown(error.to_string()),
        },
        (Via::Disk { .. }, Some(pod), _) => Labels::of_pod(pod, &container.name),
        (Via::Disk { .. }, None, Kind::Docker) => {
            container.labels.clone().unwrap_or_else(|| Labels::unknown("they are not in its engine's files"))
        }
        // A runtime knows none. What it runs for an engine has that one's ID.
        (Via::Disk { .. }, None, Kind::Crun | Kind::Runc) if !is_id(&container.id) => Labels::default(),
        (Via::Disk { .. }, None, Kind::Podman) => Labels::unknown(
            "they are not in the files of podman (its API was not asked; it is while `podman system service` runs)",
        ),
        (Via::Disk { .. }, None, kind) => {
            Labels::unknown(format!("they are not in the files of {} (its API was not asked)", kind.name()))
        }
    }
}

/// Asks the engine at the socket by which the container was found.
async fn ask(site: &EngineSite<'_>, found: &Verified) -> Result<Labels> {
    let Via::Api { socket, .. } = &found.via else { return Ok(Labels::default()) };
    let (near, others) = site.look_around().await?;
    let is_it =
        |endpoint: &&Arc<Endpoint>| endpoint.address.owner == found.engine.owner && endpoint.sockets.contains(socket);
    let gone = || Error::failed(format!("nobody listens at {}", socket.display()));
    let endpoint =
        near.iter().chain(others.iter().flat_map(|others| &others.endpoints)).find(is_it).ok_or_else(gone)?;
    let id = &found.container.id;
    let question = async |connection: &Connection| connection.engine.labels(id).await;
    site.ask(endpoint, question).await?.ok_or_else(gone)
}
