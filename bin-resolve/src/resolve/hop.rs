//! One hop: from a container that was found to one inside it.

use std::sync::Arc;

use nicon_core::{Error, NsId, NsType, Process, Result};
use serde_json::{Value, json};

use crate::engine::bounds::Bounds;
use crate::engine::labels::Labels;
use crate::engine::pod::Pod;
use crate::engine::settings::Settings;
use crate::engine::state::monitors::Monitors;
use crate::lookup::by_id::find_by_id;
use crate::lookup::engines::Engines;
use crate::lookup::find::find;
use crate::lookup::find_listed::find_listed;
use crate::lookup::labels::labels_of;
use crate::lookup::listing::ListedContainer;
use crate::lookup::pods::{find_in_pod, find_pod};
use crate::lookup::site::EngineSite;
use crate::lookup::unit::find_unit;
use crate::proof::cgroup::own_cgroups;
use crate::proof::claim::{Verified, Via};
use crate::proof::membership;
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
    /// The first hop: the engine is our own.
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
        let mut verified = match (listed, subject) {
            (Some(listed), _) => find_listed(&site, listed).await?,
            (None, Ok(Subject::Container { of, name })) if of.is_pod => find_pod(&site, &of, name).await?,
            (None, Ok(Subject::Container { of, name })) if site.pod.is_some() => find_in_pod(&site, &of, name).await?,
            (None, Ok(Subject::Container { of, name })) => find(&site, &of, name).await?,
            (None, Ok(Subject::Id { of, digits })) => find_by_id(&site, &of, digits).await?,
            (None, _) => return Err(Error::failed(format!("\"{segment}\" is not a container"))),
        };
        if let Some(pod) = site.pod {
            membership::require(pod, &verified)?;
        }
        verified.container.labels = if settings.labels { Some(labels_of(&site, &verified).await) } else { None };
        let sharing = match (&outer, outer.as_ref().and_then(|outer| outer.as_pod()), &verified.via) {
            (None, ..) => Sharing::Host,
            (_, Some((_, sharing)), _) => sharing,
            (Some(outer), _, Via::Api { daemon, pidns, .. }) => outer.shares(*daemon, *pidns)?,
            (Some(_), _, Via::Disk { .. }) => Sharing::Dind,
        };
        Ok(Self::new(segment, Resolved::Container(Box::new(verified), sharing), own, outer))
    }

    fn new(segment: &str, resolved: Resolved, own: &Engines, outer: Option<Arc<Self>>) -> Self {
        let inside = Engines::new(own.monitors.clone());
        Self { segment: segment.to_owned(), resolved: Arc::new(resolved), inside, outer }
    }

    /// The same container as if nobody had looked into it yet; `own` are our own engines. Those of a pod's containers are where the
    /// pod is.
    pub(crate) fn afresh(&self, own: &Engines) -> Self {
        let (segment, resolved) = (self.segment.clone(), Arc::clone(&self.resolved));
        let outer = match &self.outer {
            Some(outer) if self.as_pod().is_some() => Some(Arc::new(outer.afresh(own))),
            outer => outer.clone(),
        };
        Self { segment, resolved, inside: self.inside.afresh(own.monitors.clone()), outer }
    }

    /// The same container, without what was learnt of the engines in it, in the same other one, of which something else may be known
    /// now, such as its name.
    pub(crate) fn within(&self, outer: Option<&Arc<Self>>) -> Self {
        let (segment, resolved, inside) =
            (self.segment.clone(), Arc::clone(&self.resolved), self.inside.afresh(Monitors::default()));
        let is_a_pod = |hop: &&Arc<Self>| hop.as_pod().is_some();
        let outer = match self.outer.as_ref().filter(is_a_pod) {
            Some(pod) if outer.is_none_or(|outer| !is_a_pod(&outer)) => Some(Arc::new(pod.within(outer))),
            _ => outer.cloned(),
        };
        Self { segment, resolved, inside, outer }
    }

    /// If it is a pod: its sandbox, and how the sandbox's engine relates to the container through which it was reached.
    pub(crate) fn as_pod(&self) -> Option<(&Verified, Sharing)> {
        match &*self.resolved {
            Resolved::Container(verified, sharing) => verified.as_pod().map(|_| (&**verified, *sharing)),
            Resolved::Process(_) => None,
        }
    }

    /// The pod that it is, or is a container of: a record's `pod`.
    pub(crate) fn pod(&self) -> Option<Value> {
        match &*self.resolved {
            Resolved::Container(verified, _) => verified.container.pod.as_ref().map(Pod::to_json),
            Resolved::Process(_) => None,
        }
    }

    /// The container's first process, or the one at which a path starts.
    pub(crate) fn process(&self) -> &Process {
        match &*self.resolved {
            Resolved::Process(process) => process,
            Resolved::Container(verified, _) => &verified.process,
        }
    }

    /// The container's labels, if they were looked up.
    pub(crate) fn labels(&self) -> Option<&Labels> {
        match &*self.resolved {
            Resolved::Container(verified, _) => verified.container.labels.as_ref(),
            Resolved::Process(_) => None,
        }
    }

    /// The container's ID.
    pub(crate) fn id(&self) -> Option<&str> {
        match &*self.resolved {
            Resolved::Container(verified, _) => Some(&verified.container.id),
            Resolved::Process(_) => None,
        }
    }

    /// The container's own cgroups, by hierarchy; none if its first process is outside of them, or gone.
    pub(crate) fn own_cgroups(&self) -> Vec<(String, String)> {
        match &*self.resolved {
            Resolved::Container(verified, _) => {
                let cgroups = verified.process.read("cgroup").unwrap_or_default();
                own_cgroups(&cgroups, &verified.container)
            }
            Resolved::Process(_) => Vec::new(),
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
            Resolved::Process(process) => {
                json!({ "name": self.segment, "pid": process.pid(), "starttime": process.starttime().ok() })
            }
        });
        trail
    }
}

