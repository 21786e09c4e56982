//! A container that was found.

use std::sync::Arc;

use nicon_core::Process;
use nicon_core::path::show;
use serde_json::Value;

use crate::engine::labels::Labels;
use crate::query::path::Path;
use crate::resolve::hop::Hop;

/// A container that a query names, or matches, and its process: pinned, and proved to be the container's.
#[derive(Clone)]
pub struct Hit {
    pub(crate) path: Path,
    pub(crate) hop: Arc<Hop>,
    /// If the engine inside this container is searched through another one: that one's path, empty for our own engine.
    pub(crate) engine_of: Option<Path>,
}

impl Hit {
    /// The container's path, which leads to it alone.
    #[must_use]
    pub fn path(&self) -> String {
        show(&self.path)
    }

    /// Its first process.
    #[must_use]
    pub fn process(&self) -> &Process {
        self.hop.process()
    }

    /// How it was found, from the outside in: the `hops` of a record.
    #[must_use]
    pub fn hops(&self) -> Vec<Value> {
        self.hop.trail()
    }

    /// The pod that it is the sandbox of, or a container of: the `pod` of a record.
    #[must_use]
    pub fn pod(&self) -> Option<Value> {
        self.hop.pod()
    }

    /// Its labels, if they were to be looked up; none of a process at which a path starts.
    #[must_use]
    pub fn labels(&self) -> Option<&Labels> {
        self.hop.labels()
    }

    /// If a pattern looks into the engine inside this container through another one, which has the socket, too: the path of that
    /// one, or `/` for the machine itself.
    #[must_use]
    pub fn engine_of(&self) -> Option<String> {
        self.engine_of.as_deref().map(|path| if path.is_empty() { "/".to_owned() } else { show(path) })
    }
}
