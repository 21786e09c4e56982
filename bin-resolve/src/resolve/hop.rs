//! One hop: from a container that was found to one inside it.

use std::sync::Arc;

use nicon_core::{Error, NsId, NsType, Process, Result};
use serde_json::{Value, json};

use crate::engine::address::Address;
use crate::engine::bounds::Bounds;
use crate::engine::container::Container;
use crate::engine::settings::Settings;
use crate::lookup::by_id::find_by_id;
use crate::lookup::engines::Engines;
use crate::lookup::find::find;
use crate::lookup::find_listed::find_listed;
use crate::lookup::listing::ListedContainer;
use crate::lookup::site::EngineSite;
use crate::proof::claim::{Verified, Via};
use crate::proof::verify::Proof;
use crate::query::Subject;

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
    /// If it is not found, or that is unknown.
    pub(crate) async fn find(
        outer: Option<Arc<Self>>,
        own: &Engines,
        segment: &str,
        listed: Option<&ListedContainer>,
        settings: &Settings,
    ) -> Result<Self> {
        let subject = Subject::parse(segment);
        if let (Ok(Subject::Process(pid)), None) = (&subject, &outer) {
            let (process, inside) = (Process::pin(*pid)?, Engines::new(own.monitors.clone()));
            let (segment, bounds) = (segment.to_owned(), Bounds::default());
            return Ok(Self { process, inside, bounds, segment, found: None, outer: None });
        }
        let site = site(settings, outer.as_deref(), own)?;
        let Verified { container, process, proof, engine, via, bounds } = match (listed, subject) {
            (Some(listed), _) => find_listed(&site, listed).await?,
            (None, Ok(Subject::Container { of, name })) => find(&site, &of, name).await?,
            (None, Ok(Subject::Id { of, digits })) => find_by_id(&site, &of, digits).await?,
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

/// The site inside `outer`, or our own machine, where `own` are the engines.
///
/// # Errors
/// If the container is gone.
pub(crate) fn site<'a>(settings: &'a Settings, outer: Option<&'a Hop>, own: &'a Engines) -> Result<EngineSite<'a>> {
    let pidns = match outer {
        Some(outer) => outer.process.namespace(NsType::Pid)?,
        None => settings.pidns.try_clone()?,
    };
    let (container, engines) = (outer.map(|hop| &hop.process), outer.map_or(own, |hop| &hop.inside));
    let bounds = outer.map(|hop| hop.bounds.clone()).unwrap_or_default();
    Ok(EngineSite { container, engines, pidns, bounds, settings })
}
