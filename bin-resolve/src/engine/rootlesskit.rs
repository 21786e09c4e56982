//! A user's containerd, whose files nobody else sees: `rootlesskit(1)` starts it in a mount namespace with a `/run` of its own,
//! and leaves the PID of a process in there.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use nicon_core::pidns::{self, Method};
use nicon_core::{Error, Namespace, NsType, Result, Status};
use tokio::sync::OnceCell;

use crate::engine::bounds::Bounds;
use crate::rootfs::files::Files;
use crate::rootfs::root::Root;

/// The way to files that are in another mount namespace.
pub(crate) struct Hidden {
    /// The file with the PID, which belongs to the same PID namespace as its reader.
    child_pid: PathBuf,
    inside: OnceCell<Option<Inside>>,
}

/// What is there.
pub(crate) struct Inside {
    pub(crate) root: Arc<Root>,
    /// The PID namespace to which the PIDs in the files belong.
    pub(crate) pidns: Namespace,
    pub(crate) bounds: Bounds,
}

impl Hidden {
    pub(crate) fn behind(child_pid: PathBuf) -> Self {
        Self { child_pid, inside: OnceCell::new() }
    }

    /// The file that leads there.
    pub(crate) fn child_pid(&self) -> &Path {
        &self.child_pid
    }

    /// What is there, given the `root` directory below which the file is, what its owner may name, and the PID namespace of its
    /// reader; `None` if the engine does not run.
    ///
    /// # Errors
    /// If the process there is not the user's, or is not to be inspected.
    pub(crate) async fn look_behind(
        &self,
        root: &Root,
        bounds: &Bounds,
        pidns: &Namespace,
        method: Method,
    ) -> Result<Option<&Inside>> {
        let look = async || {
            let path = self.child_pid.clone();
            let Some(text) = root.ask(move |directory| Files::new(directory).read(&path)).await? else {
                return Ok(None);
            };
            let wrong = |why: &str| Error::failed(format!("{}: {why}", self.child_pid.display()));
            let pid = str::from_utf8(&text).ok().and_then(|text| text.trim().parse().ok()).filter(|pid| *pid > 0);
            let pid = pid.ok_or_else(|| wrong("there is no PID in it"))?;
            let child = match pidns::pin(pidns, pid, method) {
                Err(error) if error.status() == Status::No => return Ok(None),
                pinned => pinned?,
            };
            // Whoever may write the file may name any process.
            bounds.permit(&child, &child).map_err(|error| error.prefix(self.child_pid.display()))?;
            let (root, bounds) = (Arc::new(Root::of(Some(&child), root.threads())?), Bounds::of_files(&child)?);
            Ok(Some(Inside { root, pidns: child.namespace(NsType::Pid)?, bounds }))
        };
        self.inside.get_or_try_init(look).await.map(Option::as_ref)
    }
}
