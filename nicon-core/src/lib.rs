//! What the nicon filters share: pinned processes, namespaces, and the record stream between programs.
//!
//! A PID is only a number, and the kernel reuses it. This crate turns it into a [`Process`]: a handle that always
//! refers to the same process, with the identity by which the next program of a pipe recognises it.
//!
//! ```
//! use nicon_core::{NsType, Process};
//!
//! let me = Process::myself()?;
//! assert!(me.is_alive());
//!
//! let net = me.namespace_id(NsType::Net)?.expect("every kernel that nicon runs on has network namespaces");
//! let link = std::fs::read_link("/proc/self/ns/net").unwrap();
//! assert_eq!(format!("net:[{}]", net.ino), link.to_str().unwrap());
//! # Ok::<(), nicon_core::Error>(())
//! ```
//!
//! Each module is about one noun.
//!
//! - Of the kernel: [`process`] pins processes, [`ns`] names and opens namespaces, [`pidns`] translates PIDs between PID
//!   namespaces, [`peer`] identifies the writer of a socket, [`walk`](mod@walk) visits all processes, [`proc`] and
//!   [`mountinfo`] read procfs, [`file`](mod@file) looks at files that others serve.
//! - Of nicon: a [`record`] is what filters exchange, a [`path`] names a container, and [`link`] is what records ask of
//!   network links.
//! - For messages: [`error`], [`privileges`], [`suggest`], [`text`]; for people, names in their [`natural`] order; a [`mod@hash`]
//!   that never changes.
//! - For programs that are filters themselves, with the feature of that name: `filter`.

#[doc = include_str!("../README.md")]
#[cfg(doctest)]
mod readme {}

pub mod cgroup;
pub mod container;
pub mod containers;
pub mod error;
pub mod file;
#[cfg(feature = "filter")]
pub mod filter;
pub mod frozen;
#[doc(hidden)]
pub mod fuzz;
pub mod hash;
pub mod link;
pub mod machine;
pub mod mountinfo;
pub mod natural;
pub mod ns;
pub mod path;
pub mod peer;
pub mod pidns;
pub mod privileges;
pub mod proc;
pub mod process;
pub mod record;
pub mod suggest;
pub mod text;
pub mod walk;

mod pidfd;
mod sys;

pub use error::{Context, Error, ErrorKind, Result, Status};
pub use link::LinkName;
pub use ns::{Namespace, NsId, NsType};
pub use process::Process;
pub use record::Record;
