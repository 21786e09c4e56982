#![doc = include_str!("../README.md")]

pub mod address;
mod attribute;
pub mod carry;
mod change;
pub mod conf;
pub mod dependants;
mod entry;
pub mod error;
pub mod ethtool;
pub mod features;
pub mod forwarding;
#[doc(hidden)]
pub mod fuzz;
mod generic;
mod given;
pub mod handle;
pub mod hex;
mod identifiers;
mod inside;
pub mod kind;
pub mod link;
pub mod list;
pub mod listening;
mod lower;
mod many;
pub mod monitor;
mod neighbour;
pub mod netem;
pub mod netlink;
pub mod netns;
mod once;
pub mod parameters;
mod prefsrc;
mod protocol;
pub mod qdisc;
mod raw;
pub mod record;
pub mod route;
pub mod settings;
pub mod socket;
mod stitch;
pub mod sysfs;
pub mod uppers;
pub mod vlan;
pub mod wireguard;

pub use carry::Carry;
pub use error::NetlinkError;
pub use ethtool::Offloads;
pub use handle::NetnsHandle;
pub use kind::Relation;
pub use link::Link;
pub use netlink::Netlink;
pub use parameters::Parameters;
/// The messages that [`Netlink`] sends, and their parts.
pub use rtnetlink::packet_route;
