//! The programs that change links: nicon-linkmv moves them between network namespaces, nicon-veth makes pairs of them,
//! nicon-linkadd makes single ones, and nicon-wire does all of this for whole plans.

mod batch;
mod configuring;
mod each;
mod every_step;
#[doc(hidden)]
pub mod fuzz;
mod link;
pub mod linkadd;
pub mod linkmv;
mod making;
mod moving;
mod random;
mod record;
mod undoing;
pub mod veth;
pub mod wire;
mod wishes;
