//! Look-ups and connections that will be needed, done together: a thread costs as much as ten look-ups.

use std::path::PathBuf;
use std::sync::Arc;

use nicon_core::{NsType, Process, Result};

use crate::engine::api::socket::{Connected, connect_to, connect_to_first};
use crate::engine::endpoint::Endpoint;
use crate::engine::settings::Settings;
use crate::engine::state::store::Extent;
use crate::engine::users;
use crate::rootfs::directory::{Directory, is_absent};
use crate::rootfs::root::Root;

/// Looks up everything at which these engines, which are below one root directory, may be found.
pub(crate) async fn look_ahead(endpoints: &[Arc<Endpoint>], extent: &Extent) {
    if let [first, ..] = endpoints {
        first.root.look_for(paths_of(endpoints, extent)).await;
    }
}

/// Connects to an engine whose socket is known to be there, so that it can be asked at once; there is time for everything
/// else while it works. If there is none, connects to those that listen, and looks up everything else, in one go.
///
/// # Errors
/// If too many threads are blocked.
pub(crate) async fn connect_ahead(
    root: &Root,
    container: &Process,
    endpoints: &[Arc<Endpoint>],
    settings: &Settings,
) -> Result<()> {
    let mut paths = paths_of(endpoints, &Extent { all: true, ..Extent::default() });
    paths.push(PathBuf::from(users::RUNTIME));
    let (seen, paths) = root.split_known(paths);
    let is_known = |path: &&PathBuf| seen.iter().any(|(at, file)| at == *path && file.is_ok());
    if let [first, ..] = endpoints
        && settings.connects_at_once(first.kind())
        && let Some(path) = first.sockets.iter().find(is_known)
    {
        root.remember(seen);
        // The engine works while the first thread is started.
        let in_place = container.namespace(NsType::Mnt).ok().and_then(|mntns| root.cached_on_tmpfs(path, &mntns));
        let connected = if let Some(socket) = in_place {
            connect_to(&socket, path).map(Some)
        } else {
            let sockets = [path.clone()];
            root.ask(move |directory| Ok(connect_to_first(directory, &sockets))).await?
        };
        return keep(first, connected).await;
    }
    let is_there = |path: &PathBuf| seen.iter().any(|(at, file)| at == path && !file.is_err_and(is_absent));
    let may_be_there = |path: &&PathBuf| paths.contains(path) || is_there(path);
    // Whether one that would start on demand may be connected to is known when its socket has been looked up.
    let is_at_once = |endpoint: &&Arc<Endpoint>| settings.connects_at_once(endpoint.kind());
    let sockets = endpoints.iter().filter(is_at_once).map(|endpoint| {
        let paths = endpoint.sockets.iter().filter(may_be_there).cloned();
        (Arc::clone(endpoint), paths.collect::<Vec<_>>())
    });
    let listening: Vec<_> = sockets.filter(|(_, sockets)| !sockets.is_empty()).collect();
    if listening.is_empty() && paths.is_empty() {
        root.remember(seen);
        return Ok(());
    }
    let look = move |directory: &Directory| {
        let connect = |(endpoint, sockets): (Arc<Endpoint>, Vec<PathBuf>)| {
            let connected = connect_to_first(directory, &sockets);
            (endpoint, connected)
        };
        let connected: Vec<_> = listening.into_iter().map(connect).collect();
        Ok((connected, directory.files_at(paths)))
    };
    let (connected, asked) = root.ask(look).await?;
    root.remember([seen, asked].concat());
    for (endpoint, connected) in connected {
        keep(&endpoint, connected).await?;
    }
    Ok(())
}

/// Keeps a connection for the question. A failure is repeated when the engine is asked, and reported then.
async fn keep(endpoint: &Endpoint, connected: Result<Option<Connected>>) -> Result<()> {
    if let Ok(Some(connected)) = connected {
        endpoint.pool.keep(connected).await?;
    }
    Ok(())
}

/// All paths at which these engines may be found.
fn paths_of(endpoints: &[Arc<Endpoint>], extent: &Extent) -> Vec<PathBuf> {
    endpoints.iter().flat_map(|endpoint| endpoint.paths(extent)).collect()
}
