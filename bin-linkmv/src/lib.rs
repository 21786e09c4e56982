//! The programs that change links: nicon-linkmv moves them between network namespaces, and nicon-veth makes pairs of them.

mod batch;
mod link;
pub mod linkmv;
mod moving;
mod record;
mod undoing;
pub mod veth;
