//! The command line.

pub(crate) mod args;
pub(crate) mod attached;
pub(crate) mod no_process;
pub(crate) mod plain;
pub(crate) mod variable;
