//! What nicon-linkmv, nicon-veth and nicon-links share: links, as rtnetlink knows them, and the network namespaces that
//! they are in. Private to these programs.

pub mod address;
pub mod carry;
pub mod fields;
pub mod link;
pub mod list;
pub mod netlink;
pub mod netns;
pub mod news;
pub mod place;
pub mod refusal;
pub mod route;
pub mod wire;

pub use carry::Carry;
pub use link::Link;
pub use netlink::Netlink;
pub use place::Place;
pub use refusal::Refusal;

use nicon_core::{Doing, Result};

/// Runs what talks to the kernel to its end, on this thread: entering a network namespace concerns one thread alone.
///
/// # Errors
/// What `work` fails with.
pub fn block_on<T>(work: impl Future<Output = Result<T>>) -> Result<T> {
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_all().build().doing(|| "start the event loop")?;
    runtime.block_on(work)
}
