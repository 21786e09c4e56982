//! The settings of a resolver.

use std::time::Duration;

use futures_util::FutureExt;
use nicon_core::pidns::Method;
use nicon_core::{Error, Namespace, Result};
use tokio::time::timeout;

use crate::engine::api::sockets::Sockets;
use crate::engine::daemons::Daemons;
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
    /// Whether an engine that systemd would start for whoever connects may be started so. A pattern starts none, since it does not ask for
    /// that one, nor does a watch, which would undo each stop.
    pub(crate) starts_engines: bool,
    /// Daemons that systemd has started, as a watch knows of them.
    pub(crate) daemons: Daemons,
    /// Whether labels are looked up.
    pub(crate) labels: bool,
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

    /// These settings for what starts no engine.
    pub(crate) fn without_starting(&self) -> Self {
        let Self { own, inside, method, pidns, engine, timeout, labels, is_root, log, .. } = self;
        let (own, inside, pidns, starts_engines) = (own.clone(), inside.clone(), pidns.clone(), false);
        let (method, engine, timeout, labels) = (*method, *engine, *timeout, *labels);
        let (is_root, log) = (*is_root, *log);
        let daemons = Daemons::default();
        Self { own, inside, method, pidns, engine, timeout, starts_engines, daemons, labels, is_root, log }
    }

    /// Whether an engine of this kind is connected to without finding out first whether that would start it.
    pub(crate) fn connects_at_once(&self, kind: Kind) -> bool {
        self.starts_engines && !kind.starts_on_demand()
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
