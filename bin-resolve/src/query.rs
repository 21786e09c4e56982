//! What is asked for: a path of names, or a pattern for many.

pub(crate) mod parse;
pub(crate) mod path;
pub(crate) mod pattern;
pub(crate) mod thing;

pub(crate) use nicon_core::path::{Engine as Kind, Qualifier, Subject};
