//! Watching over a command that runs in a container, from outside of it.
//!
//! ```text
//! caller's shell ── supervisor ── session leader ── command
//!                   │             │                 └ in all namespaces that are joined, a process group of its own
//!                   │             └ in the caller's namespaces, leads the session of the command
//!                   └ in the caller's namespaces, session and process group
//! ```
//!
//! A process group is stopped by Ctrl-Z only where a member's parent is in the same session but another group: that
//! takes a process between the supervisor, who belongs to the caller's session, and the command.

mod child;
mod left_behind;
mod protocol;
mod session_leader;
mod signals;
mod start;
mod supervisor;

pub(crate) use supervisor::{Ended, supervise};
