//! Lists the running containers of an engine that is read from its files.
//!
//! Files outlive containers, and containers come and go while they are read: only those with a proved process are running.

use nicon_core::{Error, Result, Status};

use crate::claim::{Claim, Found};
use crate::container::Container;
use crate::disk::{Contents, Disk, Started};
use crate::listing::{Listed, State};
use crate::name::is_name;
use crate::roster::{Listing, Member};
use crate::scope::Scope;

/// How often files are read again that have changed since.
const MAX_CHANGES: usize = 5;

impl Scope<'_> {
    /// Lists containers from files. What is broken of one container does not hide the others.
    ///
    /// # Errors
    /// If too many threads are blocked, or too many files are open.
    pub(crate) async fn list_files(&self, disk: &Disk<'_>, state: State) -> Result<Listing> {
        if state == State::Any {
            let Contents { containers, unread } = disk.list().await?;
            let members =
                containers.into_iter().map(|listed| Member::new(listed, disk.engine.clone(), disk.file)).collect();
            return Ok(Listing { members, unread, ..Listing::default() });
        }
        let Contents { containers, unread } = disk.with_process().await?;
        let mut listing = Listing { unread, ..Listing::default() };
        for started in containers {
            // Files may name any number of containers; the time-out is to be kept.
            tokio::task::yield_now().await;
            let running = match started {
                Ok(started) => self.running(disk, started).await,
                Err(error) => Err(error),
            };
            match running {
                Ok(Some((found, unnamed))) => listing.add(disk, found, unnamed),
                Ok(None) => {}
                Err(error) => listing.remarks.push(error),
            }
        }
        Ok(listing)
    }

    /// The container if it runs, and why its name is not known; `None` if it has ended.
    async fn running(&self, disk: &Disk<'_>, mut started: Started) -> Result<Option<(Found, Option<Error>)>> {
        for _ in 0..MAX_CHANGES {
            let Started { container, entry } = started;
            let name = container.name.clone();
            let claim = Claim::of_files(disk, container, entry.place.clone())?;
            let error = match self.prove(&name, &claim).await {
                Ok((process, proof)) => return Ok(Some((claim.by(process, proof), entry.unnamed))),
                Err(error) => error.prefix(&name),
            };
            if self.has_ended(&claim) {
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
}

impl Listing {
    fn add(&mut self, disk: &Disk<'_>, found: Found, unnamed: Option<Error>) {
        self.remarks.extend(unnamed);
        let Container { id, name, namespace, .. } = &found.container;
        let (id, name, namespace) = (id.clone(), name.clone(), namespace.clone());
        if is_name(&name) || is_name(&id) {
            let member = Member::new(Listed { id, name, namespace }, disk.engine.clone(), disk.file);
            member.found.replace(Some(Box::new(found)));
            self.members.push(member);
        } else {
            let pid = found.process.pid();
            self.remarks.push(Error::failed(format!(
                "\"{name}\" runs, but no path can name it (begin the path with its process, pid:{pid})"
            )));
        }
    }
}
