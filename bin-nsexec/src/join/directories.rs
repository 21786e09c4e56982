//! Root and working directory of the command.

use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::path::{Path, PathBuf};

use nicon_core::file::{FileInfo, open_below};
use nicon_core::{Context, Error, Process, Result};
use nix::errno::Errno;
use nix::fcntl::{OFlag, open, openat};
use nix::sys::stat::Mode;
use nix::unistd::{chdir, chroot, fchdir};

use crate::operand::{Source, shown};
use crate::privileges::{looking, taking};
use crate::sys;

const DIRECTORY: OFlag = OFlag::O_PATH.union(OFlag::O_DIRECTORY).union(OFlag::O_CLOEXEC);

/// Which directories are asked for.
pub(crate) struct Asked<'a> {
    pub(crate) root: Option<&'a Source>,
    /// The working directory, opened before the joins.
    pub(crate) wd: Option<&'a Source>,
    /// The working directory, looked up after the joins.
    pub(crate) wdns: Option<&'a Source>,
    /// Whether they are to be the container's.
    pub(crate) is_contained: bool,
}

/// Where the command runs.
pub(crate) struct Directories {
    root: Option<OwnedFd>,
    directory: WorkingDirectory,
    is_contained: bool,
}

enum WorkingDirectory {
    /// The one that the joins result in.
    Stay,
    /// One that was opened before them.
    Opened(OwnedFd),
    /// One to be looked up after them.
    Inside(PathBuf),
}

impl Directories {
    /// Opens them.
    pub(crate) fn open(asked: &Asked<'_>, target: Option<&Process>) -> Result<Self> {
        let opened = |source: &Source, link: &str| match source {
            Source::Path(path) => open(path, DIRECTORY, Mode::empty()).context(|| format!("open {}", shown(path))),
            Source::Target => {
                let target = target.ok_or_else(|| Error::failed("no target"))?;
                let directory = openat(target.dir(), link, DIRECTORY, Mode::empty());
                if matches!(directory, Err(Errno::ENOENT | Errno::EPERM)) {
                    // It knows why nothing can be seen.
                    target.read("stat")?;
                }
                looking(directory, || format!("open /proc/{}/{link}", target.pid()))
            }
        };
        let is_contained = asked.is_contained;
        let root = asked.root.map(|source| opened(source, "root")).transpose()?;
        let directory = match (asked.wd, asked.wdns) {
            // A directory of ours would be a way out of the container: there it means one of the container's.
            (Some(Source::Path(path)), _) if is_contained => WorkingDirectory::Inside(path.clone()),
            (Some(source), _) => WorkingDirectory::Opened(opened(source, "cwd")?),
            (None, Some(Source::Path(path))) => WorkingDirectory::Inside(path.clone()),
            (None, Some(Source::Target) | None) => WorkingDirectory::Stay,
        };
        Ok(Self { root, directory, is_contained })
    }

    /// Changes to it, after the joins.
    pub(crate) fn go(&self) -> Result<()> {
        if let Some(root) = &self.root {
            match fchdir(root).and_then(|()| chroot(".")) {
                // It is ours already.
                Err(Errno::EPERM) if is_own_root(root) => {}
                changed => taking("CAP_SYS_CHROOT", changed, || "change the root directory")?,
            }
        }
        match &self.directory {
            WorkingDirectory::Stay => {}
            WorkingDirectory::Opened(directory) => fchdir(directory).context(|| "change the working directory")?,
            WorkingDirectory::Inside(path) if self.is_contained => {
                let directory = inside(path).context(|| format!("open {} in the container", shown(path)))?;
                fchdir(&directory).context(|| "change the working directory")?;
            }
            WorkingDirectory::Inside(path) => chdir(path).context(|| format!("change to {}", shown(path)))?,
        }
        if self.is_contained { Self::check() } else { Ok(()) }
    }

    /// A working directory outside of the root, which a container can arrange, is a way out of it.
    fn check() -> Result<()> {
        let cwd = sys::getcwd().context(|| "find the working directory")?;
        if cwd.starts_with(b"/") {
            return Ok(());
        }
        Err(Error::failed(format!("the working directory is outside of the root: {}", String::from_utf8_lossy(&cwd))))
    }
}

fn is_own_root(root: &OwnedFd) -> bool {
    let own = open("/", DIRECTORY, Mode::empty()).ok();
    own.is_some_and(|own| FileInfo::of(own).ok() == FileInfo::of(root).ok())
}

/// Looks a directory up in the container's own tree: neither `..`, a symbolic link nor a link of /proc leads out.
fn inside(path: &Path) -> io::Result<OwnedFd> {
    let root = open("/", DIRECTORY, Mode::empty())?;
    open_below(root.as_fd(), path, DIRECTORY.bits())
}
