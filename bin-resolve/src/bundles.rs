//! The bundles that containerd keeps for a daemon, one for each container, with the PID of its first process.
//!
//! A daemon takes longer to tell of a container than all else takes together, and these files tell of hundreds at once. What
//! they say is proved like an answer of the daemon's, and the process's parent must be the shim that works in the very bundle.
//! Whatever cannot be read or proved, the daemon is asked for.

use std::collections::HashMap;
use std::os::fd::{AsFd, BorrowedFd};
use std::path::{Path, PathBuf};
use std::rc::Rc;

use nicon_core::container::is_id;
use nicon_core::file::Known;
use nicon_core::{Doing, Error, Namespace, NsType, Process, Result};
use nix::fcntl::{OFlag, openat, readlinkat};
use nix::sys::stat::Mode;

use crate::aside;
use crate::claim::{Claim, Found, Via};
use crate::container::Container;
use crate::files::Files;
use crate::ground::Ground;
use crate::kind::Kind;
use crate::root::{Directory, FileId};
use crate::roster::Member;

/// The file of a bundle that holds the PID.
const PID_FILE: &str = "init.pid";

/// Where the bundles of a daemon lie.
#[derive(Debug)]
struct Store {
    kind: Kind,
    /// How the daemon listed the containers.
    via: Via,
    /// What the directory that holds the bundles is called where the shims are.
    path: PathBuf,
    /// The shims' PID namespace, in which the PIDs count.
    pidns: Namespace,
}

/// What the bundle of one container says.
#[derive(Debug)]
pub(crate) struct Bundle {
    store: Rc<Store>,
    directory: FileId,
    pid: i32,
}

/// A bundle, and the PID that is written there.
#[derive(Clone, Copy, PartialEq)]
struct Written {
    directory: FileId,
    pid: i32,
}

impl Bundle {
    /// What it says of the container that was listed as `member`.
    ///
    /// # Errors
    /// Where there are too many open descriptors.
    pub(crate) fn claim(&self, member: &Member) -> Result<Claim> {
        let Store { kind, via, path, pidns } = &*self.store;
        let container = Container {
            id: member.id.clone(),
            name: member.name.clone(),
            inner_pid: self.pid,
            bundle: Some(self.directory),
            ..Container::default()
        };
        let via = via.clone().by_file(path.join(&member.id).join(PID_FILE));
        Ok(Claim::new(container, *kind, via, vec![pidns.try_clone()?]))
    }
}

impl Ground<'_> {
    /// Reads the bundles of the containers with these IDs, which one engine lists. Where they lie, the shim of the `first` one
    /// tells, for which the engine is asked.
    ///
    /// # Errors
    /// Where that one cannot be found, or has no bundle that tells the same as the daemon.
    pub(crate) async fn read_bundles(&self, first: &Member, ids: Vec<String>) -> Result<HashMap<String, Rc<Bundle>>> {
        let Found { container, process, kind, via, .. } = self.find_listed(first).await?;
        let shim = Process::pin(process.parent()?)?;
        let pidns = shim.namespace(NsType::Pid)?;
        let (path, written) = aside::ask(move || read(&shim, &container, ids)).await?;
        self.settings.tell(&first.name, || format!("containers beside it are known by {}", path.display()));
        let store = Rc::new(Store { kind, via, path, pidns });
        let bundle = |Written { directory, pid }| Rc::new(Bundle { store: Rc::clone(&store), directory, pid });
        Ok(written.into_iter().map(|(id, written)| (id, bundle(written))).collect())
    }
}

/// Reads the bundles beside the one that `shim` works in, which must be that of `first`.
fn read(shim: &Process, first: &Container, ids: Vec<String>) -> Result<(PathBuf, Vec<(String, Written)>)> {
    let open = |dir: BorrowedFd<'_>, path| {
        let flags = OFlag::O_PATH | OFlag::O_DIRECTORY | OFlag::O_CLOEXEC;
        openat(dir, path, flags, Mode::empty()).doing(|| format!("open the bundle of {}", first.short_id()))
    };
    let own = open(shim.dir(), "cwd")?;
    let directory = FileId::from(Known::of(&own).doing(|| "look at a bundle")?);
    let store = Directory::of_stranger(open(own.as_fd(), "..")?);
    let path = PathBuf::from(readlinkat(shim.dir(), "cwd").doing(|| "name a bundle")?);
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

/// The directory is looked at first: where it is replaced meanwhile, because the container is started again, then no shim
/// works in the one that was seen.
fn read_one(store: &Directory, files: &Files, id: &str) -> Option<Written> {
    let directory = store.file_at(Path::new(id)).ok()?;
    let text = files.read(&Path::new(id).join(PID_FILE)).ok()??;
    let pid = str::from_utf8(&text).ok()?.trim().parse().ok()?;
    Some(Written { directory, pid })
}
