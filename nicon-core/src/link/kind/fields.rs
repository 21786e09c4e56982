//! Which fields of a record belong to which kind.

use super::kinds::Kind;
use crate::{Error, Record, Result};

/// All fields that say what a link is made of, whichever kind has them.
pub const FIELDS: [&str; 17] = [
    "kind",
    "parent",
    "from",
    "mode",
    "vid",
    "protocol",
    "vni",
    "remote",
    "local",
    "dst_port",
    "learning",
    "vlan_filtering",
    "stp",
    "stitch",
    "private_key",
    "listen_port",
    "peers",
];

/// What `from` says for the network namespace of the record itself.
pub const TARGETS_OWN: &str = "target";

/// What only a link that is moved has.
const OF_A_MOVE: &str = "keep";

/// The fields that a kind needs, and those that it may have.
#[must_use]
pub fn of(kind: Kind) -> (&'static [&'static str], &'static [&'static str]) {
    match kind {
        Kind::Macvlan | Kind::Macvtap | Kind::Ipvlan => (&["parent"], &["from", "mode"]),
        Kind::Vlan => (&["parent", "vid"], &["from", "protocol"]),
        Kind::Vxlan => (&["vni"], &["parent", "from", "remote", "local", "dst_port", "learning", "stitch"]),
        Kind::Bridge => (&[], &["vlan_filtering", "stp"]),
        Kind::Dummy => (&[], &[]),
        Kind::Wireguard => (&[], &["from", "private_key", "listen_port", "peers"]),
    }
}

/// Makes sure that a record has what its kind needs, and nothing that only others have.
///
/// # Errors
/// The first field that is missing or too much.
pub(super) fn check(record: &Record, kind: Kind) -> Result<()> {
    let has = |field: &&&str| record.get(field).is_some_and(|value| !value.is_null());
    let (needed, allowed) = of(kind);
    if let Some(missing) = needed.iter().find(|field| !has(field)) {
        return Err(Error::invalid(format!("a {kind} needs \"{missing}\"")));
    }
    let others = FIELDS.iter().filter(|field| **field != "kind" && !needed.contains(field) && !allowed.contains(field));
    if let Some(other) = others.chain([&OF_A_MOVE]).find(has) {
        return Err(Error::invalid(format!("a {kind} has no \"{other}\"")));
    }
    if [Kind::Ipvlan, Kind::Wireguard].contains(&kind) && has(&&"mac") {
        return Err(Error::invalid(format!(
            "a link of kind {kind} has no hardware address of its own: \"mac\" cannot be given"
        )));
    }
    Ok(())
}
