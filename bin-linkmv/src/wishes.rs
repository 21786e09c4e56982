//! What a link is to be like, as a record and the options of a command line ask for it.

pub(crate) mod attributes;
pub(crate) mod given;
pub(crate) mod valid;

/// The fields of a record that say what any link is to be like, whatever the record's act is.
pub(crate) const FIELDS: [&str; 10] =
    ["name", "addr", "gateway", "route", "mtu", "mac", "master", "alias", "altname", "up"];
