//! The executable of the last step, in a file that nobody can write: neither by /proc/PID/exe of a process that runs it, nor
//! by a `#!/proc/self/exe` that has it run again.
//!
//! A read-only mount of a file on disk would not do. Whoever has `CAP_SYS_ADMIN` in a user namespace of their own can make a
//! detached mount writable as long as one descriptor of it is open, and the handle of a file on any other mount can be kept
//! until an administrator remounts that for an upgrade.

use std::fs::File;
use std::io::{Result as IoResult, Write};
use std::os::fd::{AsRawFd, OwnedFd};

use nicon_core::{Context, Result};
use nix::errno::Errno;
use nix::fcntl::{FcntlArg, OFlag, SealFlag, fcntl, openat};
use nix::sys::memfd::{MFdFlags, memfd_create};
use nix::sys::stat::{Mode, mkdirat};
use rustix::mount::MountAttrFlags;

use crate::sys::mount::new_file_system;

/// The program in `last-step`, which `build.rs` compiles.
const PROGRAM: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/last-step"));

/// The name of its file.
const NAME: &str = "last-step";

/// `MFD_EXEC` of linux/memfd.h, which nix lacks.
const MFD_EXEC: MFdFlags = MFdFlags::from_bits_retain(libc::MFD_EXEC);

/// The seals of a file that cannot be changed.
const SEALS: SealFlag =
    SealFlag::F_SEAL_SEAL.union(SealFlag::F_SEAL_SHRINK).union(SealFlag::F_SEAL_GROW).union(SealFlag::F_SEAL_WRITE);

/// `F_SEAL_EXEC` of linux/fcntl.h (Linux 6.3), which nix lacks: nor can its permission to be executed.
const SEAL_EXEC: SealFlag = SealFlag::from_bits_retain(0x20);

/// Opens the executable.
///
/// # Errors
/// If this machine executes no memfd (`vm.memfd_noexec` is 2), nor lets us mount an overlay instead.
pub(crate) fn open_last_step() -> Result<OwnedFd> {
    let what = "make the program that runs in the container";
    match sealed_memfd() {
        Err(error) if error.raw_os_error() == Some(libc::EACCES) => overlay().context(|| {
            format!("{what}: vm.memfd_noexec forbids a memfd (0 or 1 permits it), and the overlay in its place cannot be mounted")
        }),
        made => made.context(|| what),
    }
}

fn sealed_memfd() -> IoResult<OwnedFd> {
    let flags = MFdFlags::MFD_CLOEXEC | MFdFlags::MFD_ALLOW_SEALING;
    let memfd = match memfd_create(NAME, flags | MFD_EXEC) {
        // Before Linux 6.3 there was no such flag, and every memfd could be executed.
        Err(Errno::EINVAL) => memfd_create(NAME, flags),
        made => made,
    }?;
    let mut file = File::from(memfd);
    file.write_all(PROGRAM)?;
    match fcntl(&file, FcntlArg::F_ADD_SEALS(SEALS | SEAL_EXEC)) {
        Err(Errno::EINVAL) => fcntl(&file, FcntlArg::F_ADD_SEALS(SEALS)),
        sealed => sealed,
    }?;
    // A file that is open for writing cannot be executed.
    File::open(path_of(&file)).map(OwnedFd::from)
}

/// The only file of an overlay without an upper layer, which has no place to write to. What lies under it is a file system
/// in memory that is mounted nowhere else. Linux before 6.15 takes no such layer.
fn overlay() -> IoResult<OwnedFd> {
    let layers = new_file_system("tmpfs", &[], MountAttrFlags::empty())?;
    // An overlay needs a second layer.
    for layer in ["program", "nothing"] {
        mkdirat(&layers, layer, Mode::from_bits_retain(0o755))?;
    }
    let directory =
        |layer| openat(&layers, layer, OFlag::O_PATH | OFlag::O_DIRECTORY | OFlag::O_CLOEXEC, Mode::empty());
    let (upper, lower) = (directory("program")?, directory("nothing")?);
    let flags = OFlag::O_WRONLY | OFlag::O_CREAT | OFlag::O_CLOEXEC;
    File::from(openat(&upper, NAME, flags, Mode::from_bits_retain(0o555))?).write_all(PROGRAM)?;
    let options = [("lowerdir+", path_of(&upper)), ("lowerdir+", path_of(&lower))];
    let options = options.each_ref().map(|(name, value)| (*name, value.as_str()));
    let overlay = new_file_system("overlay", &options, MountAttrFlags::empty())?;
    Ok(openat(&overlay, NAME, OFlag::O_RDONLY | OFlag::O_CLOEXEC, Mode::empty())?)
}

fn path_of(file: &impl AsRawFd) -> String {
    format!("/proc/self/fd/{}", file.as_raw_fd())
}
