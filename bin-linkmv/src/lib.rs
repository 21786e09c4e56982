//! What nicon-linkmv, nicon-veth and nicon-links share: links, as rtnetlink(7) knows them, and the network namespaces that
//! they are in. Private to these programs.

pub mod address;
mod attribute;
pub mod carry;
pub mod conf;
mod entry;
pub mod fields;
pub mod link;
pub mod list;
mod neighbour;
pub mod netlink;
pub mod netns;
pub mod news;
pub mod place;
pub mod qdisc;
pub mod refusal;
pub mod route;
pub mod socket;
pub mod sysfs;
pub mod vlan;
pub mod wire;

pub use carry::Carry;
pub use link::Link;
pub use netlink::Netlink;
pub use place::Place;
pub use refusal::Refusal;
