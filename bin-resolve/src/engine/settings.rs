//! The settings of a resolver.

use std::time::Duration;

use futures_util::FutureExt;
use nicon_core::pidns::Method;
use nicon_core::{Error, Namespace, Result};
use tokio::time::timeout;

use crate::engine::api::sockets::Sockets;
use crate::query::Kind;

/// What every search follows.
pub(crate) struct Settings {
    /// Where our own engines' sockets may be.
    pub(crate) own: Sockets,
    /// Where sockets inside containers may be.
    pub(crate) inside: Sockets,
    pub(crate) method: Method,
    /// Our own PID namespace.
    pub(crate) pidns: Namespace,
    /// The only kind of engine to ask, if the user chose one.
    pub(crate) engine: Option<Kind>,
    /// How long one hop may take.
    pub(crate) timeout: Duration,
    /// Whether root asks, for whom every failure counts.
    pub(crate) is_root: bool,
    /// Who is told of each step: what is looked up, and what was done.
    pub(crate) log: Option<fn(&str, &str)>,
}

impl Settings {
    /// Tells of a step whoever wants to know.
    pub(crate) fn log(&self, name: &str, step: impl FnOnce() -> String) {
        if let Some(log) = self.log {
            log(name, &step());
        }
    }

    /// Does `work` in the time of one hop.
    ///
    /// # Errors
    /// Those of `work`, or if that takes longer.
    pub(crate) fn in_time<T>(&self, work: impl Future<Output = Result<T>>) -> impl Future<Output = Result<T>> {
        within(self.timeout, work)
    }
}

/// Does `work` in this time.
///
/// # Errors
/// Those of `work`, or that of an engine which does not answer.
pub(crate) fn within<T>(most: Duration, work: impl Future<Output = Result<T>>) -> impl Future<Output = Result<T>> {
    let late = move |_| Err(Error::failed(format!("the engine does not answer (waited {} s)", most.as_secs_f64())));
    timeout(most, work).map(move |done| done.unwrap_or_else(late))
}
