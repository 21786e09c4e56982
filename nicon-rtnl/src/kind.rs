//! Kinds of links, and what the other link is that a link refers to (`IFLA_LINK`).

use crate::link::Link;

/// What a link has to do with the link that it refers to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Relation {
    /// They are the two ends of a pair.
    Peer,
    /// It sits on top of the other.
    Parent,
}

/// The kinds that come in pairs. Every other kind that refers to a link sits on top of it, unknown kinds included: VLAN,
/// macvlan, ipvlan, tunnels such as GRE, and what later kernels bring.
const PAIRS: [&str; 4] = ["netdevsim", "netkit", "veth", "vxcan"];

/// The kinds that know the network namespace of their sockets, but no lower link. Once such a link is in another namespace,
/// the kernel reports its own ifindex as that of the lower one (`nla_put_iflink` in net/core/rtnetlink.c).
const WITHOUT_LOWER: [&str; 5] = ["bareudp", "geneve", "gtp", "ppp", "wireguard"];

/// The kinds that the kernel destroys when the link that they sit on leaves its network namespace: their drivers take that
/// for its end (`NETDEV_UNREGISTER`).
const FALL_WITH_LOWER: [&str; 6] = ["amt", "lowpan", "macsec", "rmnet", "virt_wifi", "vxlan"];

/// The kinds whose MTU the kernel keeps at or below that of the link that they sit on.
const BOUND_BY_MTU_BELOW: [&str; 5] = ["macsec", "macvlan", "macvtap", "vlan", "vxlan"];

/// Whether links of a kind refer to no other link, whatever the kernel reports.
pub(crate) fn has_no_lower(kind: &str) -> bool {
    WITHOUT_LOWER.contains(&kind)
}

impl Link {
    /// What this link has to do with the one that it refers to; `None` if it refers to none, and is no end of a pair.
    #[must_use]
    pub fn relation(&self) -> Option<Relation> {
        if self.is_one_of(&PAIRS) {
            return Some(Relation::Peer);
        }
        (self.lower.is_some() || !self.ring.is_empty()).then_some(Relation::Parent)
    }

    /// Whether the kernel destroys it when the link that it sits on leaves its network namespace.
    #[must_use]
    pub fn falls_with_lower(&self) -> bool {
        self.is_one_of(&FALL_WITH_LOWER)
    }

    /// Whether the kernel gives it no MTU above that of the link that it sits on.
    #[must_use]
    pub fn is_bound_by_mtu_below(&self) -> bool {
        self.is_one_of(&BOUND_BY_MTU_BELOW)
    }

    /// Whether it sits on the link of its own network namespace that has an ifindex.
    #[must_use]
    pub fn sits_on(&self, ifindex: u32) -> bool {
        let lower = self.lower_nsid.is_none() && self.lower == Some(ifindex);
        self.relation() == Some(Relation::Parent) && (lower || self.ring.contains(&ifindex))
    }

    fn is_one_of(&self, kinds: &[&str]) -> bool {
        self.kind.as_deref().is_some_and(|kind| kinds.contains(&kind))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_pair_sits_on_top() {
        let link = |kind: Option<&str>, lower| Link { kind: kind.map(Into::into), lower, ..Link::default() };
        assert_eq!(link(Some("veth"), Some(3)).relation(), Some(Relation::Peer));
        for kind in [Some("gretap"), Some("of a later kernel"), None] {
            assert_eq!(link(kind, Some(3)).relation(), Some(Relation::Parent), "{kind:?}");
            assert!(link(kind, Some(3)).sits_on(3) && !link(kind, Some(3)).sits_on(4));
        }
        assert_eq!(link(Some("vlan"), None).relation(), None);
        assert!(!link(Some("veth"), Some(3)).sits_on(3));
        let elsewhere = Link { lower_nsid: Some(0), ..link(Some("vlan"), Some(3)) };
        assert!(!elsewhere.sits_on(3));
        let ring = Link { ring: vec![4, 5], ..link(Some("hsr"), None) };
        assert!(ring.sits_on(4) && ring.sits_on(5) && !ring.sits_on(6));
    }
}
