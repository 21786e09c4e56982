//! Where the journals are.

use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};

use nicon_core::{Error, Result};
use nix::errno::Errno;
use nix::fcntl::{AtFlags, OFlag, open as open_file};
use nix::sys::stat::{Mode, fchmod, fstat};
use nix::unistd::{AccessFlags, faccessat, geteuid, mkdir};

/// The machine's place for what does not survive a reboot: a network namespace does not either.
const RUN: &str = "/run";

/// The user's own place for that, of the XDG Base Directory Specification.
const OF_THE_USER: &str = "XDG_RUNTIME_DIR";

/// Opens the directory, and makes it if it is not there: /run/nicon, or, where we may not write, that of the user. `None`
/// where there is neither.
///
/// # Errors
/// If what is there could be another user's.
pub(super) fn open() -> Result<Option<(OwnedFd, PathBuf)>> {
    let opened = open_by(|path| {
        make(path)?;
        open_below(path)
    })?;
    if let Some((directory, path)) = &opened {
        // Whoever made it for us, as Kubernetes does for a pod, may have let others look.
        fchmod(directory, Mode::S_IRWXU).map_err(|errno| Error::os(format!("chmod 700 {}", path.display()), errno))?;
    }
    Ok(opened)
}

/// The same, if it is there.
///
/// # Errors
/// If it could be another user's.
pub(super) fn find() -> Result<Option<(OwnedFd, PathBuf)>> {
    open_by(open_below)
}

fn open_by(open: impl Fn(&Path) -> nix::Result<OwnedFd>) -> Result<Option<(OwnedFd, PathBuf)>> {
    let own = std::env::var_os(OF_THE_USER).map(PathBuf::from).filter(|path| path.is_absolute());
    for parent in [Some(PathBuf::from(RUN)), own].into_iter().flatten() {
        let path = parent.join("nicon");
        match open(&path) {
            Ok(directory) => {
                check(&directory, &path)?;
                return Ok(Some((directory, path)));
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
    let directory = open_file(path, flags, Mode::empty())?;
    // That of another user is no place for us, and one that is read-only is none for anybody.
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
