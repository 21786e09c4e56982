//! Where monitors lead: to the directories in which engines keep their files, which are opened through the monitors, since these
//! may be in a mount namespace of their own.

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::{Path, PathBuf};

use nicon_core::file::FileInfo;
use nicon_core::{Context, Error, NsId, NsType, Process, Result, Status};
use nix::errno::Errno;
use nix::fcntl::{OFlag, openat, readlinkat};
use nix::sys::stat::{FileStat, Mode, SFlag, fstat};

use crate::engine::state::conmon::Conmon;
use crate::engine::state::store::Store;
use crate::engine::state::table;
use crate::engine::state::{incus, lxc, machine, podman};
use crate::query::Kind;
use crate::rootfs::directory::{Directory, FileId};
use crate::rootfs::root::Root;

/// What the name of the directory of all bundles begins with: it is that of a plugin of containerd's.
const PLUGIN: &str = "io.containerd.runtime.";

/// The most directories of one user's, or in one container, of which there may be files.
const MOST: usize = 16;

/// How a directory is opened, only to look into it.
const DIRECTORY: OFlag = OFlag::O_PATH.union(OFlag::O_DIRECTORY).union(OFlag::O_CLOEXEC);

/// An engine's files, opened.
pub(crate) struct Opened {
    pub(crate) store: Store,
    pub(crate) root: Root,
    /// The directory that holds them.
    pub(crate) file: FileId,
    /// Whether the runtime's state is where it usually is.
    pub(crate) is_plain: bool,
}

/// The directory of bundles of a shim, and where it is there.
#[derive(PartialEq)]
pub(crate) struct ShimDirectory {
    path: Option<PathBuf>,
    namespaces: [Option<NsId>; 2],
}

impl ShimDirectory {
    /// That of a shim.
    ///
    /// # Errors
    /// If it is gone, or may not be inspected.
    pub(crate) fn of(shim: &Process) -> Result<Self> {
        let namespaces = [shim.namespace_id(NsType::Mnt)?, shim.namespace_id(NsType::User)?];
        Ok(Self { path: dir_of(shim)?, namespaces })
    }
}

/// Where several monitors lead.
struct Lead {
    store: Store,
    is_plain: bool,
    /// The mount namespace in which the store is there.
    mnt: Option<NsId>,
    monitor: Process,
}

impl Lead {
    fn is_same(&self, other: &Self) -> bool {
        let told = |lead: &Self| (lead.mnt, lead.is_plain, lead.store.kind(), lead.store.parts());
        told(self) == told(other)
    }
}

/// Opens the files to which `monitors` lead: of `roots_only`, those in directories that only root can write. This may block
/// forever. Only those of our own machine's root, `are_ours`, may be any number.
pub(crate) fn open_all(monitors: Vec<(Process, Kind)>, roots_only: bool, are_ours: bool) -> Vec<Result<Opened>> {
    let mut leads: Vec<Lead> = Vec::new();
    let mut failed = Vec::new();
    let most = if are_ours { usize::MAX } else { MOST };
    for (monitor, kind) in monitors {
        let pid = monitor.pid();
        match follow(monitor, kind) {
            Ok(None) => {}
            Ok(Some(lead)) => match leads.iter().position(|known| known.is_same(&lead)) {
                Some(known) => leads[known].store.watch(&lead.store),
                None if leads.len() < most => leads.push(lead),
                None => {
                    failed.push(Err(Error::failed(format!(
                        "engines' files in more than {most} places: the rest is left out"
                    ))));
                    break;
                }
            },
            // It may have ended.
            Err(error) if error.status() == Status::No => {}
            Err(error) => failed.push(Err(error.prefix(format!("process {pid}")))),
        }
    }
    leads.into_iter().map(|lead| open(lead, roots_only)).chain(failed).filter(is_there).collect()
}

/// Where a monitor leads; `None` if to nothing that is not known anyway.
fn follow(monitor: Process, kind: Kind) -> Result<Option<Lead>> {
    let told = match kind {
        Kind::Lxc => lxc::follow(&monitor)?.map(|store| (store, false)),
        Kind::Incus => incus::follow(&monitor)?.map(|store| (store, false)),
        Kind::Machine => machine::follow(&monitor)?.map(|store| (store, false)),
        Kind::Containerd => dir_of(&monitor)?.map(|bundles| (table::usual(kind).at(vec![bundles]), true)),
        _ => told_by_conmon(&monitor)?,
    };
    let mnt = monitor.namespace_id(NsType::Mnt)?;
    Ok(told.map(|(store, is_plain)| Lead { store, is_plain, mnt, monitor }))
}

