//! containerd's files wherever they are: k0s, RKE2, snaps and `containerd --state` put them elsewhere than usual, but each shim
//! works in the bundle of a container, beside which are those of all others.
//!
//! Anybody can run a program called like a shim. It counts if it is as trusted as the root of the place that is searched: in the
//! same user and mount namespace, on our side as root, with bundles in a directory that only root can write.

use std::collections::BTreeSet;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use nicon_core::{Doing, Error, NsType, Process, Result, walk};
use nix::fcntl::{OFlag, openat, readlinkat};
use nix::sys::stat::{FileStat, Mode, fstat};
use tokio::sync::OnceCell;

use crate::address::Address;
use crate::aside;
use crate::claim::{Claim, Found};
use crate::disk::{Disk, Extent, Store};
use crate::kind::{Kind, Qualifier};
use crate::listing::State;
use crate::root::{FileId, Root};
use crate::roster::Listing;
use crate::scope::Scope;
use crate::trust::Bounds;

/// What the name of a shim's program begins with.
const PROGRAM: &str = "containerd-shim";

/// What the name of the directory of all bundles begins with: it is that of a plugin of containerd's.
const PLUGIN: &str = "io.containerd.runtime.";

/// The shims of all places. They are looked for once, since that takes a look at every process.
#[derive(Clone, Default)]
pub(crate) struct Shims(Arc<OnceCell<Vec<Shim>>>);

struct Shim {
    pid: i32,
    /// The inode number of its PID namespace.
    pidns: u64,
}

/// A directory of bundles, in a directory for each containerd namespace, in an unusual place.
pub(crate) struct Unusual {
    root: Root,
    /// As its shims see it.
    path: PathBuf,
    file: FileId,
}

impl Shims {
    async fn all(&self) -> Result<&Vec<Shim>> {
        self.0.get_or_try_init(async || scan()).await
    }
}

impl Scope<'_> {
    /// Finds the container called `name` in unusual places; `None` if none of them has it.
    ///
    /// # Errors
    /// If several have it, or it cannot be proved to run.
    pub(crate) async fn find_by_shims(&self, of: &Qualifier, name: &str) -> Result<Option<Found>> {
        let mut found: Option<(Found, &Path)> = None;
        for store in self.stores(of).await? {
            let Some(disk) = self.disk_there(store, &self.extent_for(of, name)).await? else { continue };
            let Some(claim) = Claim::from_files(&disk, name).await?.found else { continue };
            let another = self.proved(name, claim).await?;
            if let Some((_, first)) = found {
                return Err(Error::failed(format!(
                    "containerd runs a container \"{name}\" below {}, and one below {} (use an ID, or begin the path with its \
                     process, as in pid:4242)",
                    first.display(),
                    store.path.display()
                )));
            }
            found = Some((another, &store.path));
        }
        Ok(found.map(|(found, _)| found))
    }

    /// Lists the containers in unusual places.
    pub(crate) async fn list_by_shims(
        &self,
        of: &Qualifier,
        wanted: &Extent,
        state: State,
    ) -> Vec<Result<Option<Listing>>> {
        let stores = match self.in_time(self.stores(of)).await {
            Ok(stores) => stores,
            Err(error) => return vec![Err(error)],
        };
        let mut lists = Vec::new();
        for store in stores {
            lists.push(match self.in_time(self.disk_there(store, wanted)).await {
                Ok(Some(disk)) => self.in_time(self.list_files(&disk, state)).await.map(Some),
                Ok(None) => Ok(None),
                Err(error) => Err(error),
            });
        }
        lists
    }

    /// The directories of bundles in unusual places.
    ///
    /// # Errors
    /// If processes cannot be looked at.
    pub(crate) async fn unusual_engines(&self, asked: &Qualifier) -> Result<Vec<FileId>> {
        Ok(self.stores(asked).await?.iter().map(|store| store.file).collect())
    }

    async fn stores(&self, of: &Qualifier) -> Result<&[Unusual]> {
        if !self.is_asked(&Address::usual(Kind::Containerd), of) {
            return Ok(&[]);
        }
        self.engines.unusual.get_or_try_init(|| self.look_for_stores()).await.map(Vec::as_slice)
    }

    async fn look_for_stores(&self) -> Result<Vec<Unusual>> {
        let myself = Process::myself()?;
        let around = self.container.unwrap_or(&myself);
        let is_ours = |process: &Process| {
            Ok::<_, Error>(process.namespace_id(NsType::User)? == myself.namespace_id(NsType::User)?)
        };
        let is_beside = |process: &Process| -> Result<bool> {
            let is_same = |of| Ok::<_, Error>(process.namespace_id(of)? == around.namespace_id(of)?);
            let is_roots = !is_ours(process)? || process.uids()?.iter().all(|uid| *uid == 0);
            Ok(is_roots && is_same(NsType::User)? && is_same(NsType::Mnt)?)
        };
        let mut known: BTreeSet<PathBuf> = Store::usual(Kind::Containerd)
            .wanted(&Extent { all: true, ..Extent::default() })
            .places()
            .into_iter()
            .collect();
        let mut stores = Vec::new();
        let own = self.pidns.id().ino;
        for shim in self.engines.shims.all().await?.iter().filter(|shim| shim.pidns == own) {
            // It may be gone, or not ours to look at.
            let Ok(process) = Process::pin(shim.pid) else { continue };
            let Ok(path) = place(&process) else { continue };
            if known.contains(&path) || !is_beside(&process).unwrap_or(false) {
                continue;
            }
            let roots_only = is_ours(&process)?;
            let opened =
                tokio::time::timeout(self.settings.timeout / 2, aside::ask(move || open(&process, roots_only)));
            let Ok(Ok(directory)) = opened.await else { continue };
            let root = Root::at(directory, path.clone());
            let Ok(file) = root.file_at(&path).await else { continue };
            known.insert(path.clone());
            stores.push(Unusual { root, path, file });
        }
        Ok(stores)
    }

    async fn disk_there<'r>(&self, place: &'r Unusual, wanted: &Extent) -> Result<Option<Disk<'r>>> {
        let store = Store::at(Kind::Containerd, vec![place.path.clone()]);
        self.disk_of(&store, &Address::usual(Kind::Containerd), &place.root, &Bounds::default(), wanted).await
    }
}

