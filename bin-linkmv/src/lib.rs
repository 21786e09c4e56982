//! The programs that change links: nicon-linkmv moves them between network namespaces, and nicon-veth makes pairs of them.

pub mod linkmv;
mod record;
pub mod veth;
