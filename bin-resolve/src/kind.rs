//! The engines that are known, and how a path chooses among them.

pub(crate) use nicon_core::path::{Engine as Kind, Subject as Wanted};
