//! The supported engines, and how a path chooses one.

pub(crate) use nicon_core::path::{Engine as Kind, Qualifier, Subject as Wanted};
