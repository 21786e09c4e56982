//! nicon-resolve: container names in, the processes that they mean out. Private to the program and its fuzz targets.

mod answer;
mod args;
mod aside;
mod bundles;
mod container;
mod daemon;
mod disk;
mod engine;
mod entered;
mod files;
pub mod fuzz;
mod hop;
mod kind;
mod late;
mod listing;
mod locate;
mod matches;
mod missing;
mod name;
mod output;
mod pattern;
mod plan;
mod reach;
mod root;
mod roster;
mod run;
mod search;
mod socket;
mod survey;
mod turns;
mod walk;
mod wire;

pub use args::Args;
pub use run::{PROGRAM, run};
