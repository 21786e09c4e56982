//! What engines list, and how that is put together.

use std::cell::RefCell;
use std::collections::{HashMap, HashSet};
use std::rc::Rc;
use std::sync::Arc;

use nicon_core::container::is_id;
use nicon_core::path::is_name;
use nicon_core::{Error, Result};
use nix::libc;

use crate::engine::address::{Address, Owner};
use crate::engine::container::Summary;
use crate::engine::pod::Pod;
use crate::engine::state::store::Extent;
use crate::lookup::bundle::Bundle;
use crate::proof::claim::Verified;
use crate::query::path::Path;
use crate::query::{Kind, Qualifier};
use crate::rootfs::directory::FileId;

/// How many remarks on one engine are reported.
const MAX_REMARKS: usize = 20;

/// A container that an engine lists.
#[derive(Clone, Debug)]
pub(crate) struct ListedContainer {
    pub(crate) id: String,
    pub(crate) name: String,
    /// The engine's namespace in which it is, if it has any.
    pub(crate) namespace: Option<String>,
    pub(crate) pod: Option<Pod>,
    /// The sandbox of its pod, by which its path goes.
    pub(crate) within: Option<Rc<ListedContainer>>,
    /// Its segment in a path: its name, with the engine's if two know that name, or its ID if the name is not usable.
    pub(crate) segment: String,
    pub(crate) kind: Kind,
    /// The engine that usually is where it was found: podman may listen at Docker's socket.
    pub(crate) endpoint: Address,
    /// The engine's socket or directory.
    pub(crate) engine: FileId,
    /// Whether no path leads to it alone.
    pub(crate) is_twin: bool,
    /// The container's bundle, if it was read.
    pub(crate) bundle: Option<Rc<Bundle>>,
    /// Its proof, if it was proved when it was listed; for one who asks.
    pub(crate) verified: Rc<RefCell<Option<Box<Verified>>>>,
}

/// What one engine lists.
#[derive(Default)]
pub(crate) struct EngineListing {
    pub(crate) containers: Vec<ListedContainer>,
    /// What people have to know of it: that files were read, or what was not found to be true.
    pub(crate) remarks: Vec<Error>,
    /// What could not be read, where there may be other containers.
    pub(crate) unread: Vec<Error>,
    /// Whether its files were read since it did not answer in time.
    pub(crate) is_late: bool,
}

impl EngineListing {
    /// Whether there is nothing to tell.
    pub(crate) fn is_empty(&self) -> bool {
        self.containers.is_empty() && self.remarks.is_empty() && self.unread.is_empty()
    }
}

/// What one engine lists, if there is such an engine.
pub(crate) type ListResult = Result<Option<EngineListing>>;

/// What the engines of one site list.
#[derive(Default)]
pub(crate) struct Listing {
    /// Whether there is an engine that answers.
    pub(crate) some_there: bool,
    /// By name.
    pub(crate) containers: Vec<ListedContainer>,
    /// Failures of engines, while others answered.
    pub(crate) failures: Vec<Error>,
    /// The remarks on those that answered.
    pub(crate) remarks: Vec<Error>,
    /// What could not be read of their files, where there may be other containers.
    pub(crate) unread: Vec<Error>,
}

impl Listing {
    /// The lists of several engines, the nearest first.
    pub(crate) fn of(lists: Vec<ListResult>) -> Self {
        let mut listing = Self::default();
        // If several engines know a container, the first one has the better name for it. What is no ID that an engine made up
        // can be the name of different containers.
        let mut known: HashMap<String, Vec<Option<Owner>>> = HashMap::new();
        for list in lists {
            match list {
                Ok(Some(list)) => {
                    listing.some_there = true;
                    listing.remarks.extend(brief(list.remarks));
                    listing.unread.extend(brief(list.unread));
                    let is_new = |container: &ListedContainer| {
                        let tellers = known.get(&container.id).into_iter().flatten();
                        !tellers
                            .into_iter()
                            .any(|teller| counts_for(teller.as_ref(), container.endpoint.owner.as_ref()))
                    };
                    let new: Vec<_> = list.containers.into_iter().filter(is_new).collect();
                    for container in new.iter().filter(|container| is_id(&container.id)) {
                        known.entry(container.id.clone()).or_default().push(container.endpoint.owner.clone());
                    }
                    listing.containers.extend(new);
                }
                Ok(None) => {}
                Err(error) => listing.failures.push(error),
            }
        }
        // An engine and the runtime below it may have read the same file.
        let mut told = HashSet::new();
        listing.remarks.retain(|remark| told.insert(remark.to_string()));
        let some_there = listing.some_there;
        listing.failures.retain(|error| !some_there || error.errno() != Some(libc::ECONNREFUSED));
        listing
    }
}

