//! What tests ask with, and what they look at.

pub(crate) mod cell;
pub(crate) mod desk;
pub(crate) mod ending;
pub(crate) mod events;
pub(crate) mod expect;
pub(crate) mod kernel;
pub(crate) mod killed;
pub(crate) mod links;
pub(crate) mod silent;
pub(crate) mod stream;
pub(crate) mod subject;
pub(crate) mod suite;
pub(crate) mod watching;
