//! The engines that may be at a site: of which kind, and whose, each one is; where it may listen, and where its files may be.

use std::path::PathBuf;
use std::sync::Arc;

use tokio::sync::OnceCell;

use crate::engine::address::Address;
use crate::engine::api::pool::Pool;
use crate::engine::api::sockets::Sockets;
use crate::engine::bounds::Bounds;
use crate::engine::rootlesskit::Hidden;
use crate::engine::state::store::{Extent, Store};
use crate::engine::state::table;
use crate::query::Kind;
use crate::rootfs::root::Root;

/// An engine that may be there.
pub(crate) struct Endpoint {
    pub(crate) address: Address,
    /// The root directory below which its paths are.
    pub(crate) root: Arc<Root>,
    /// Where it may listen; empty if it has no socket.
    pub(crate) sockets: Vec<PathBuf>,
    /// Where its files may be; `None` if the caller chose a socket in another place than the usual ones.
    pub(crate) store: Option<Store>,
    /// The way to its files, if they are in another mount namespace.
    pub(crate) hidden: Option<Hidden>,
    /// Where the systemd of its user listens; `None` if the first process of the site is the one that starts it.
    pub(crate) manager: Option<PathBuf>,
    /// What whoever owns it may name.
    pub(crate) bounds: Bounds,
    pub(crate) pool: Pool,
    /// Whether it does not run yet, once looked at.
    pub(crate) is_asleep: OnceCell<bool>,
}

impl Endpoint {
    /// The engines of the site itself.
    pub(crate) fn usual(root: &Arc<Root>, sockets: &Sockets) -> Vec<Arc<Self>> {
        let endpoint = |kind| {
            let store = (!sockets.is_elsewhere(kind)).then(|| table::usual(kind));
            let address = Address::usual(kind);
            Arc::new(Self::new(address, root, sockets.of(kind).to_vec(), store, Bounds::default()))
        };
        Kind::ALL.map(endpoint).into()
    }

    pub(crate) fn new(
        address: Address,
        root: &Arc<Root>,
        sockets: Vec<PathBuf>,
        store: Option<Store>,
        bounds: Bounds,
    ) -> Self {
        let (root, pool, is_asleep) = (Arc::clone(root), Pool::new(), OnceCell::new());
        Self { address, root, sockets, store, hidden: None, manager: None, bounds, pool, is_asleep }
    }

    /// The kind of engine that usually is there.
    pub(crate) fn kind(&self) -> Kind {
        self.address.kind
    }

    /// All paths at which it may be found.
    pub(crate) fn paths(&self, extent: &Extent) -> Vec<PathBuf> {
        let store = self.store.as_ref().filter(|_| self.hidden.is_none());
        let files = store.map(|store| [store.settings(), store.wanted(extent).dirs()].concat());
        [self.sockets.clone(), files.unwrap_or_default()].concat()
    }
}
