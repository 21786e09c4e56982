//! Becoming the command.

pub(crate) mod command;
pub(crate) mod environment;
pub(crate) mod image;
pub(crate) mod last_step;
