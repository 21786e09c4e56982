//! How links are made.

use crate::link::wait_ready::Readiness;

/// How links are made, single ones and pairs.
pub(crate) struct Options<'a> {
    pub(crate) readiness: Readiness<'a>,
    pub(crate) dry_run: bool,
    /// Whether the namespaces of what is made are held open to the end of the run.
    pub(crate) all_or_nothing: bool,
    /// Whether addresses, routes and a netem that nicon gave a link, and that are not asked for, go.
    pub(crate) exact: bool,
}
