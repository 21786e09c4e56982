//! Where something changes at a site when containers come and go, or engines do.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use futures_util::future::join_all;
use nicon_core::Result;

use crate::engine::endpoint::Endpoint;
use crate::engine::rootlesskit::Inside;
use crate::engine::settings::within;
use crate::engine::users;
use crate::lookup::engines::UnusualStore;
use crate::lookup::site::EngineSite;
use crate::query::Qualifier;
use crate::rootfs::changes::Survey;
use crate::rootfs::spots::{Found, MOST, Spot};

/// The most directories that are watched of one user of our own machine. All of a container's have as many as the container.
const MOST_OF_USER: usize = 1024;

/// The engines of the site itself, or of one user: no user keeps those of others from being watched.
struct Party<'a> {
    endpoints: &'a [Arc<Endpoint>],
    most: usize,
}

/// Watches where the engines asked for keep their files, and where those that are not there yet would be. Returns those that may
/// listen, whatever cannot be watched.
///
/// # Errors
/// If the engines of the site itself cannot be looked for.
pub(crate) async fn survey(
    site: &EngineSite<'_>,
    asked: &Qualifier,
    survey: &mut Survey<'_>,
) -> Result<Vec<Arc<Endpoint>>> {
    let near = site.settings.in_time(site.near(asked)).await?;
    // Those of others that cannot be looked for keep nobody from being watched: that is told when they are listed.
    let others = site.others(asked).await.unwrap_or_default();
    let users: Vec<_> = others.chunk_by(|one, next| one.address.owner == next.address.owner).collect();
    let most = if site.container.is_some() { MOST / users.len().max(1) } else { MOST_OF_USER };
    let of_users = users.into_iter().map(|endpoints| Party { endpoints, most });
    // Users come and go, whoever is asked for.
    let all_near = site.settings.in_time(site.near(&Qualifier::default())).await?;
    if let Some(first) = all_near.first() {
        let runtime = vec![Spot { path: users::RUNTIME.into(), levels: Some(0) }];
        add(survey.find(&first.root, runtime, MOST).await, survey);
    }
    let of_site = Party { endpoints: &near, most: MOST };
    let parties: Vec<_> = std::iter::once(of_site).chain(of_users).collect();
    let found = join_all(parties.into_iter().map(|party| find(site, asked, party, survey))).await;
    for found in found.into_iter().flatten() {
        add(found, survey);
    }
    Ok(near.into_iter().chain(others).filter(|endpoint| !endpoint.sockets.is_empty()).collect())
}

/// Watches where engines were found to keep their files besides the usual places.
pub(crate) async fn survey_unusual(site: &EngineSite<'_>, survey: &mut Survey<'_>) {
    let find = async |store: &UnusualStore| {
        let finding = async {
            let changing = store.files.changing(&store.root).await.unwrap_or_default();
            let most = if store.address.owner.is_some() { MOST_OF_USER } else { MOST };
            survey.find(&store.root, changing.into_iter().map(Spot::of_directory).collect(), most).await
        };
        let found = within(site.settings.timeout / 2, finding).await;
        found.map_err(|error| store.address.within_owner(error))
    };
    let found = join_all(site.engines.unusual_stores().map(find)).await;
    for found in found {
        add(found, survey);
    }
}

fn add(found: Result<Found>, survey: &mut Survey<'_>) {
    match found {
        Ok(found) => survey.add(found),
        Err(error) => survey.fail(error),
    }
}

/// Watches the directories of one party, none of which can delay those of others.
async fn find(site: &EngineSite<'_>, asked: &Qualifier, party: Party<'_>, survey: &Survey<'_>) -> Vec<Result<Found>> {
    let owner = party.endpoints.first().and_then(|endpoint| endpoint.address.owner.clone());
    let finding = async { Ok(find_all(site, asked, party, survey).await) };
    let found = within(site.settings.timeout / 2, finding).await;
    found.unwrap_or_else(|late| {
        // Other failures name the path.
        vec![Err(match owner {
            Some(owner) => late.prefix(format!("user {}", owner.name)),
            None => late,
        })]
    })
}

async fn find_all(
    site: &EngineSite<'_>,
    asked: &Qualifier,
    Party { endpoints, most }: Party<'_>,
    survey: &Survey<'_>,
) -> Vec<Result<Found>> {
    let Some(first) = endpoints.first() else { return Vec::new() };
    let (mut found, mut usual) = (Vec::new(), Vec::new());
    for endpoint in endpoints {
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
            found.push(survey.find(root, changing.into_iter().map(Spot::of_directory).collect(), most).await);
        }
    }
    found.push(survey.find(&first.root, usual, most).await);
    found
}

/// Where an engine at this socket leaves its PID: a socket that systemd made does not tell that it has been started.
fn pid_file_of(socket: &Path) -> PathBuf {
    socket.with_extension("pid")
}
