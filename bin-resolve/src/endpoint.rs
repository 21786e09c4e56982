//! The engines that may be in a place: of which kind, and whose, each one is; where it may listen, and where its files may be.

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;

use tokio::sync::OnceCell;

use crate::disk::Store;
use crate::kind::{Kind, Qualifier};
use crate::pool::Pool;
use crate::root::Root;
use crate::rootlesskit::Hidden;
use crate::socket::Places;
use crate::trust::Bounds;

/// Which engine of a place: there may be one of each kind for each user.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Address {
    pub(crate) kind: Kind,
    /// `None` for the engine of the place itself, which root runs, or which the caller chose.
    pub(crate) owner: Option<Owner>,
}

/// A user who has engines of their own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Owner {
    /// The user ID, as the place has it.
    pub(crate) uid: u32,
    /// The login name, or the ID if there is none.
    pub(crate) name: Arc<str>,
}

/// An engine that may be there.
pub(crate) struct Endpoint {
    pub(crate) address: Address,
    /// The root directory below which its paths are.
    pub(crate) root: Arc<Root>,
    /// Where it may listen; empty if it has no socket.
    pub(crate) sockets: Vec<PathBuf>,
    /// Where its files may be; `None` if the caller chose a socket.
    pub(crate) store: Option<Store>,
    /// The way to its files, if they are in another mount namespace.
    pub(crate) hidden: Option<Hidden>,
    /// Where the systemd of its user listens; `None` if the first process of the place is the one that starts it.
    pub(crate) manager: Option<PathBuf>,
    /// What whoever owns it may name.
    pub(crate) bounds: Bounds,
    pub(crate) pool: Pool,
    /// Whether it does not run yet, once looked at.
    pub(crate) is_asleep: OnceCell<bool>,
}

impl Address {
    /// The engine of this kind of the place itself.
    pub(crate) fn usual(kind: Kind) -> Self {
        Self { kind, owner: None }
    }

    /// Whether it is one of those that a path's qualifier leaves.
    pub(crate) fn is_of(&self, of: &Qualifier) -> bool {
        let uid = self.owner.as_ref().map_or(0, |owner| owner.uid);
        let is_owner = |user: &str| user == self.owner_name() || user == uid.to_string();
        of.engine.is_none_or(|kind| kind == self.kind) && of.user.as_deref().is_none_or(is_owner)
    }

    /// How a path names this engine: by its kind, and its owner if it has one.
    pub(crate) fn qualifier(&self) -> Qualifier {
        let user = self.owner.as_ref().map(|owner| owner.name.to_string());
        Qualifier { user, engine: Some(self.kind), namespace: None }
    }

    /// The shortest qualifier that leaves no other of `engines`, this one among them; `None` if there is none.
    pub(crate) fn shortest(&self, engines: &[Self]) -> Option<Qualifier> {
        let whole = Qualifier { user: Some(self.owner_name().to_owned()), ..self.qualifier() };
        let shorter = match self.owner {
            None => Qualifier { user: None, ..whole.clone() },
            Some(_) => Qualifier { engine: None, ..whole.clone() },
        };
        let is_enough = |of: &Qualifier| engines.iter().filter(|engine| engine.is_of(of)).count() == 1;
        [Qualifier::default(), shorter, whole].into_iter().find(is_enough)
    }

    fn owner_name(&self) -> &str {
        self.owner.as_ref().map_or("root", |owner| &owner.name)
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(owner) = &self.owner {
            write!(f, "{}@", owner.name)?;
        }
        f.write_str(self.kind.name())
    }
}

impl Endpoint {
    /// The engines of the place itself.
    pub(crate) fn usual(root: &Arc<Root>, places: &Places) -> Vec<Arc<Self>> {
        let endpoint = |kind| {
            let store = places.chosen(kind).is_none().then(|| Store::usual(kind));
            let address = Address::usual(kind);
            Arc::new(Self::new(address, root, places.of(kind).to_vec(), store, Bounds::default()))
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
    pub(crate) fn paths(&self, asked_for: bool) -> Vec<PathBuf> {
        let files = self.store.as_ref().filter(|_| self.hidden.is_none()).map(|store| store.places(asked_for));
        [self.sockets.clone(), files.unwrap_or_default()].concat()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_qualifier_chooses_among_engines() {
        let alice = || Some(Owner { uid: 1000, name: "alice".into() });
        let (roots, hers) = (Address::usual(Kind::Docker), Address { kind: Kind::Podman, owner: alice() });
        for (text, is_roots, is_hers) in [
            ("web", true, true),
            ("docker:web", true, false),
            ("podman:web", false, true),
            ("root@web", true, false),
            ("0@docker:web", true, false),
            ("alice@web", false, true),
            ("1000@podman:web", false, true),
            ("alice@docker:web", false, false),
            ("bob@web", false, false),
        ] {
            let (of, _) = Qualifier::split(text).unwrap();
            assert_eq!((roots.is_of(&of), hers.is_of(&of)), (is_roots, is_hers), "{text}");
        }
        assert_eq!((roots.to_string(), hers.to_string()), ("docker".to_owned(), "alice@podman".to_owned()));
        assert_eq!(format!("{}web", hers.qualifier()), "alice@podman:web");
        let shortest = |engine: &Address, others: &[&Address]| {
            let others: Vec<_> = others.iter().copied().cloned().collect();
            engine.shortest(&others).map(|of| of.to_string())
        };
        let her_other = Address { kind: Kind::Docker, owner: alice() };
        for (engine, engines, expected) in [
            (&roots, &[&roots][..], Some("")),
            (&roots, &[&roots, &hers], Some("docker:")),
            (&roots, &[&roots, &her_other], Some("root@docker:")),
            (&hers, &[&roots, &hers], Some("alice@")),
            (&hers, &[&her_other, &hers], Some("alice@podman:")),
            (&hers, &[&hers, &hers], None),
        ] {
            assert_eq!(shortest(engine, engines).as_deref(), expected);
        }
    }
}
