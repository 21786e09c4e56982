#![doc = include_str!("../README.md")]
//!
//! # Layers
//! Each uses those below it only: `resolve` (many paths at once, patterns), `lookup` (one site: a container,
//! or our own machine), `proof` (what proves an answer), `engine` (what tells of containers), `query` (what is asked for), `rootfs`
//! (a container's files, safely).

mod brief;
mod engine;
#[doc(hidden)]
pub mod fuzz;
mod lookup;
mod proof;
mod query;
mod resolve;
mod rootfs;

use nicon_core::Result;

pub use engine::labels::Labels;
pub use query::parse::Query;
pub use query::thing::Thing;
pub use resolve::hit::Hit;
pub use resolve::resolver::{Options, Resolver};
pub use resolve::watch::sighting::{Sighting, What};
pub use resolve::watch::{InputSender, Inputs, Observer, Order, inputs};

/// Has the program prepare for threads that may never end, before the first one is started.
///
/// A container's root can serve a file system that never replies. Look-ups there are done on threads, which time-outs abandon; but a
/// process with such a thread cannot end before the container does. Whoever has to end anyway goes on in a child process, which can
/// be left behind: that is what [`nicon_core::filter::worker_process::start`] does. Only the first call counts.
pub fn prepare_for_threads(preparation: fn() -> Result<()>) {
    rootfs::blocking::prepare_by(preparation);
}
