//! Many paths at once, and patterns.

pub(crate) mod hit;
pub(crate) mod resolver;

mod batch;
mod hop;
mod scan;
