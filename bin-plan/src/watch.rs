//! Watching a plan's file: when it may say something else, and what is printed then.

pub(crate) mod revisions;
pub(crate) mod watched;
mod way;
