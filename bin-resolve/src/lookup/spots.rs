//! Where something changes at a site when containers come and go, or engines do.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use nicon_core::Result;

use crate::engine::endpoint::Endpoint;
use crate::engine::rootlesskit::Inside;
use crate::engine::users;
use crate::lookup::engines::UnusualStore;
use crate::lookup::site::EngineSite;
use crate::query::Qualifier;
use crate::rootfs::changes::{Spot, Survey};

/// Watches where the engines asked for keep their files, and where those that are not there yet would be. Returns those that may
/// listen.
///
/// # Errors
/// If that cannot be found out, or the kernel lets us watch no more.
pub(crate) async fn survey(
    site: &EngineSite<'_>,
    asked: &Qualifier,
    survey: &mut Survey<'_>,
) -> Result<Vec<Arc<Endpoint>>> {
    // Those of others that cannot be looked for keep nobody from being watched: that is told when they are listed.
    let (near, others) = (site.near(asked).await?, site.others(asked).await.unwrap_or_default());
    let endpoints: Vec<_> = near.into_iter().chain(others).collect();
    let mut usual = vec![Spot { path: users::RUNTIME.into(), levels: Some(0) }];
    for endpoint in &endpoints {
        usual.extend(
            endpoint.sockets.iter().flat_map(|socket| [socket.clone(), pid_file_of(socket)]).map(Spot::of_file),
        );
        let Some(store) = &endpoint.store else { continue };
        let store = store.wanted(&site.extent_of(asked));
        let Some(hidden) = &endpoint.hidden else {
            let changing = store.changing(&endpoint.root).await;
            usual.extend(changing.unwrap_or_default().into_iter().map(Spot::of_directory));
            continue;
        };
        usual.push(Spot::of_file(hidden.child_pid().to_owned()));
        let inside = hidden.look_behind(&endpoint.root, &endpoint.bounds, &site.pidns, site.settings.method).await;
        // A failure is told when they are listed.
        if let Ok(Some(Inside { root, .. })) = inside {
            let changing = store.changing(root).await.unwrap_or_default();
            survey.watch(root, changing.into_iter().map(Spot::of_directory).collect()).await?;
        }
    }
    if let Some(first) = endpoints.first() {
        survey.watch(&first.root, usual).await?;
    }
    Ok(endpoints.into_iter().filter(|endpoint| !endpoint.sockets.is_empty()).collect())
}

/// Watches where engines were found to keep their files besides the usual places.
///
/// # Errors
/// If the kernel lets us watch no more.
pub(crate) async fn survey_unusual(site: &EngineSite<'_>, survey: &mut Survey<'_>) -> Result<()> {
    for UnusualStore { files, root, .. } in site.engines.unusual_stores() {
        let changing = files.changing(root).await.unwrap_or_default();
        survey.watch(root, changing.into_iter().map(Spot::of_directory).collect()).await?;
    }
    Ok(())
}

/// Where an engine at this socket leaves its PID: a socket that systemd made does not tell that it has been started.
fn pid_file_of(socket: &Path) -> PathBuf {
    socket.with_extension("pid")
}
