//! What the parts of a watch tell each other.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::sync::Arc;

use nicon_core::{Error, Result};
use tokio::sync::mpsc::UnboundedSender;
use tokio::sync::oneshot;

use crate::engine::address::Address;
use crate::engine::endpoint::Endpoint;
use crate::engine::settings::Settings;
use crate::lookup::listing::ListedContainer;
use crate::query::Qualifier;
use crate::query::path::Path;
use crate::resolve::batch::Inner;
use crate::resolve::hop::Hop;
use crate::resolve::scan::progress::Progress;
use crate::resolve::watch::recent::RecentMonitors;
use crate::rootfs::changes::Changes;
use crate::rootfs::directory::FileId;

pub(super) type QueryId = usize;
pub(super) type SiteId = u64;
pub(super) type NodeId = u64;

/// How far a container matches which pattern.
pub(super) type Wants = BTreeMap<QueryId, Progress>;

/// A container as its engine knows it, whatever its name, in the list of the engines asked for: its path depends on these.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct Key {
    asked: Qualifier,
    endpoint: Address,
    id: String,
}

impl Key {
    pub(super) fn of(listed: &ListedContainer, asked: &Qualifier) -> Self {
        Self { asked: asked.clone(), endpoint: listed.address(), id: listed.id.clone() }
    }
}

/// Which of the engines of a site are searched there.
pub(super) enum Claims {
    All,
    /// There are none.
    None,
    Some(HashSet<(QueryId, FileId)>),
}

impl Claims {
    pub(super) fn include(&self, query: QueryId, engine: FileId) -> bool {
        match self {
            Self::All => true,
            Self::None => false,
            Self::Some(engines) => engines.contains(&(query, engine)),
        }
    }
}

/// What a look has found out, besides the containers that were found.
pub(super) struct Looked {
    /// The containers that were listed, and known already, and how far they match which pattern.
    pub(super) listed: HashMap<Key, Wants>,
    /// Those that were listed, and of which nothing else could be learnt.
    pub(super) unclear: HashSet<Key>,
    /// Whether nothing else is there: everybody has answered.
    pub(super) is_whole: bool,
    pub(super) failures: Vec<Error>,
    /// Containers that could not be proved to run.
    pub(super) doubts: Vec<Error>,
    /// Whether something may have happened before it was watched.
    pub(super) is_late: bool,
    /// Whether engines in unusual places may have been overlooked that are new.
    pub(super) has_overlooked: bool,
}

/// What has happened.
pub(super) enum Message {
    /// Something may have changed at a site.
    Rung(SiteId),
    /// A site may be looked at again.
    Due(SiteId),
    /// What was overlooked at a site may be found now.
    Again(SiteId),
    /// The engines of a site that may listen.
    Listening(SiteId, Vec<Arc<Endpoint>>),
    /// The engines of a site, and whether there are no others for sure. Which of them are searched there is to be answered.
    Inside(SiteId, Result<Vec<Inner>>, bool, oneshot::Sender<Claims>),
    /// A site has waited long enough for others.
    Waited,
    /// What a name means now, and the listed containers that it means.
    Named(SiteId, String, BTreeSet<Key>, Result<Arc<Hop>>),
    /// A container that matches patterns, or may contain some that do.
    Found(SiteId, Key, Path, Wants, Arc<Hop>),
    Looked(SiteId, Box<Looked>),
    /// A container's process has ended.
    Died(NodeId),
}

/// What all parts of a watch share.
pub(super) struct Shared {
    pub(super) settings: Arc<Settings>,
    pub(super) changes: Changes,
    pub(super) monitors: RecentMonitors,
    pub(super) sender: UnboundedSender<Message>,
}

impl Shared {
    /// Tells something. If the watch has ended, nobody wants to know.
    pub(super) fn send(&self, message: Message) {
        let _ = self.sender.send(message);
    }
}
