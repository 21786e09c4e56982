//! The YAML that plans need: a single document of maps, lists and scalars, each with its position.

mod node;
mod parse;
mod scalar;

pub(crate) use node::{Content, KeyValue, Node, unknown_key};
pub(crate) use parse::parse;
pub(crate) use scalar::Scalar;
