//! One hop: from a container that was found to one inside it.

use std::path::PathBuf;
use std::sync::Arc;

use nicon_core::pidns::Method;
use nicon_core::{Error, NsId, NsType, Process, Result, text};
use serde_json::{Value, json};

use crate::container::{self, Container};
use crate::locate::{Proof, locate};
use crate::reach::{Connection, Reach};
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
    pub(crate) pidns: NsId,
    pub(crate) verbose: bool,
}

/// A container that was found, and how.
pub(crate) struct Hop {
    pub(crate) container: Container,
    pub(crate) process: Process,
    /// The way to the engine inside of it, where there is one.
    pub(crate) inside: Reach,
    proof: Proof,
    socket: PathBuf,
    daemon_pid: i32,
    sharing: Sharing,
    /// The container that this one was found in, if any.
    outer: Option<Arc<Hop>>,
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
    /// Finds the container called `name` in `outer`, or on our own engine, which `connection` leads to.
    pub(crate) async fn find(
        connection: &Connection,
        outer: Option<Arc<Self>>,
        name: &str,
        settings: &Settings,
    ) -> Result<Self> {
        let look_at_listener = async {
            // The question is sent first: while the engine works on its answer, there is time to look who it is.
            tokio::task::yield_now().await;
            connection.daemon()
        };
        let asking = container::find(&connection.engine, name);
        let (container, daemon) = futures_util::future::try_join(asking, look_at_listener).await?;
        let socket = &connection.socket;
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

        let (daemon_pid, socket) = (daemon.process.pid(), socket.clone());
        let sharing = match &outer {
            Some(outer) => outer.shares(connection)?,
            None => Sharing::Host,
        };
        Ok(Self { container, process, inside: Reach::new(), proof, socket, daemon_pid, sharing, outer })
    }

    /// How the engine that was reached through this container relates to it.
    ///
    /// # Errors
    /// That one of them is gone.
    pub(crate) fn shares(&self, connection: &Connection) -> Result<Sharing> {
        let daemon = connection.daemon()?;
        if self.has_met(daemon.process.pid()) {
            return Ok(Sharing::Dood);
        }
        Ok(if daemon.pidns.id() == self.pidns()? { Sharing::Dind } else { Sharing::Other })
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
