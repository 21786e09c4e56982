//! Which engine is meant: of which kind it is, and whose.

use std::fmt;
use std::sync::Arc;

use nicon_core::Error;

use crate::kind::{Kind, Qualifier};

/// Which engine of a place: there may be one of each kind for each user.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Address {
    pub(crate) kind: Kind,
    /// `None` for the engine of the place itself, which root runs, or which the caller chose.
    pub(crate) owner: Option<Owner>,
    /// The one of its namespaces that is meant, if it has any.
    pub(crate) namespace: Option<String>,
}

/// A user who has engines of their own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Owner {
    /// The user ID, as the place has it.
    pub(crate) uid: u32,
    /// The login name, or the ID if there is none.
    pub(crate) name: Arc<str>,
}

impl Address {
    /// The engine of this kind of the place itself.
    pub(crate) fn usual(kind: Kind) -> Self {
        Self { kind, owner: None, namespace: None }
    }

    /// Whether it is one of those that a path's qualifier leaves.
    pub(crate) fn is_of(&self, of: &Qualifier) -> bool {
        let uid = self.owner.as_ref().map_or(0, |owner| owner.uid);
        let is_owner = |user: &str| user == self.owner_name() || user == uid.to_string();
        of.engine.is_none_or(|kind| kind == self.kind)
            && of.user.as_deref().is_none_or(is_owner)
            && (of.namespace.is_none() || of.namespace == self.namespace)
    }

    /// The same engine, and this of its namespaces.
    pub(crate) fn within(&self, namespace: Option<&String>) -> Self {
        Self { namespace: namespace.cloned(), ..self.clone() }
    }

    /// How a path names this engine: by its kind, and its owner if it has one.
    pub(crate) fn qualifier(&self) -> Qualifier {
        let user = self.owner.as_ref().map(|owner| owner.name.to_string());
        Qualifier { user, engine: Some(self.kind), namespace: None }
    }

    /// The shortest qualifier that leaves no other of `engines`, this one among them; `None` if there is none.
    pub(crate) fn shortest(&self, engines: &[Self]) -> Option<Qualifier> {
        let near = Qualifier { user: None, ..self.qualifier() };
        let namespace = self.namespace.clone();
        let whole =
            Qualifier { user: Some(self.owner_name().to_owned()), namespace: namespace.clone(), ..near.clone() };
        let of_theirs = Qualifier { namespace: None, ..whole.clone() };
        let shorter = if self.owner.is_some() {
            [Qualifier { engine: None, ..of_theirs.clone() }, of_theirs.clone()]
        } else {
            [near.clone(), Qualifier { namespace, ..near }]
        };
        let is_enough = |of: &Qualifier| engines.iter().filter(|engine| engine.is_of(of)).count() == 1;
        [Qualifier::default()].into_iter().chain(shorter).chain([of_theirs, whole]).find(is_enough)
    }

    /// An error about this engine, which says whose it is if it is a user's.
    pub(crate) fn within_owner(&self, error: Error) -> Error {
        if self.owner.is_some() { error.within(self.to_string()) } else { error }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_qualifier_chooses_among_engines() {
        let alice = || Some(Owner { uid: 1000, name: "alice".into() });
        let (roots, hers) =
            (Address::usual(Kind::Docker), Address { kind: Kind::Podman, owner: alice(), namespace: None });
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
        let her_other = Address { kind: Kind::Docker, ..hers.clone() };
        let within = |namespace: &str| Address::usual(Kind::Containerd).within(Some(&namespace.to_owned()));
        let (one, two) = (within("teama"), within("teamb"));
        let hers_there = Address { owner: alice(), ..one.clone() };
        for (engine, engines, expected) in [
            (&one, &[&one, &two][..], Some("containerd:teama:")),
            (&one, &[&one, &roots], Some("containerd:")),
            (&one, &[&one, &two, &hers_there], Some("root@containerd:teama:")),
            (&hers_there, &[&one, &two, &hers_there], Some("alice@")),
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
