//! The programs that change links: nicon-linkmv moves them between network namespaces, nicon-veth makes pairs of them, and
//! nicon-linkadd single ones.

mod batch;
mod configuring;
#[doc(hidden)]
pub mod fuzz;
mod link;
pub mod linkadd;
pub mod linkmv;
mod making;
mod moving;
mod record;
mod seconds;
mod undoing;
pub mod veth;
pub mod wire;
mod wishes;