/// Where conmon leads, and whether the runtime's state is where it usually is.
fn told_by_conmon(monitor: &Process) -> Result<Option<(Store, bool)>> {
    let Some(conmon) = Conmon::parse(&monitor.read("cmdline")?) else { return Ok(None) };
    let is_plain = conmon.is_plain();
    let runtime = [Kind::Crun, Kind::Runc].into_iter().find(|kind| kind.name() == conmon.runtime);
    Ok(match (conmon.storage, runtime, conmon.state) {
        (Some(storage), ..) => Some((podman::told(storage, conmon.id), is_plain)),
        // An engine of which no more is known.
        (None, Some(runtime), Some(state)) => Some((table::usual(runtime).at(vec![state]), true)),
        (None, ..) => None,
    })
}

fn open(lead: Lead, roots_only: bool) -> Result<Opened> {
    let Lead { store, is_plain, monitor, .. } = lead;
    let root = Directory::untrusted(monitor.root()?);
    let mut first = (store.kind() == Kind::Containerd).then(|| bundles_of(&monitor)).transpose()?;
    let mut parts: Vec<(PathBuf, OwnedFd)> = Vec::new();
    for path in store.parts() {
        let opened = match first.take() {
            Some(bundles) => Ok(bundles),
            None => root.find(&path),
        };
        let directory = match opened {
            Ok(directory) => directory,
            Err(Errno::ENOENT | Errno::ENOTDIR) if !parts.is_empty() => continue,
            Err(errno) => return Err(errno).context(|| format!("open {}", path.display())),
        };
        let FileStat { st_uid, st_mode, .. } = fstat(&directory).context(|| format!("inspect {}", path.display()))?;
        if roots_only && (st_uid != 0 || st_mode & 0o022 != 0) {
            return Err(others_can_write());
        }
        if st_mode & SFlag::S_IFMT.bits() == SFlag::S_IFDIR.bits() {
            parts.push((path, directory));
        }
    }
    let (path, directory) = parts.first().ok_or_else(|| Error::failed("an engine's files are not in a directory"))?;
    let file = FileId::from(FileInfo::of(directory).context(|| format!("inspect {}", path.display()))?);
    Ok(Opened { store, root: Root::of_parts(parts), file, is_plain })
}

/// The error for a store that is as good as none.
fn others_can_write() -> Error {
    Error::no("others can write to a directory of root's engine")
}

/// Whether there is such a store, or may be.
fn is_there(opened: &Result<Opened>) -> bool {
    opened.as_ref().err().is_none_or(|error| error.status() != Status::No)
}

/// The directory that is two levels above the one in which a shim works; `None` if that is no bundle.
fn dir_of(shim: &Process) -> Result<Option<PathBuf>> {
    let bundle = readlinkat(shim.dir(), "cwd");
    let bundle = match bundle {
        Err(Errno::ENOENT | Errno::ESRCH) => return Ok(None),
        bundle => PathBuf::from(bundle.context(|| "read where a shim works")?),
    };
    let is_plugins =
        |dir: &&Path| dir.file_name().is_some_and(|name| name.as_encoded_bytes().starts_with(PLUGIN.as_bytes()));
    Ok(bundle.parent().and_then(Path::parent).filter(is_plugins).map(Path::to_owned))
}

/// Opens it.
fn bundles_of(shim: &Process) -> Result<OwnedFd> {
    let bundle = open_directory(shim.dir(), "cwd")?;
    open_directory(open_directory(bundle.as_fd(), "..")?.as_fd(), "..")
}

fn open_directory(dir: BorrowedFd<'_>, path: &str) -> Result<OwnedFd> {
    match openat(dir, path, DIRECTORY, Mode::empty()) {
        Err(errno @ (Errno::ENOENT | Errno::ESRCH)) => {
            Err(errno).context(|| "look into a process that is gone").map_err(Error::as_no)
        }
        opened => opened.context(|| format!("open {path} of a process")),
    }
}