impl ListedContainer {
    pub(crate) fn new(listed: Summary, endpoint: Address, engine: FileId) -> Self {
        let Summary { id, name, namespace, pod } = listed;
        let segment = if is_name(&name) { &name } else { &id }.clone();
        let (kind, within, bundle, verified) = (endpoint.kind, None, None, Rc::default());
        Self { id, name, namespace, pod, within, segment, kind, endpoint, engine, is_twin: false, bundle, verified }
    }

    /// Its path from the site: its segment, and that of its pod before it.
    pub(crate) fn tail(&self) -> Path {
        let pod = self.within.iter().map(|pod| pod.segment.clone());
        pod.chain([self.segment.clone()]).collect()
    }

    /// The pod whose sandbox it is.
    pub(crate) fn as_pod(&self) -> Option<&Pod> {
        self.pod.as_ref().filter(|pod| pod.is_sandbox)
    }

    /// What a pattern is compared with: a sandbox has its pod's name.
    pub(crate) fn shown_name(&self) -> &str {
        self.as_pod().map_or(&self.name, |pod| &pod.name)
    }

    /// What its engine said of it.
    pub(crate) fn summary(&self) -> Summary {
        let (id, name, namespace) = (self.id.clone(), self.name.clone(), self.namespace.clone());
        Summary { id, name, namespace, pod: self.pod.clone() }
    }

    /// Whether it is one of those that a path's qualifier leaves.
    pub(crate) fn is_of(&self, of: &Qualifier) -> bool {
        self.address().is_of(of) && (!of.is_pod || self.as_pod().is_some_and(|pod| pod.is_of(of)))
    }

    /// The engine that listed it, and the namespace in which it did.
    pub(crate) fn address(&self) -> Address {
        Address { kind: self.kind, ..self.endpoint.within(self.namespace.as_ref()) }
    }
}

/// What is wanted of the files of an engine that others use, given what these list: whatever none of them has told.
pub(crate) fn extent_below(lists: &[ListResult], engine: &Address, extent: Extent) -> Extent {
    let listings = lists.iter().flatten().flatten();
    let told = listings
        .flat_map(|list| &list.containers)
        .filter(|container| counts_for(container.endpoint.owner.as_ref(), engine.owner.as_ref()));
    let known: HashSet<String> = told.map(|container| container.id.clone()).filter(|id| is_id(id)).collect();
    // What runc keeps for containerd, containerd tells as well.
    let all = extent.all || engine.kind == Kind::Containerd;
    Extent { all, known: Arc::new(known), ..extent }
}

/// Whether what the engine of one user tells of an ID counts for a container of another's. Nobody can hide another's.
pub(super) fn counts_for(teller: Option<&Owner>, owner: Option<&Owner>) -> bool {
    teller.is_none() || teller == owner
}

/// The first of many remarks on one engine: its files may be anybody's.
fn brief(mut remarks: Vec<Error>) -> Vec<Error> {
    if let Some(left @ 1..) = remarks.len().checked_sub(MAX_REMARKS) {
        remarks.truncate(MAX_REMARKS);
        remarks.push(Error::failed(format!("{left} more are left out for such reasons")));
    }
    remarks
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nobody_hides_a_container_of_anothers() {
        let id = "a".repeat(64);
        let listing = |user: Option<&str>, kind: Kind| {
            let owner = user.map(|user| Owner { uid: 1, name: user.into() });
            let listed = Summary { id: id.clone(), name: kind.name().to_owned(), ..Summary::default() };
            let address = Address { kind, owner, namespace: None };
            let containers = vec![ListedContainer::new(listed, address, FileId::default())];
            Ok(Some(EngineListing { containers, ..EngineListing::default() }))
        };
        let listed = |lists| {
            let containers = Listing::of(lists).containers.into_iter();
            containers.map(|container| container.endpoint.to_string()).collect::<Vec<_>>()
        };
        // The first engine of the machine's, or of one user's, has the better name.
        assert_eq!(listed(vec![listing(None, Kind::Docker), listing(None, Kind::Containerd)]), ["docker"]);
        assert_eq!(listed(vec![listing(None, Kind::Docker), listing(Some("bob"), Kind::Podman)]), ["docker"]);
        let of_two = vec![listing(Some("mallory"), Kind::Docker), listing(Some("bob"), Kind::Podman)];
        assert_eq!(listed(of_two), ["mallory@docker", "bob@podman"]);
    }
}
