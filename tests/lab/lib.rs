//! The lab: a real nest of three Docker daemons, for tests, benchmarks and the demo; and a [`machine`] with systemd, or a
//! [`fleet`] of them.
//!
//! ```text
//! machine ── runner (own mount and network namespace)
//!              ├── the outer dockerd, in a PID namespace of the lab's own
//!              │     └── container setup: a dockerd
//!              │           └── container olt_1: a dockerd
//!              │                 └── container lt_1: sleeps            nicon path: setup.olt_1.lt_1
//!              └── whatever is tested
//! ```
//!
//! Everything with a name (mounts, sockets, links, network namespaces, the daemons' data) lives in the runner's
//! namespaces or on its private `/run`, so it dies with the processes; the processes die with PID 1 of the lab's PID
//! namespace, which the kernel kills when its *keeper* dies, and the keeper ends when the runner does. Only empty
//! cgroup directories can outlive a `kill -9` of the keeper; the next lab sweeps them.
//!
//! A program that uses the lab calls, in this order and before it starts a thread: [`requirements`], [`bins`] (it may
//! need the network), [`isolate`], [`Lab::start`] or [`machine::Machine::start`];
//! [`fleet::Fleet::raise`] does all of it.

mod bins;
mod capabilities;
mod cgroup;
mod engines;
pub mod fleet;
mod image;
mod isolate;
mod keeper;
mod lab;
pub mod leftovers;
pub mod machine;
mod name;
mod place;
mod requirements;
mod run;
mod share;
mod signals;
pub mod trials;
mod waiting;
pub mod witness;

pub use bins::{bins, command, copy_program};
pub use cgroup::directories as cgroup_directories;
pub use isolate::isolate;
pub use keeper::{keep, nest};
pub use lab::Lab;
pub use name::LabName;
pub use place::NetPlace;
pub use requirements::{must_run, requirements, search_path, tool};
pub use run::{LIMIT, Ran, output_of_input, output_within, patience};
pub use waiting::{becomes, catch, until, wait_for};
