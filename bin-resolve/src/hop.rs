//! One hop: from a container that was found to one inside it.

use std::sync::Arc;
use std::time::Duration;

use nicon_core::pidns::Method;
use nicon_core::{Error, Namespace, NsId, NsType, Process, Result, text};
use serde_json::{Value, json};

use crate::address::Address;
use crate::claim::{Found, Via};
use crate::container::Container;
use crate::kind::{Kind, Wanted};
use crate::locate::Proof;
use crate::roster::Member;
use crate::run::PROGRAM;
use crate::scope::{Engines, Scope};
use crate::socket::Places;
use crate::trust::Bounds;

/// The settings of a run.
pub(crate) struct Settings {
    /// Where our own engines' sockets may be.
    pub(crate) own: Places,
    /// Where sockets inside containers may be.
    pub(crate) inside: Places,
    pub(crate) method: Method,
    /// Our own PID namespace.
    pub(crate) pidns: Namespace,
    /// The only kind of engine to ask, if the user chose one.
    pub(crate) engine: Option<Kind>,
    /// How long one hop may take.
    pub(crate) timeout: Duration,
    /// Whether root asks, for whom every failure counts.
    pub(crate) is_root: bool,
    pub(crate) verbose: bool,
}

/// A container and how it was found, or the process at which a path starts.
pub(crate) struct Hop {
    pub(crate) process: Process,
    /// The engines inside it, and the connections to them.
    pub(crate) inside: Engines,
    /// Those of all engines by which it was found.
    bounds: Bounds,
    /// Its segment of the path.
    segment: String,
    found: Option<Finding>,
    /// The container in which this one was found, if any.
    outer: Option<Arc<Hop>>,
}

/// How a container was found.
struct Finding {
    container: Container,
    proof: Proof,
    engine: Address,
    via: Via,
    sharing: Sharing,
}

/// How an engine relates to the container that it was reached through.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Sharing {
    /// Hop 0: the engine is our own.
    Host,
    /// Docker in Docker: the engine runs in the container's PID namespace.
    Dind,
    /// Docker out of Docker: the engine already occurred on the path.
    Dood,
    /// Another engine, whose socket is mounted into the container.
    Other,
}

impl Sharing {
    fn name(self) -> &'static str {
        match self {
            Self::Host => "host",
            Self::Dind => "dind",
            Self::Dood => "dood",
            Self::Other => "other",
        }
    }
}

impl Hop {
    /// Finds what `segment` names: a container in `outer` or, through `own`, on our own engines; or a process. A
    /// `listed` container is looked up by its bundle or ID instead.
    ///
    /// # Errors
    /// Those of [`Scope::find`].
    pub(crate) async fn find(
        outer: Option<Arc<Self>>,
        own: &Engines,
        segment: &str,
        listed: Option<&Member>,
        settings: &Settings,
    ) -> Result<Self> {
        let wanted = Wanted::parse(segment);
        if let (Ok(Wanted::Process(pid)), None) = (&wanted, &outer) {
            let (process, inside) = (Process::pin(*pid)?, Engines::new(own.monitors.clone()));
            let (segment, bounds) = (segment.to_owned(), Bounds::default());
            return Ok(Self { process, inside, bounds, segment, found: None, outer: None });
        }
        let scope = settings.scope(outer.as_deref(), own)?;
        let Found { container, process, proof, engine, via, bounds } = match (listed, wanted) {
            (Some(member), _) => scope.find_listed(member).await?,
            (None, Ok(Wanted::Container { of, name })) => scope.find(&of, name).await?,
            (None, Ok(Wanted::Id { of, digits })) => scope.find_by_id(&of, digits).await?,
            (None, _) => return Err(Error::failed(format!("\"{segment}\" is not a container"))),
        };
        let sharing = match (&outer, &via) {
            (None, _) => Sharing::Host,
            (Some(outer), Via::Api { daemon, pidns, .. }) => outer.shares(*daemon, *pidns)?,
            (Some(_), Via::Disk { .. }) => Sharing::Dind,
        };
        let found = Some(Finding { container, proof, engine, via, sharing });
        let inside = Engines::new(own.monitors.clone());
        Ok(Self { process, inside, bounds, segment: segment.to_owned(), found, outer })
    }

