//! The programs that change links: nicon-linkmv moves them between network namespaces, and nicon-veth makes pairs of them.

mod batch;
mod configuring;
#[doc(hidden)]
pub mod fuzz;
mod link;
pub mod linkmv;
mod moving;
mod record;
mod seconds;
mod undoing;
pub mod veth;
pub mod wire;
mod wishes;
