//! One hop: from a container that was found to one inside it.

use std::path::PathBuf;
use std::sync::Arc;

use nicon_core::pidns::Method;
use nicon_core::{Error, NsId, NsType, Process, Result, text};
use serde_json::{Value, json};

use crate::container::{self, Container};
use crate::daemon::{Daemon, Listener};
use crate::engine::Engine;
use crate::locate::{Proof, locate};
use crate::run::PROGRAM;
use crate::socket::{self, Places};

/// What holds for every hop of a run.
pub(crate) struct Settings {
    /// Where the engine of hop 0 is looked for.
    pub(crate) own: Places,
    /// Where the engines inside containers are looked for.
    pub(crate) inside: Places,
    pub(crate) method: Method,
    /// Our own PID namespace.
    pub(crate) pidns: NsId,
    pub(crate) verbose: bool,
}

/// A container that was found, and how.
pub(crate) struct Hop {
    pub(crate) container: Container,
    pub(crate) process: Process,
    proof: Proof,
    socket: PathBuf,
    daemon_pid: i32,
    sharing: Sharing,
    /// The container that this one was found in, if any.
    outer: Option<Arc<Hop>>,
}

/// How an engine relates to the container that it was reached through.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Sharing {
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
    /// Finds the container called `name` in `outer`, or on our own engine.
    pub(crate) async fn find(outer: Option<Arc<Self>>, name: &str, settings: &Settings) -> Result<Self> {
        let (container, places) = match &outer {
            Some(hop) => (Some(&hop.process), &settings.inside),
            None => (None, &settings.own),
        };
        let (stream, socket) = socket::connect(container, places).await?;
        let listener = Listener::of(&stream)?;
        let engine = Engine::new(stream).await?;
        let look_at_listener = async {
            // The question is sent first: while the engine works on its answer, there is time to look who it is.
            tokio::task::yield_now().await;
            let place = || format!("who listens at {}", socket.display());
            Daemon::new(listener).map_err(|error| error.within(place()))
        };
        let asking = container::find(&engine, name);
        let (container, daemon) = futures_util::future::try_join(asking, look_at_listener).await?;
        settings.tell(name, || {
            let (pid, pidns) = (daemon.process.pid(), daemon.pidns.id().ino);
            format!("the engine at {} is process {pid}, in PID namespace {pidns}", socket.display())
        });
        settings.tell(name, || format!("it says PID {} for {}", container.inner_pid, &container.id[..12]));

        let bound = match &outer {
            Some(outer) => outer.pidns()?,
            // The user chose our own engine.
            None => settings.pidns,
        };
        let (process, proof) = locate(&container, &daemon.pidns, bound, settings.method)?;
        settings.tell(name, || format!("that is our PID {}, proved by its {}", process.pid(), proof.name()));

        let daemon_pid = daemon.process.pid();
        let sharing = match &outer {
            None => Sharing::Host,
            Some(hop) if hop.has_met(daemon_pid) => Sharing::Dood,
            Some(_) if daemon.pidns.id() == bound => Sharing::Dind,
            Some(_) => Sharing::Other,
        };
        Ok(Self { container, process, proof, socket, daemon_pid, sharing, outer })
    }

    fn pidns(&self) -> Result<NsId> {
        let id = self.process.namespace_id(NsType::Pid)?;
        id.ok_or_else(|| Error::failed("this kernel has no PID namespaces"))
    }

    fn has_met(&self, daemon_pid: i32) -> bool {
        self.daemon_pid == daemon_pid || self.outer.as_ref().is_some_and(|outer| outer.has_met(daemon_pid))
    }

    /// All hops that led here, outermost first, as the protocol's `hops`.
    pub(crate) fn trail(&self) -> Vec<Value> {
        let mut trail = self.outer.as_ref().map(|outer| outer.trail()).unwrap_or_default();
        trail.push(json!({
            "name": self.container.name,
            "id": self.container.id,
            "engine": "docker",
            "socket": self.socket,
            "daemon": self.daemon_pid,
            "pid": self.process.pid(),
            "inner_pid": self.container.inner_pid,
            "sharing": self.sharing.name(),
            "verified": self.proof.name(),
        }));
        trail
    }
}

impl Settings {
    fn tell(&self, name: &str, step: impl FnOnce() -> String) {
        if self.verbose {
            eprintln!("{PROGRAM}: {name}: {}", text::escape(&step()));
        }
    }
}
