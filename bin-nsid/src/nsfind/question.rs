//! The questions: what the command line, operands and records ask for.

pub(crate) mod args;
pub(crate) mod names;
pub(crate) mod owner;
pub(crate) mod query;
