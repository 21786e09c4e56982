//! What the nicon filters share: pinned processes, namespaces, and the record stream between programs.
//!
//! A PID is only a number that the kernel hands out again. This crate turns it into a [`Process`]: a handle that
//! keeps meaning the same process, with the identity that lets the next program of a pipe tell whether it still is.
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
//! One kernel noun a file: [`process`] pins, [`ns`] names and holds namespaces, [`pidns`] translates PIDs between
//! PID namespaces, [`peer`] tells who is at the other end of a socket, [`proc`] reads procfs, [`walk`](mod@walk) passes
//! all processes, [`link`] tells what records ask of links. [`record`], [`stream`], [`rights`] and [`cli`] are the programs' common
//! manners.

pub mod apart;
pub mod cli;
pub mod container;
pub mod error;
pub mod file;
pub mod link;
pub mod near;
pub mod ns;
pub mod peer;
pub mod pidns;
pub mod proc;
pub mod process;
pub mod record;
pub mod rights;
pub mod stream;
pub mod table;
pub mod text;
pub mod walk;

mod sys;

pub use error::{Doing, Error, Result, Status};
pub use link::LinkName;
pub use ns::{Namespace, NsId, NsType};
pub use process::Process;
pub use record::Record;
