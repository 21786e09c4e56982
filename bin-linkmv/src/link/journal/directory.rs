//! Where the journals are, and how their files are opened.

use std::fs::File;
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};

use nicon_core::{Error, Result};
use nix::errno::Errno;
use nix::fcntl::{AtFlags, OFlag, open as open_path, openat};
use nix::sys::stat::{Mode, fchmod, fstat};
use nix::unistd::{AccessFlags, faccessat, geteuid, mkdir};

use super::state_file;

/// The machine's place for what does not survive a reboot: a network namespace does not either.
const RUN: &str = "/run";

/// The user's own place for that, of the XDG Base Directory Specification.
const OF_THE_USER: &str = "XDG_RUNTIME_DIR";

/// The directory of journals, held open.
pub(crate) struct Directory {
    fd: OwnedFd,
    path: PathBuf,
}

impl Directory {
    /// Opens it, and makes it if it is not there: /run/nicon, or, where we may not write, that of the user. `None` where there is
    /// neither.
    ///
    /// # Errors
    /// If what is there could be another user's.
    pub(super) fn make() -> Result<Option<Self>> {
        let opened = open_by(|path| {
            make(path)?;
            open_below(path)
        })?;
        if let Some(Self { fd, path }) = &opened {
            // Whoever made it for us, as Kubernetes does for a pod, may have let others look.
            fchmod(fd, Mode::S_IRWXU).map_err(|errno| Error::os(format!("chmod 700 {}", path.display()), errno))?;
        }
        Ok(opened)
    }

    /// The same, if it is there.
    ///
    /// # Errors
    /// If it could be another user's.
    pub(super) fn find() -> Result<Option<Self>> {
        open_by(open_below)
    }

    /// Its path.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Opens one of its files, or makes it if the flags of `access` say so. Whatever is there instead of a file is neither followed nor
    /// waited for.
    ///
    /// # Errors
    /// If it cannot be opened, or is no file.
    pub(in crate::link) fn open_file(&self, name: &str, access: OFlag) -> Result<File> {
        self.try_open(name, access).map_err(|errno| self.failure(name, errno))
    }

    /// Opens one of its files to read it, if it is there.
    ///
    /// # Errors
    /// As [`Directory::open_file`].
    pub(in crate::link) fn find_file(&self, name: &str) -> Result<Option<File>> {
        match self.try_open(name, OFlag::O_RDONLY) {
            Err(Errno::ENOENT) => Ok(None),
            opened => opened.map(Some).map_err(|errno| self.failure(name, errno)),
        }
    }

    fn try_open(&self, name: &str, access: OFlag) -> nix::Result<File> {
        let flags = OFlag::O_CLOEXEC | OFlag::O_NOFOLLOW | OFlag::O_NONBLOCK | OFlag::O_NOCTTY;
        openat(&self.fd, name, access | flags, Mode::S_IRUSR | Mode::S_IWUSR).map(File::from)
    }

    fn failure(&self, name: &str, errno: Errno) -> Error {
        let path = self.path.join(name);
        match errno {
            Errno::ELOOP | Errno::EISDIR | Errno::ENXIO => state_file::refusal(&path, "it is not a file"),
            _ => Error::os(format!("open {}", path.display()), errno),
        }
    }
}

fn open_by(open: impl Fn(&Path) -> nix::Result<OwnedFd>) -> Result<Option<Directory>> {
    let own = std::env::var_os(OF_THE_USER).map(PathBuf::from).filter(|path| path.is_absolute());
    for parent in [Some(PathBuf::from(RUN)), own].into_iter().flatten() {
        let path = parent.join("nicon");
        match open(&path) {
            Ok(fd) => {
                check(&fd, &path)?;
                return Ok(Some(Directory { fd, path }));
            }
            Err(Errno::EACCES | Errno::EPERM | Errno::EROFS | Errno::ENOENT) => {}
            Err(Errno::ELOOP | Errno::ENOTDIR) => return Err(refusal(&path, "it is not a directory", "remove it")),
            Err(errno) => return Err(Error::os(format!("open {}", path.display()), errno)),
        }
    }
    Ok(None)
}

fn make(path: &Path) -> nix::Result<()> {
    match mkdir(path, Mode::S_IRWXU) {
        Err(Errno::EEXIST) => Ok(()),
        made => made,
    }
}

fn open_below(path: &Path) -> nix::Result<OwnedFd> {
    let flags = OFlag::O_RDONLY | OFlag::O_DIRECTORY | OFlag::O_NOFOLLOW | OFlag::O_CLOEXEC;
    let directory = open_path(path, flags, Mode::empty())?;
    // We cannot use another user's directory, and nobody can use a read-only one.
    faccessat(&directory, ".", AccessFlags::W_OK | AccessFlags::X_OK, AtFlags::AT_EACCESS)?;
    Ok(directory)
}

/// Makes sure that nobody else can put anything there.
fn check(directory: &OwnedFd, path: &Path) -> Result<()> {
    let found = fstat(directory).map_err(|errno| Error::os(format!("stat {}", path.display()), errno))?;
    if found.st_uid != geteuid().as_raw() {
        return Err(refusal(path, "it belongs to another user", "remove it"));
    }
    if found.st_mode & 0o022 != 0 {
        return Err(refusal(path, "others may write to it", &format!("chmod 700 {}", path.display())));
    }
    Ok(())
}

fn refusal(path: &Path, why: &str, way_out: &str) -> Error {
    Error::failed(format!("{} is no directory for journals: {why} ({way_out})", path.display()))
}
