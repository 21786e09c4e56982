//! Patterns: all containers that match, wherever they are.

pub(crate) mod search;

mod fair_queue;
pub(crate) mod frontier;
pub(crate) mod progress;
pub(crate) mod searched;
mod task;
