//! The kinds of links that are made, and which fields belong to each.

use super::value::Type;

/// What `from` says for the network namespace of the link itself.
pub(crate) const TARGETS_OWN: &str = "target";

/// The keys of a peer of a link of kind `wireguard`.
pub(crate) const PEER: [(&str, Type); 5] = [
    ("public_key", Type::Text),
    ("endpoint", Type::Text),
    ("allowed_ips", Type::Texts),
    ("preshared_key", Type::Text),
    ("keepalive", Type::Number(0..=65535)),
];

/// A kind: what it needs, and what it may have.
pub(crate) struct Kind {
    pub(crate) name: &'static str,
    pub(crate) needs: &'static [&'static str],
    pub(crate) may_have: &'static [&'static str],
}

/// All kinds.
pub(crate) const KINDS: [Kind; 8] = [
    Kind { name: "macvlan", needs: &["parent"], may_have: &["from", "mode"] },
    Kind { name: "macvtap", needs: &["parent"], may_have: &["from", "mode"] },
    Kind { name: "ipvlan", needs: &["parent"], may_have: &["from", "mode"] },
    Kind { name: "vlan", needs: &["parent", "vid"], may_have: &["from", "protocol"] },
    Kind {
        name: "vxlan",
        needs: &["vni"],
        may_have: &["parent", "from", "remote", "local", "dst_port", "learning", "stitch"],
    },
    Kind { name: "bridge", needs: &[], may_have: &["vlan_filtering", "stp"] },
    Kind { name: "dummy", needs: &[], may_have: &[] },
    Kind { name: "wireguard", needs: &["private_key"], may_have: &["from", "listen_port", "peers"] },
];
