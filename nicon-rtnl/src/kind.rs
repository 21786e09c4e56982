//! Kinds of links, and what the other link is that a link of each kind refers to (`IFLA_LINK`). A new kind is one line here.

use crate::link::Link;

/// What a link has to do with the link that it refers to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Relation {
    /// They are the two ends of a pair, and neither exists without the other.
    Peer,
    /// It sits on top of the other.
    Parent,
}

const KINDS: [(&str, Relation); 7] = [
    ("veth", Relation::Peer),
    ("ipvlan", Relation::Parent),
    ("macsec", Relation::Parent),
    ("macvlan", Relation::Parent),
    ("macvtap", Relation::Parent),
    ("vlan", Relation::Parent),
    ("vxlan", Relation::Parent),
];

impl Link {
    /// What this link has to do with the one that it refers to; `None` if its kind is not known.
    #[must_use]
    pub fn relation(&self) -> Option<Relation> {
        let kind = self.kind.as_deref()?;
        KINDS.iter().find(|(known, _)| *known == kind).map(|(_, relation)| *relation)
    }
}
