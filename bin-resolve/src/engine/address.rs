//! Which engine is meant: of which kind it is, and whose.

use std::fmt;
use std::sync::Arc;

use nicon_core::Error;

use crate::query::{Kind, Qualifier};

/// Which engine of a site, a container or our own machine: there may be one of each kind for each user.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct Address {
    pub(crate) kind: Kind,
    /// `None` for the engine of the site itself, which root runs, or which the caller chose.
    pub(crate) owner: Option<Owner>,
    /// The one of its namespaces that is meant, if it has any.
    pub(crate) namespace: Option<String>,
}

/// A user who has engines of their own.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct Owner {
    /// The user ID, as the site has it.
    pub(crate) uid: u32,
    /// The login name, or the ID if there is none.
    pub(crate) name: Arc<str>,
}

impl Address {
    /// The engine of this kind of the site itself.
    pub(crate) fn usual(kind: Kind) -> Self {
        Self { kind, owner: None, namespace: None }
    }

    /// Whether it is one of those that a path's qualifier leaves.
    pub(crate) fn is_of(&self, of: &Qualifier) -> bool {
        let uid = self.owner.as_ref().map_or(0, |owner| owner.uid);
        let is_owner = |user: &str| user == self.owner_name() || user == uid.to_string();
        let is_kind = of.engine.is_none_or(|kind| kind == self.kind) && (!of.is_pod || self.kind.has_pods());
        // A pod's namespace is Kubernetes', and not the engine's.
        let is_within = of.is_pod || of.namespace.is_none() || of.namespace == self.namespace;
        is_kind && is_within && of.user.as_deref().is_none_or(is_owner)
    }

    /// The same engine, and this of its namespaces.
    pub(crate) fn within(&self, namespace: Option<&String>) -> Self {
        Self { namespace: namespace.cloned(), ..self.clone() }
    }

    /// How a path names this engine: by its kind, its owner if it has one, and the namespace that is meant.
    pub(crate) fn qualifier(&self) -> Qualifier {
        let user = self.owner.as_ref().map(|owner| owner.name.to_string());
        Qualifier { user, engine: Some(self.kind), namespace: self.namespace.clone(), is_pod: false }
    }

    /// What a path says at least that asks for this engine as `asked` does.
    pub(crate) fn as_asked(&self, asked: &Qualifier) -> Qualifier {
        Qualifier {
            user: asked.user.as_ref().map(|_| self.owner_name().to_owned()),
            engine: asked.engine.map(|_| self.kind),
            namespace: asked.namespace.clone(),
            is_pod: false,
        }
    }

    /// The shortest qualifier that leaves no other of `engines`, this one among them, and says what is `asked`; `None` if there is
    /// none.
    pub(crate) fn shortest(&self, engines: &[Self], asked: &Qualifier) -> Option<Qualifier> {
        let least = self.as_asked(asked);
        let user = Some(self.owner_name().to_owned());
        let (engine, namespace) = (Some(self.kind), self.namespace.clone());
        let with_user = Qualifier { user, ..least.clone() };
        let with_kind = |of: &Qualifier| Qualifier { engine, ..of.clone() };
        let whole = |of: &Qualifier| Qualifier { engine, namespace: namespace.clone(), ..of.clone() };
        let ways = if self.owner.is_some() {
            vec![least, with_user.clone(), with_kind(&with_user), whole(&with_user)]
        } else {
            vec![least.clone(), with_kind(&least), whole(&least), with_kind(&with_user), whole(&with_user)]
        };
        let is_enough = |of: &Qualifier| engines.iter().filter(|engine| engine.is_of(of)).count() == 1;
        ways.into_iter().find(is_enough)
    }

    /// An error about this engine, which says whose it is if it is a user's.
    pub(crate) fn within_owner(&self, error: Error) -> Error {
        if self.owner.is_some() { error.prefix(self.to_string()) } else { error }
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
    use crate::query::Subject;

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
            let of = Subject::qualifier(text);
            assert_eq!((roots.is_of(&of), hers.is_of(&of)), (is_roots, is_hers), "{text}");
        }
        assert_eq!((roots.to_string(), hers.to_string()), ("docker".to_owned(), "alice@podman".to_owned()));
        assert_eq!(format!("{}web", hers.qualifier()), "alice@podman:web");
        let shortest = |engine: &Address, others: &[&Address]| {
            let others: Vec<_> = others.iter().copied().cloned().collect();
            engine.shortest(&others, &Qualifier::default()).map(|of| of.to_string())
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
        for (engine, asked, expected) in [
            (&one, "containerd:teama:x", "containerd:teama:"),
            (&one, "containerd:x", "containerd:"),
            (&roots, "0@x", "root@"),
            (&hers, "1000@x", "alice@"),
            (&hers, "podman:x", "podman:"),
        ] {
            let way = engine.shortest(std::slice::from_ref(engine), &Subject::qualifier(asked));
            assert_eq!(way.unwrap().to_string(), expected);
        }
    }
}
