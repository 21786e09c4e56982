//! The bundles that containerd keeps for a daemon, one for each container, with the PID of its first process.
//!
//! Inspecting a container through the daemon takes longer than everything else together, while these files cover
//! hundreds at once. A PID from a bundle is proved like one from the daemon, and the process's parent must be the shim
//! whose working directory is that very bundle. If a bundle cannot be read or proved, the daemon is asked.

use std::collections::HashMap;
use std::os::fd::{AsFd, BorrowedFd};
use std::path::{Path, PathBuf};
use std::rc::Rc;

use nicon_core::container::is_id;
use nicon_core::file::FileInfo;
use nicon_core::{Context, Error, Namespace, NsType, Process, Result};
use nix::fcntl::{OFlag, openat, readlinkat};
use nix::sys::stat::Mode;

use crate::engine::address::Address;
use crate::engine::bounds::Bounds;
use crate::engine::container::{Container, Summary};
use crate::engine::settings::Settings;
use crate::proof::claim::{Claim, Verified, Via};
use crate::rootfs::blocking;
use crate::rootfs::directory::{Directory, FileId};
use crate::rootfs::files::Files;

/// The file of a bundle that holds the PID.
const PID_FILE: &str = "init.pid";

/// The bundles of a daemon, and how that was reached.
#[derive(Debug)]
struct Bundles {
    engine: Address,
    via: Via,
    /// Their directory, as the shims see it.
    path: PathBuf,
    /// The shims' PID namespace, to which the PIDs belong.
    pidns: Namespace,
    /// Those of the first container that was found.
    bounds: Bounds,
}

/// The bundle of one container, and the PID in it.
#[derive(Debug)]
pub(crate) struct Bundle {
    among: Rc<Bundles>,
    directory: FileId,
    pid: i32,
}

/// A bundle's directory, and the PID in it.
#[derive(Clone, Copy, PartialEq)]
struct Written {
    directory: FileId,
    pid: i32,
}

impl Bundle {
    /// The claim that this bundle makes about its container.
    pub(crate) fn claim(&self, of: &Summary) -> Claim {
        let Bundles { engine, via, path, pidns, bounds } = &*self.among;
        let container = Container {
            id: of.id.clone(),
            name: of.name.clone(),
            namespace: of.namespace.clone(),
            sandbox: of.pod.as_ref().map(|pod| pod.sandbox.clone()),
            pod: of.pod.clone(),
            inner_pid: self.pid,
            bundle: Some(self.directory),
            ..Container::default()
        };
        let via = via.clone().by_file(path.join(&of.id).join(PID_FILE));
        Claim::new(container, engine.clone(), via, vec![pidns.clone()], bounds.clone())
    }
}

/// Reads the bundles of the containers with these IDs, which one engine lists. The working directory of the shim of the `first`
/// one, which that engine told, shows where they are.
///
/// # Errors
/// If that one has no bundle that agrees with the engine.
pub(crate) async fn read_bundles(
    first: Verified,
    ids: Vec<String>,
    settings: &Settings,
) -> Result<HashMap<String, Rc<Bundle>>> {
    let Verified { container, process, engine, via, bounds, .. } = first;
    let shim = Process::pin(process.parent()?)?;
    let pidns = shim.namespace(NsType::Pid)?;
    let name = container.name.clone();
    let (path, written) = blocking::ask(move || read(&shim, &container, ids)).await?;
    settings.log(&name, || format!("its neighbours are read from {}", path.display()));
    let among = Rc::new(Bundles { engine, via, path, pidns, bounds });
    let bundle = |Written { directory, pid }| Rc::new(Bundle { among: Rc::clone(&among), directory, pid });
    Ok(written.into_iter().map(|(id, written)| (id, bundle(written))).collect())
}

/// Reads the bundles next to the working directory of `shim`, which must be the bundle of `first`.
fn read(shim: &Process, first: &Container, ids: Vec<String>) -> Result<(PathBuf, Vec<(String, Written)>)> {
    let open = |dir: BorrowedFd<'_>, path| {
        let flags = OFlag::O_PATH | OFlag::O_DIRECTORY | OFlag::O_CLOEXEC;
        openat(dir, path, flags, Mode::empty()).context(|| format!("open the bundle of {}", first.short_id()))
    };
    let own = open(shim.dir(), "cwd")?;
    let directory = FileId::from(FileInfo::of(&own).context(|| "inspect a bundle")?);
    let store = Directory::untrusted(open(own.as_fd(), "..")?);
    let path = PathBuf::from(readlinkat(shim.dir(), "cwd").context(|| "read the path of a bundle")?);
    let files = Files::new(&store);
    if read_one(&store, &files, &first.id) != Some(Written { directory, pid: first.inner_pid }) {
        return Err(Error::no(format!("the engine keeps no bundle of {}", first.short_id())));
    }
    let written = ids
        .into_iter()
        .filter(|id| is_id(id))
        .filter_map(|id| read_one(&store, &files, &id).map(|written| (id, written)));
    Ok((path.parent().unwrap_or(&path).to_owned(), written.collect()))
}

/// The directory is identified before its PID is read: if a restart of the container replaces it in between, no shim
/// works in the identified one, and the proof fails.
fn read_one(store: &Directory, files: &Files, id: &str) -> Option<Written> {
    let directory = store.file_at(Path::new(id)).ok()?;
    let text = files.read(&Path::new(id).join(PID_FILE)).ok()??;
    let pid = str::from_utf8(&text).ok()?.trim().parse().ok()?;
    Some(Written { directory, pid })
}
