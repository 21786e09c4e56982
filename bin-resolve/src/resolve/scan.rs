//! Patterns: all containers that match, wherever they are.

pub(crate) mod search;

mod fair_queue;
mod frontier;
mod progress;
mod task;
