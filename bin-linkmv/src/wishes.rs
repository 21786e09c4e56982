//! What a link is to be like, as a record and the options of a command line ask for it.

pub(crate) mod attributes;
pub(crate) mod given;
pub(crate) mod origin;
pub(crate) mod tuning;
pub(crate) mod valid;

/// The fields of a record that say what any link is to be like, whatever the record's act is.
pub(crate) const FIELDS: [&str; 23] = [
    "name",
    "addr",
    "nodad",
    "gateway",
    "route",
    "mtu",
    "mac",
    "master",
    "vlan",
    "pvid",
    "untagged",
    "isolated",
    "sysctl",
    "promisc",
    "txqueuelen",
    "offload",
    "delay",
    "jitter",
    "loss",
    "rate",
    "alias",
    "altname",
    "up",
];