    /// How an engine that was reached through this container relates to it, given its process and PID namespace.
    ///
    /// # Errors
    /// If the container is gone.
    pub(crate) fn shares(&self, daemon: i32, pidns: NsId) -> Result<Sharing> {
        if self.has_met(daemon) {
            return Ok(Sharing::Dood);
        }
        let own = self.process.namespace_id(NsType::Pid)?;
        Ok(if own == Some(pidns) { Sharing::Dind } else { Sharing::Other })
    }

    fn has_met(&self, daemon: i32) -> bool {
        let here = self.found.as_ref().is_some_and(|found| found.daemon() == Some(daemon));
        here || self.outer.as_ref().is_some_and(|outer| outer.has_met(daemon))
    }

    /// All hops of the path up to here, outermost first: the protocol's `hops`.
    pub(crate) fn trail(&self) -> Vec<Value> {
        let mut trail = self.outer.as_ref().map(|outer| outer.trail()).unwrap_or_default();
        trail.push(match &self.found {
            Some(found) => found.to_json(self.process.pid()),
            None => json!({ "name": self.segment, "pid": self.process.pid() }),
        });
        trail
    }
}

impl Finding {
    fn daemon(&self) -> Option<i32> {
        match self.via {
            Via::Api { daemon, .. } => Some(daemon),
            Via::Disk { .. } => None,
        }
    }

    fn to_json(&self, pid: i32) -> Value {
        let mut hop = json!({
            "name": self.container.name,
            "id": self.container.id,
            "engine": self.engine.kind.name(),
        });
        if let Some(owner) = &self.engine.owner {
            hop["user"] = (*owner.name).into();
        }
        if let Some(namespace) = &self.container.namespace {
            hop["namespace"] = namespace[..].into();
        }
        hop["via"] = match &self.via {
            Via::Api { .. } => "api".into(),
            Via::Disk { .. } => "disk".into(),
        };
        if let Via::Api { socket, daemon, .. } = &self.via {
            hop["socket"] = socket.to_string_lossy().into();
            hop["daemon"] = (*daemon).into();
        }
        if let Some(file) = self.via.file() {
            hop["file"] = file.to_string_lossy().into();
        }
        hop["pid"] = pid.into();
        hop["inner_pid"] = self.container.inner_pid.into();
        hop["sharing"] = self.sharing.name().into();
        hop["verified"] = self.proof.name().into();
        hop
    }
}

impl Settings {
    /// The scope of a search inside `outer`, or among our own engines, with the connections `own`.
    ///
    /// # Errors
    /// If the container is gone.
    pub(crate) fn scope<'a>(&'a self, outer: Option<&'a Hop>, own: &'a Engines) -> Result<Scope<'a>> {
        let pidns = match outer {
            Some(outer) => outer.process.namespace(NsType::Pid)?,
            None => self.pidns.try_clone()?,
        };
        let (container, engines) = (outer.map(|hop| &hop.process), outer.map_or(own, |hop| &hop.inside));
        let bounds = outer.map(|hop| hop.bounds.clone()).unwrap_or_default();
        Ok(Scope { container, engines, pidns, bounds, settings: self })
    }

    /// The error for an engine that took longer than a hop may.
    pub(crate) fn timed_out(&self) -> Error {
        late(self.timeout)
    }

    /// Reports a step on standard error if the user asked for that.
    pub(crate) fn log(&self, name: &str, step: impl FnOnce() -> String) {
        if self.verbose {
            eprintln!("{PROGRAM}: {name}: {}", text::escape(&step()));
        }
    }
}

/// The error for an engine that did not answer in this time.
pub(crate) fn late(waited: Duration) -> Error {
    Error::failed(format!("the engine does not answer (waited {} s)", waited.as_secs_f64()))
}