/// All shims.
fn scan() -> Result<Vec<Shim>> {
    let is_shim = |pid: i32| {
        let program = std::fs::read_link(format!("/proc/{pid}/exe")).ok();
        program.and_then(|path| Some(path.file_name()?.to_str()?.starts_with(PROGRAM))).unwrap_or(false)
    };
    let shims = walk::share(|entries| {
        let shim = |entry: walk::Entry<'_>| Some(Shim { pid: entry.pid(), pidns: entry.namespace(NsType::Pid).ok()? });
        Ok(entries.filter(|entry| is_shim(entry.pid())).filter_map(shim).collect::<Vec<_>>())
    })?;
    Ok(shims.into_iter().flatten().collect())
}

/// The directory that is two levels above the one in which a shim works.
fn place(shim: &Process) -> Result<PathBuf> {
    let bundle = PathBuf::from(readlinkat(shim.dir(), "cwd").doing(|| "read where a shim works")?);
    let is_plugins =
        |place: &&Path| place.file_name().is_some_and(|name| name.as_encoded_bytes().starts_with(PLUGIN.as_bytes()));
    let place = bundle.parent().and_then(Path::parent).filter(is_plugins);
    place.map(Path::to_owned).ok_or_else(|| Error::no(format!("{} is no bundle", bundle.display())))
}

/// Opens it; if it must be `roots_only`, only root can write it. This may block forever.
fn open(shim: &Process, roots_only: bool) -> Result<OwnedFd> {
    let open = |dir: BorrowedFd<'_>, path| {
        let flags = OFlag::O_PATH | OFlag::O_DIRECTORY | OFlag::O_CLOEXEC;
        openat(dir, path, flags, Mode::empty()).doing(|| format!("open {path} of a shim"))
    };
    let bundle = open(shim.dir(), "cwd")?;
    let place = open(open(bundle.as_fd(), "..")?.as_fd(), "..")?;
    let FileStat { st_uid, st_mode, .. } = fstat(&place).doing(|| "inspect a directory of bundles")?;
    if roots_only && (st_uid != 0 || st_mode & 0o022 != 0) {
        return Err(Error::failed("others can write to the directory of bundles"));
    }
    Ok(place)
}
