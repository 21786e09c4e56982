//! The answers: the processes of namespaces, lists and trees of these, and how they are printed.

pub(crate) mod bound;
pub(crate) mod descriptions;
pub(crate) mod inside;
pub(crate) mod leader;
pub(crate) mod list;
pub(crate) mod members;
pub(crate) mod output;
pub(crate) mod replies;
pub(crate) mod tree;
pub(crate) mod visible;
