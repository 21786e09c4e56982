//! One hop: from a container that was found to one inside it.

use std::sync::Arc;
use std::time::Duration;

use nicon_core::pidns::Method;
use nicon_core::{Error, Namespace, NsId, NsType, Process, Result, text};
use serde_json::{Value, json};

use crate::claim::{Found, Via};
use crate::container::Container;
use crate::ground::{Ground, Reaches};
use crate::kind::{Kind, Wanted};
use crate::locate::Proof;
use crate::roster::Member;
use crate::run::PROGRAM;
use crate::socket::Places;

/// What holds for every hop of a run.
pub(crate) struct Settings {
    /// Where the engine of hop 0 is looked for.
    pub(crate) own: Places,
    /// Where the engines inside containers are looked for.
    pub(crate) inside: Places,
    pub(crate) method: Method,
    /// Our own PID namespace.
    pub(crate) pidns: Namespace,
    /// The only kind of engine that is asked, where the user chose one.
    pub(crate) engine: Option<Kind>,
    /// How long one hop may take.
    pub(crate) timeout: Duration,
    pub(crate) verbose: bool,
}

/// A container that was found, and how; or the process that a path starts from.
pub(crate) struct Hop {
    pub(crate) process: Process,
    /// The ways to the engines inside of it.
    pub(crate) inside: Reaches,
    /// The segment of the path that led here.
    segment: String,
    found: Option<Finding>,
    /// The container that this one was found in, if any.
    outer: Option<Arc<Hop>>,
}

/// How a container was found.
struct Finding {
    container: Container,
    proof: Proof,
    kind: Kind,
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
    /// Docker out of Docker: the engine is one that was met on the way already.
    Dood,
    /// The engine is some other one, whose socket was put into the container.
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
    /// Finds what `segment` names: a container in `outer`, or on our own engines, to which `own` leads; or a process. One
    /// that is `listed` is known better than by its name.
    ///
    /// # Errors
    /// Those of [`Ground::find`].
    pub(crate) async fn find(
        outer: Option<Arc<Self>>,
        own: &Reaches,
        segment: &str,
        listed: Option<&Member>,
        settings: &Settings,
    ) -> Result<Self> {
        let (kind, name) = match Wanted::parse(segment) {
            Some(Wanted::Container { kind, name }) => (kind, name),
            Some(Wanted::Process(pid)) if outer.is_none() => {
                let (process, inside) = (Process::pin(pid)?, Reaches::new());
                return Ok(Self { process, inside, segment: segment.to_owned(), found: None, outer: None });
            }
            _ => return Err(Error::failed(format!("\"{segment}\" is no container"))),
        };
        let ground = settings.ground(outer.as_deref(), own)?;
        let Found { container, process, proof, kind, via } = match listed {
            Some(member) => ground.find_listed(member).await?,
            None => ground.find(kind, name).await?,
        };
        let sharing = match (&outer, &via) {
            (None, _) => Sharing::Host,
            (Some(outer), Via::Api { daemon, pidns, .. }) => outer.shares(*daemon, *pidns)?,
            (Some(_), Via::Disk { .. }) => Sharing::Dind,
        };
        let found = Some(Finding { container, proof, kind, via, sharing });
        Ok(Self { process, inside: Reaches::new(), segment: segment.to_owned(), found, outer })
    }

    /// How an engine that was reached through this container relates to it, by its process and PID namespace.
    ///
    /// # Errors
    /// That the container is gone.
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

    /// All hops that led here, outermost first, as the protocol's `hops`.
    pub(crate) fn trail(&self) -> Vec<Value> {
        let mut trail = self.outer.as_ref().map(|outer| outer.trail()).unwrap_or_default();
        trail.push(match &self.found {
            Some(found) => found.tell(self.process.pid()),
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

    fn tell(&self, pid: i32) -> Value {
        let mut told = json!({
            "name": self.container.name,
            "id": self.container.id,
            "engine": self.kind.name(),
        });
        told["via"] = match &self.via {
            Via::Api { .. } => "api".into(),
            Via::Disk { .. } => "disk".into(),
        };
        if let Via::Api { socket, daemon, .. } = &self.via {
            told["socket"] = socket.to_string_lossy().into();
            told["daemon"] = (*daemon).into();
        }
        if let Some(file) = self.via.file() {
            told["file"] = file.to_string_lossy().into();
        }
        told["pid"] = pid.into();
        told["inner_pid"] = self.container.inner_pid.into();
        told["sharing"] = self.sharing.name().into();
        told["verified"] = self.proof.name().into();
        told
    }
}

impl Settings {
    /// Where the engines inside of `outer` are looked for, or our own, to which `own` leads.
    ///
    /// # Errors
    /// That the container is gone.
    pub(crate) fn ground<'a>(&'a self, outer: Option<&'a Hop>, own: &'a Reaches) -> Result<Ground<'a>> {
        let pidns = match outer {
            Some(outer) => outer.process.namespace(NsType::Pid)?,
            // The user chose our own engine.
            None => self.pidns.try_clone()?,
        };
        let (container, reaches) = (outer.map(|hop| &hop.process), outer.map_or(own, |hop| &hop.inside));
        Ok(Ground { container, reaches, pidns, settings: self })
    }

    /// What is said of an engine that took too long.
    pub(crate) fn late(&self) -> Error {
        Error::failed(format!("the engine does not answer (waited {} s)", self.timeout.as_secs_f64()))
    }

    pub(crate) fn tell(&self, name: &str, step: impl FnOnce() -> String) {
        if self.verbose {
            eprintln!("{PROGRAM}: {name}: {}", text::escape(&step()));
        }
    }
}
