//! Configuring a link where it is: what it is to be like, and what it lacks.

mod apply;
pub(crate) mod before;
pub(crate) mod carried;
pub(crate) mod check;
pub(crate) mod complete;
pub(crate) mod configuration;
mod new;
pub(crate) mod steps;
pub(crate) mod tuning;
