//! Where monitors lead: to the directories in which engines keep their files, which are opened through the monitors, since these
//! may be in a mount namespace of their own.

use std::collections::HashSet;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::{Path, PathBuf};

use nicon_core::file::FileInfo;
use nicon_core::{Context, Error, NsId, NsType, Process, Result, Status};
use nix::errno::Errno;
use nix::fcntl::{OFlag, openat, readlinkat};
use nix::sys::stat::{FileStat, Mode, SFlag, fstat};

use crate::conmon::Conmon;
use crate::disk::{Storage, Store};
use crate::kind::Kind;
use crate::root::{Directory, FileId, Root};

/// What the name of the directory of all bundles begins with: it is that of a plugin of containerd's.
const PLUGIN: &str = "io.containerd.runtime.";

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

/// Whom to believe how much.
#[derive(Clone, Copy)]
pub(crate) struct Trust {
    /// Only root may be able to write the directories.
    pub(crate) roots_only: bool,
    /// The most places of which there may be files.
    pub(crate) most: usize,
}

/// What a monitor tells of its engine's files.
#[derive(PartialEq)]
enum Told {
    /// The directory of all bundles.
    Bundles(PathBuf),
    Storage {
        storage: Storage,
        is_plain: bool,
    },
    /// Where a runtime was told to keep its state, by an engine of which no more is known.
    State(Kind, PathBuf),
}

/// The directory of bundles of a shim, and where it is there.
#[derive(PartialEq)]
pub(crate) struct Bundles {
    path: Option<PathBuf>,
    namespaces: [Option<NsId>; 2],
}

impl Bundles {
    /// That of a shim.
    ///
    /// # Errors
    /// If it is gone, or may not be inspected.
    pub(crate) fn of(shim: &Process) -> Result<Self> {
        let namespaces = [shim.namespace_id(NsType::Mnt)?, shim.namespace_id(NsType::User)?];
        Ok(Self { path: place_of(shim)?, namespaces })
    }
}

/// What several monitors tell alike.
struct Lead {
    told: Told,
    /// The mount namespace in which it is there.
    mnt: Option<NsId>,
    monitor: Process,
    /// The IDs of their containers.
    watched: HashSet<String>,
}

/// Opens the files to which `monitors` lead. This may block forever.
pub(crate) fn open_all(monitors: Vec<(Process, Kind)>, trust: Trust) -> Vec<Result<Opened>> {
    let mut leads: Vec<Lead> = Vec::new();
    let mut failed = Vec::new();
    for (monitor, kind) in monitors {
        let pid = monitor.pid();
        match follow(monitor, kind) {
            Ok(None) => {}
            Ok(Some(lead)) => match leads.iter().position(|known| known.told == lead.told && known.mnt == lead.mnt) {
                Some(known) => leads[known].watched.extend(lead.watched),
                None if leads.len() < trust.most => leads.push(lead),
                None => {
                    let most = trust.most;
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
    leads.into_iter().map(|lead| open(lead, trust.roots_only)).chain(failed).filter(is_there).collect()
}

/// What a monitor tells; `None` if nothing that is not known anyway.
fn follow(monitor: Process, kind: Kind) -> Result<Option<Lead>> {
    let mut watched = HashSet::new();
    let told = if kind == Kind::Containerd {
        place_of(&monitor)?.map(Told::Bundles)
    } else {
        let Some(conmon) = Conmon::parse(&monitor.read("cmdline")?) else { return Ok(None) };
        let is_plain = conmon.is_plain();
        let runtime = [Kind::Crun, Kind::Runc].into_iter().find(|kind| kind.name() == conmon.runtime);
        watched.insert(conmon.id);
        match (conmon.storage, runtime, conmon.state) {
            (Some(storage), ..) => Some(Told::Storage { storage, is_plain }),
            (None, Some(runtime), Some(state)) => Some(Told::State(runtime, state)),
            (None, ..) => None,
        }
    };
    let mnt = monitor.namespace_id(NsType::Mnt)?;
    Ok(told.map(|told| Lead { told, mnt, monitor, watched }))
}

fn open(lead: Lead, roots_only: bool) -> Result<Opened> {
    let Lead { told, monitor, watched, .. } = lead;
    let root = Directory::untrusted(open_directory(monitor.dir(), "root")?);
    let (store, first, is_plain) = match told {
        Told::Bundles(path) => (Store::at(Kind::Containerd, vec![path]), Some(bundles_of(&monitor)?), true),
        Told::Storage { storage, is_plain } => (Store::told(&storage, watched), None, is_plain),
        Told::State(kind, path) => (Store::at(kind, vec![path]), None, true),
    };
    let mut parts: Vec<(PathBuf, OwnedFd)> = Vec::new();
    let mut first = first;
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

/// The error for a place that is as good as none.
fn others_can_write() -> Error {
    Error::no("others can write to a directory of root's engine")
}

/// Whether there is such a place, or may be.
fn is_there(opened: &Result<Opened>) -> bool {
    opened.as_ref().err().is_none_or(|error| error.status() != Status::No)
}

/// The directory that is two levels above the one in which a shim works; `None` if that is no bundle.
fn place_of(shim: &Process) -> Result<Option<PathBuf>> {
    let bundle = readlinkat(shim.dir(), "cwd");
    let bundle = match bundle {
        Err(Errno::ENOENT | Errno::ESRCH) => return Ok(None),
        bundle => PathBuf::from(bundle.context(|| "read where a shim works")?),
    };
    let is_plugins =
        |place: &&Path| place.file_name().is_some_and(|name| name.as_encoded_bytes().starts_with(PLUGIN.as_bytes()));
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
