//! A plan for several machines: where each container is, how the machines reach each other, and which half of the plan is whose.

mod address;
mod cross;
mod declared;
mod half;
mod mac;
mod place;
mod rule;
mod vni;

pub(crate) use declared::{KEYS, Machines};
pub(crate) use half::Here;
pub(crate) use place::place;
