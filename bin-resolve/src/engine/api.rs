//! Engines that can be asked, over a socket.

pub(crate) mod chosen;
pub(crate) mod client;
pub(crate) mod connection;
pub(crate) mod context;
pub(crate) mod events;
pub(crate) mod inspect;
pub(crate) mod list;
pub(crate) mod peer;
pub(crate) mod pool;
pub(crate) mod socket;
pub(crate) mod sockets;
pub(crate) mod stream;