fn to_json(verified: &Verified, sharing: Sharing) -> Value {
    let Verified { container, process, proof, engine, via, .. } = verified;
    let mut hop = json!({
        "name": verified.as_pod().map_or(&container.name, |pod| &pod.name),
        "id": container.id,
        "engine": engine.kind.name(),
    });
    if let Some(owner) = &engine.owner {
        hop["user"] = (*owner.name).into();
    }
    if let Some(namespace) = &container.namespace {
        hop["namespace"] = namespace[..].into();
    }
    if let Some(pod) = &container.pod {
        hop["pod"] = pod.to_json();
    }
    if verified.as_pod().is_some() {
        hop["sandbox"] = true.into();
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
    hop["starttime"] = process.starttime().ok().into();
    hop["inner_pid"] = container.inner_pid.into();
    hop["sharing"] = sharing.name().into();
    hop["verified"] = proof.name().into();
    hop
}

/// The site inside `outer`, or our own machine, where `own` are the engines. A pod's containers are where the pod is.
///
/// # Errors
/// If the container is gone.
pub(crate) fn site<'a>(settings: &'a Settings, outer: Option<&'a Hop>, own: &'a Engines) -> Result<EngineSite<'a>> {
    if let Some((pod, _)) = outer.and_then(Hop::as_pod) {
        let around = outer.and_then(|pod| pod.outer.as_deref());
        return Ok(EngineSite { pod: Some(pod), ..site(settings, around, own)? });
    }
    let pidns = match outer {
        Some(outer) => outer.process().namespace(NsType::Pid)?,
        None => settings.pidns.clone(),
    };
    let (container, engines) = (outer.map(Hop::process), outer.map_or(own, |hop| &hop.inside));
    let bounds = match outer.map(|hop| &*hop.resolved) {
        Some(Resolved::Container(verified, _)) => verified.bounds.clone(),
        Some(Resolved::Process(_)) | None => Bounds::default(),
    };
    Ok(EngineSite { container, engines, pidns, pod: None, bounds, settings })
}
