//! The engines of one site, as far as they are known.

use std::sync::Arc;

use nicon_core::Error;
use tokio::sync::{OnceCell, SetOnce};

use crate::engine::address::Address;
use crate::engine::bounds::Bounds;
use crate::engine::endpoint::Endpoint;
use crate::engine::state::monitors::Monitors;
use crate::engine::state::store::Store;
use crate::engine::users::Others;
use crate::rootfs::blocking::threads_of_one;
use crate::rootfs::directory::FileId;
use crate::rootfs::root::Root;
use crate::rootfs::threads::Threads;

/// The engines in a container, or on our own machine, and the connections to them.
pub(crate) struct Engines {
    pub(super) near: OnceCell<Vec<Arc<Endpoint>>>,
    pub(super) of_others: OnceCell<Others>,
    /// The monitors of all containers, wherever they are.
    pub(crate) monitors: Monitors,
    /// Where engines keep their files here, besides the usual places, once looked for; and where those of users do.
    pub(super) unusual: OnceCell<UnusualStores>,
    pub(super) unusual_of_users: OnceCell<UnusualStores>,
    /// The threads that may wait for file systems here.
    pub(crate) threads: Arc<Threads>,
    /// Whether one of them has been asked something: there is time for other work until it answers.
    asked: SetOnce<()>,
}

impl Engines {
    /// Those of a site that nobody has looked at yet. The `monitors` may be known.
    pub(crate) fn new(monitors: Monitors) -> Self {
        let (near, of_others) = (OnceCell::new(), OnceCell::new());
        let (unusual, unusual_of_users) = (OnceCell::new(), OnceCell::new());
        let (threads, asked) = (threads_of_one(), SetOnce::new());
        Self { near, of_others, monitors, unusual, unusual_of_users, threads, asked }
    }

    /// Those of the same site as if nobody had looked at it yet. The threads that wait for its file systems still do.
    pub(crate) fn afresh(&self, monitors: Monitors) -> Self {
        Self { threads: Arc::clone(&self.threads), ..Self::new(monitors) }
    }

    /// Where engines keep their files here besides the usual places, as far as it was looked for.
    pub(crate) fn unusual_stores(&self) -> impl Iterator<Item = &UnusualStore> {
        [&self.unusual, &self.unusual_of_users].into_iter().filter_map(OnceCell::get).flat_map(|stores| &stores.there)
    }

    /// Notes that one of them is working on its answer, or that none will be asked.
    pub(crate) fn set_asked(&self) {
        let _ = self.asked.set(());
    }

    /// Waits until one of them is working on its answer.
    pub(crate) async fn asked(&self) {
        self.asked.wait().await;
    }
}

/// Whose engines are meant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Whose {
    /// Those of the site itself, and our own if we are not root.
    Near,
    /// Those of all other users.
    Users,
}

/// An engine's files where they usually are not.
pub(crate) struct UnusualStore {
    pub(crate) address: Address,
    pub(crate) files: Store,
    pub(crate) root: Root,
    pub(crate) bounds: Bounds,
    /// The directory that holds them.
    pub(crate) file: FileId,
}

/// What the monitors of a site lead to.
#[derive(Default)]
pub(crate) struct UnusualStores {
    pub(crate) there: Vec<UnusualStore>,
    /// What could not be looked at, where there may be others.
    pub(crate) unread: Vec<Error>,
}
