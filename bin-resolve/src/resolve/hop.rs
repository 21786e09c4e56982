//! One hop: from a container that was found to one inside it.

use std::sync::Arc;

use nicon_core::{Error, NsId, NsType, Process, Result};
use serde_json::{Value, json};

use crate::engine::bounds::Bounds;
use crate::engine::settings::Settings;
use crate::lookup::by_id::find_by_id;
use crate::lookup::engines::Engines;
use crate::lookup::find::find;
use crate::lookup::find_listed::find_listed;
use crate::lookup::listing::ListedContainer;
use crate::lookup::site::EngineSite;
use crate::lookup::unit::find_unit;
use crate::proof::claim::{Verified, Via};
use crate::query::Subject;

/// A container and how it was found, or the process at which a path starts.
pub(crate) struct Hop {
    /// Its segment of the path.
    segment: String,
    resolved: Arc<Resolved>,
    /// The engines inside it, and the connections to them.
    inside: Engines,
    /// The container in which this one was found, if any.
    outer: Option<Arc<Hop>>,
}

enum Resolved {
    Process(Process),
    Container(Box<Verified>, Sharing),
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
            let resolved = Resolved::Process(Process::pin(*pid)?);
            return Ok(Self::new(segment, resolved, own, None));
        }
        if let (Ok(Subject::Unit(unit)), None) = (&subject, &outer) {
            return Ok(Self::new(segment, Resolved::Process(find_unit(unit).await?), own, None));
        }
        let site = site(settings, outer.as_deref(), own)?;
        let verified = match (listed, subject) {
            (Some(listed), _) => find_listed(&site, listed).await?,
            (None, Ok(Subject::Container { of, name })) => find(&site, &of, name).await?,
            (None, Ok(Subject::Id { of, digits })) => find_by_id(&site, &of, digits).await?,
            (None, _) => return Err(Error::failed(format!("\"{segment}\" is not a container"))),
        };
        let sharing = match (&outer, &verified.via) {
            (None, _) => Sharing::Host,
            (Some(outer), Via::Api { daemon, pidns, .. }) => outer.shares(*daemon, *pidns)?,
            (Some(_), Via::Disk { .. }) => Sharing::Dind,
        };
        Ok(Self::new(segment, Resolved::Container(Box::new(verified), sharing), own, outer))
    }

    fn new(segment: &str, resolved: Resolved, own: &Engines, outer: Option<Arc<Self>>) -> Self {
        let inside = Engines::new(own.monitors.clone());
        Self { segment: segment.to_owned(), resolved: Arc::new(resolved), inside, outer }
    }

    /// The same container as if nobody had looked into it yet; `own` are our own engines.
    pub(crate) fn afresh(&self, own: &Engines) -> Self {
        let (segment, resolved, outer) = (self.segment.clone(), Arc::clone(&self.resolved), self.outer.clone());
        Self { segment, resolved, inside: Engines::new(own.monitors.clone()), outer }
    }

    /// The same container, without what was learnt of the engines in it, in the same other one, of which something else may be known
    /// now, such as its name.
    pub(crate) fn within(&self, outer: Option<&Arc<Self>>) -> Self {
        let (segment, resolved, inside) = (self.segment.clone(), Arc::clone(&self.resolved), Engines::default());
        Self { segment, resolved, inside, outer: outer.cloned() }
    }

    /// The container's first process, or the one at which a path starts.
    pub(crate) fn process(&self) -> &Process {
        match &*self.resolved {
            Resolved::Process(process) => process,
            Resolved::Container(verified, _) => &verified.process,
        }
    }

    /// How an engine that was reached through this container relates to it, given its process and PID namespace.
    ///
    /// # Errors
    /// If the container is gone.
    pub(crate) fn shares(&self, daemon: i32, pidns: NsId) -> Result<Sharing> {
        if self.has_met(daemon) {
            return Ok(Sharing::Dood);
        }
        let own = self.process().namespace_id(NsType::Pid)?;
        Ok(if own == Some(pidns) { Sharing::Dind } else { Sharing::Other })
    }

    fn has_met(&self, daemon: i32) -> bool {
        let has_met = |verified: &Verified| matches!(verified.via, Via::Api { daemon: met, .. } if met == daemon);
        matches!(&*self.resolved, Resolved::Container(verified, _) if has_met(verified))
            || self.outer.as_ref().is_some_and(|outer| outer.has_met(daemon))
    }

    /// All hops of the path up to here, outermost first: the protocol's `hops`.
    pub(crate) fn trail(&self) -> Vec<Value> {
        let mut trail = self.outer.as_ref().map(|outer| outer.trail()).unwrap_or_default();
        trail.push(match &*self.resolved {
            Resolved::Container(verified, sharing) => to_json(verified, *sharing),
            Resolved::Process(process) => json!({ "name": self.segment, "pid": process.pid() }),
        });
        trail
    }
}

fn to_json(verified: &Verified, sharing: Sharing) -> Value {
    let Verified { container, process, proof, engine, via, .. } = verified;
    let mut hop = json!({
        "name": container.name,
        "id": container.id,
        "engine": engine.kind.name(),
    });
    if let Some(owner) = &engine.owner {
        hop["user"] = (*owner.name).into();
    }
    if let Some(namespace) = &container.namespace {
        hop["namespace"] = namespace[..].into();
    }
    hop["via"] = match via {
        Via::Api { .. } => "api".into(),
        Via::Disk { .. } if container.monitor.is_some() => "monitor".into(),
        Via::Disk { .. } => "disk".into(),
    };
    if let Via::Api { socket, daemon, .. } = via {
        hop["socket"] = socket.to_string_lossy().into();
        hop["daemon"] = (*daemon).into();
    }
    if let Some(monitor) = container.monitor {
        hop["monitor"] = monitor.pid.into();
    } else if let Some(file) = via.file() {
        hop["file"] = file.to_string_lossy().into();
    }
    hop["pid"] = process.pid().into();
    hop["inner_pid"] = container.inner_pid.into();
    hop["sharing"] = sharing.name().into();
    hop["verified"] = proof.name().into();
    hop
}

/// The site inside `outer`, or our own machine, where `own` are the engines.
///
/// # Errors
/// If the container is gone.
pub(crate) fn site<'a>(settings: &'a Settings, outer: Option<&'a Hop>, own: &'a Engines) -> Result<EngineSite<'a>> {
    let pidns = match outer {
        Some(outer) => outer.process().namespace(NsType::Pid)?,
        None => settings.pidns.try_clone()?,
    };
    let (container, engines) = (outer.map(Hop::process), outer.map_or(own, |hop| &hop.inside));
    let bounds = match outer.map(|hop| &*hop.resolved) {
        Some(Resolved::Container(verified, _)) => verified.bounds.clone(),
        Some(Resolved::Process(_)) | None => Bounds::default(),
    };
    Ok(EngineSite { container, engines, pidns, bounds, settings })
}
