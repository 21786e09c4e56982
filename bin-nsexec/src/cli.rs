//! The command line.

pub(crate) mod args;
pub(crate) mod attached;
pub(crate) mod plain;
