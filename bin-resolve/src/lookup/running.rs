//! Lists the running containers of an engine that is read from its files.
//!
//! Files outlive containers, and containers come and go while they are read: only those with a proved process are running.

use nicon_core::path::is_name;
use nicon_core::{Error, Result, Status};

use crate::engine::container::{Container, Filter, Summary};
use crate::engine::state::disk::{Contents, Disk, Started};
use crate::lookup::listing::{EngineListing, ListResult, ListedContainer};
use crate::lookup::site::EngineSite;
use crate::proof::claim::{Claim, Verified};

/// How often files are read again that have changed since.
const MAX_CHANGES: usize = 5;

/// Lists the containers in files, which are to be found and read in time; `None` if there are none.
pub(super) async fn list_found<'d>(
    site: &EngineSite<'_>,
    disk: impl Future<Output = Result<Option<Disk<'d>>>>,
    filter: Filter,
) -> ListResult {
    match site.settings.in_time(disk).await? {
        Some(disk) => site.settings.in_time(list_files(site, &disk, filter)).await.map(Some),
        None => Ok(None),
    }
}

/// Lists containers from files. What is broken of one container does not hide the others.
///
/// # Errors
/// If too many threads are blocked, or too many files are open.
pub(super) async fn list_files(site: &EngineSite<'_>, disk: &Disk<'_>, filter: Filter) -> Result<EngineListing> {
    if filter == Filter::Any {
        let Contents { containers, unread } = disk.list().await?;
        let containers =
            containers.into_iter().map(|listed| ListedContainer::new(listed, disk.engine.clone(), disk.file)).collect();
        return Ok(EngineListing { containers, unread, ..EngineListing::default() });
    }
    let Contents { containers, unread } = disk.with_process().await?;
    let mut listing = EngineListing { unread, ..EngineListing::default() };
    for started in containers {
        // Files may name any number of containers; the time-out is to be kept.
        tokio::task::yield_now().await;
        let running = match started {
            Ok(started) => running(site, disk, started).await,
            Err(error) => Err(error),
        };
        match running {
            Ok(Some((found, unnamed))) => add(&mut listing, disk, found, unnamed),
            Ok(None) => {}
            // Only root has such engines: that an ordinary user may not look is no failure.
            Err(error) if !disk.engine.kind.is_users_too() => listing.unread.push(error),
            Err(error) => listing.remarks.push(error),
        }
    }
    Ok(listing)
}

/// The container if it runs, and why its name is not known; `None` if it has ended.
async fn running(
    site: &EngineSite<'_>,
    disk: &Disk<'_>,
    mut started: Started,
) -> Result<Option<(Verified, Option<Error>)>> {
    for _ in 0..MAX_CHANGES {
        let Started { container, entry } = started;
        let name = container.name.clone();
        let claim = Claim::of_files(disk, container, entry.path.clone());
        let error = match site.prove(&name, &claim).await {
            Ok((process, proof)) => return Ok(Some((claim.by(process, proof), entry.unnamed))),
            Err(error) => error.prefix(&name),
        };
        if claim.has_ended(site.settings.method) {
            return Ok(None);
        }
        // It may have ended in between, and another be there by the same name, or with its PID.
        started = match disk.again(entry).await {
            Ok(now) if now.container == claim.container => return Err(error),
            Ok(now) => now,
            Err(error) if error.status() == Status::No => return Ok(None),
            Err(error) => return Err(error),
        };
    }
    Err(Error::failed(format!("\"{}\" is replaced again and again", started.container.name)))
}

fn add(listing: &mut EngineListing, disk: &Disk<'_>, found: Verified, unnamed: Option<Error>) {
    listing.remarks.extend(unnamed);
    let Container { id, name, namespace, pod, .. } = &found.container;
    let (id, name, namespace, pod) = (id.clone(), name.clone(), namespace.clone(), pod.clone());
    if is_name(&name) || is_name(&id) {
        let container = ListedContainer::new(Summary { id, name, namespace, pod }, disk.engine.clone(), disk.file);
        container.verified.replace(Some(Box::new(found)));
        listing.containers.push(container);
    } else {
        let pid = found.process.pid();
        listing.remarks.push(Error::failed(format!(
            "\"{name}\" runs, but no path can name it (begin the path with its process, pid:{pid})"
        )));
    }
}
