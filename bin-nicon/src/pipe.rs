//! Pipes of the programs that lie beside this one.

pub(crate) mod enter;
pub(crate) mod programs;
pub(crate) mod records;
pub(crate) mod run;
pub(crate) mod stage;
