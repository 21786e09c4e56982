//! One site of engines, a container or our own machine: which engines are there, and the containers that they know.

pub(crate) mod bundle;
pub(crate) mod by_id;
pub(crate) mod engines;
pub(crate) mod find;
pub(crate) mod find_listed;
pub(crate) mod labels;
pub(crate) mod list;
mod listeners;
pub(crate) mod listing;
pub(crate) mod pods;
pub(crate) mod present;
pub(crate) mod site;
pub(crate) mod spots;
pub(crate) mod unit;

mod ask;
mod fallback;
mod follow;
mod list_engine;
mod placing;
mod prefetch;
mod running;
mod segments;
mod started;
mod suggest;
mod unusual;
