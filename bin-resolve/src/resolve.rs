//! Many paths at once, and patterns.

pub(crate) mod hit;
pub(crate) mod resolver;
pub(crate) mod watch;

mod batch;
mod belonging;
mod hop;
mod in_order;
mod scan;
