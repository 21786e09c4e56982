//! What a watch tells.

use nicon_core::Error;

use crate::resolve::hit::Hit;

/// Something that was seen, and the number of the query that it concerns.
pub enum Sighting {
    /// A container that a query names or matches.
    Container {
        /// The number of the query.
        query: usize,
        /// What has happened to it.
        what: What,
        /// The container. One that is gone is that which it was.
        hit: Hit,
        /// Whether its processes are frozen.
        is_paused: bool,
    },
    /// No running container is at the path that a query names.
    Absent {
        /// The number of the query.
        query: usize,
        /// Why it is not there.
        why: Error,
    },
    /// Something that could not be looked at.
    Trouble(Error),
}

/// What has happened to a container.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum What {
    /// It was there when the watch began.
    Present,
    /// It has been started since.
    Arrived,
    /// It has another path, is paused or runs again, shares another engine or none, or that engine's container has another path.
    Changed,
    /// It has ended, or is not listed any more.
    Gone,
}
