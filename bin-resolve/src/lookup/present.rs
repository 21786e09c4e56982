//! Which engines are at a site, before anything is asked of them.

use std::sync::Arc;

use futures_util::future::{join, join_all};
use nicon_core::{NsId, Result};

use crate::engine::api::connection::Connection;
use crate::engine::endpoint::Endpoint;
use crate::engine::settings::within;
use crate::engine::state::store::Extent;
use crate::lookup::prefetch::look_ahead;
use crate::lookup::site::EngineSite;
use crate::lookup::suggest::{no_engine, untold};
use crate::lookup::unusual::unusual_engines;
use crate::query::Qualifier;
use crate::rootfs::directory::FileId;

/// An engine that is present.
pub(crate) struct PresentEngine {
    /// Its socket, or the directory of its files.
    pub(crate) file: FileId,
    pub(crate) by: Presence,
}

/// By what an engine is known to be present.
pub(crate) enum Presence {
    /// A socket, with the process that listens and its PID namespace, if they are known.
    Socket(Option<(i32, NsId)>),
    Files,
}

impl PresentEngine {
    fn of_files(file: FileId) -> Self {
        Self { file, by: Presence::Files }
    }
}

/// Finds those engines that are present and `asked` for, without asking them anything yet, so that they cannot delay us. Also tells
/// whether there are no others for sure.
///
/// # Errors
/// [`Status::No`](nicon_core::Status::No) if there is none, as in most containers.
pub(crate) async fn look(site: &EngineSite<'_>, asked: &Qualifier) -> Result<(Vec<PresentEngine>, bool)> {
    let (mut present, mut refused) = (Vec::new(), None);
    let wanted = Extent { all: true, ..Extent::default() };
    let (near, others) = site.look_around().await?;
    let chosen = site.chosen(asked, &near);
    look_ahead(&chosen, &wanted).await;
    let mut looked = Vec::new();
    for endpoint in &chosen {
        looked.push(look_for(site, endpoint, &wanted).await);
    }
    // No user can keep the engines of others from being found. What they may take together is less than the time for all of this.
    let look_for_users =
        async |endpoint: &Arc<Endpoint>| within(site.settings.timeout / 2, look_for(site, endpoint, &wanted)).await;
    let of_users = others.as_ref().map(|others| site.chosen(asked, &others.endpoints)).unwrap_or_default();
    let looks = join_all(of_users.iter().map(look_for_users));
    let (looked_for_users, unusual) = join(looks, unusual_engines(site, asked)).await;
    looked.extend(others.as_ref().err().map(|error| Err(error.clone())));
    let left_out = others.as_ref().ok().and_then(|others| others.left_out_of(asked, &of_users));
    looked.extend(left_out.map(Err));
    looked.extend(looked_for_users);
    for looked in looked {
        match looked {
            Ok(found) => present.extend(found),
            Err(error) => refused = refused.or(Some(error)),
        }
    }
    present.extend(unusual?.into_iter().map(PresentEngine::of_files));
    if present.is_empty() {
        return Err(refused.unwrap_or_else(|| no_engine(site, asked)));
    }
    if let Ok(others) = others {
        site.keep(near, others);
    }
    Ok((present, refused.is_none()))
}

async fn look_for(site: &EngineSite<'_>, endpoint: &Endpoint, wanted: &Extent) -> Result<Option<PresentEngine>> {
    let question = async |connection: &Connection| {
        let daemon = connection.listener().ok().map(|daemon| (daemon.process.pid(), daemon.pidns.id()));
        Ok(PresentEngine { file: connection.file, by: Presence::Socket(daemon) })
    };
    if site.is_asleep(endpoint).await {
        if endpoint.store.is_none() {
            return Err(untold(site, endpoint));
        }
        return Ok(site.on_disk(endpoint, wanted).await?.map(|disk| PresentEngine::of_files(disk.file)));
    }
    let by_socket = site.ask(endpoint, question).await;
    if let Ok(Some(_)) = by_socket {
        return by_socket;
    }
    match site.on_disk(endpoint, wanted).await? {
        Some(disk) => Ok(Some(PresentEngine::of_files(disk.file))),
        None => by_socket,
    }
}
