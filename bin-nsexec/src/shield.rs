//! What keeps a container from our executable and our descriptors; see docs/nsexec-security.md.

use std::convert::Infallible;
use std::fs::File;
use std::os::fd::{AsRawFd, OwnedFd, RawFd};
use std::sync::atomic::Ordering;

use nicon_core::{Doing, Error, Result};
use nix::errno::Errno;
use nix::fcntl::{AtFlags, FcntlArg, OFlag, SealFlag, fcntl, open};
use nix::sys::memfd::{MFdFlags, memfd_create};
use nix::sys::prctl;
use nix::sys::stat::{Mode, stat};
use nix::sys::statvfs::{FsFlags, fstatvfs};
use nix::unistd::execveat;

use crate::command::c_strings;
use crate::early;
use crate::sys;

const EXECUTABLE: &std::ffi::CStr = c"/proc/self/exe";

/// `MFD_EXEC` of linux/memfd.h, which nix lacks.
const MFD_EXEC: MFdFlags = MFdFlags::from_bits_retain(libc::MFD_EXEC);

/// The seals of a file that cannot be changed.
const SEALS: SealFlag =
    SealFlag::F_SEAL_SEAL.union(SealFlag::F_SEAL_SHRINK).union(SealFlag::F_SEAL_GROW).union(SealFlag::F_SEAL_WRITE);

/// Puts something in the places of those of the descriptors 0, 1 and 2 that the caller closed, lest another file get
/// such a number and be taken for standard output. The command finds them closed again.
pub(crate) fn hold_places() -> Result<()> {
    for place in 0..=2 {
        if !sys::is_open(place) {
            let null = open("/dev/null", OFlag::O_RDWR | OFlag::O_CLOEXEC, Mode::empty());
            // It got the lowest free number, which is the place; it is to stay there.
            std::mem::forget(null.doing(|| "open /dev/null")?);
        }
    }
    Ok(())
}

/// Closes our process to ptrace and /proc, and makes sure that our executable cannot be written.
///
/// If it can, and the first step (see `first_step.rs`) was not taken, this program is run again from a copy.
pub(crate) fn raise() -> Result<()> {
    if !is_protected().doing(|| "look at our executable")? {
        run_again(&read_only_clone().or_else(|_| sealed_copy()).doing(|| "copy our executable")?)?;
    }
    prctl::set_dumpable(false).doing(|| "close our process to others")
}

/// Closes the descriptor of the copy that we run from, if any. Closing the last one of a detached mount takes a
/// while: that is left to the keeper, which delays nothing while the command runs.
pub(crate) fn let_go() {
    let Some(copy) = executed_from() else { return };
    let identity = |path: &str| stat(path).map(|stat| (stat.st_dev, stat.st_ino));
    // The number may belong to another file.
    if identity(&format!("/proc/self/fd/{copy}")).is_ok_and(|found| identity("/proc/self/exe") == Ok(found)) {
        sys::close(copy);
    }
}

/// The descriptor by which we were executed.
fn executed_from() -> Option<RawFd> {
    sys::executed_as().to_str()?.strip_prefix("/dev/fd/")?.parse().ok()
}

fn run_again(copy: &OwnedFd) -> Result<Infallible> {
    if executed_from().is_some() {
        return Err(Error::failed("the protected copy of our executable is not protected"));
    }
    let arguments = c_strings(std::env::args_os())?;
    execveat(copy, c"", &arguments, &sys::environment(), AtFlags::AT_EMPTY_PATH)
        .doing(|| "run the protected copy of our executable")
}

/// Whether what /proc/PID/exe of our process leads to refuses to be written.
fn is_protected() -> nix::Result<bool> {
    if early::IS_COPY.load(Ordering::Relaxed) {
        return Ok(true);
    }
    let executable = open(EXECUTABLE, OFlag::O_RDONLY | OFlag::O_CLOEXEC, Mode::empty())?;
    if fstatvfs(&executable)?.flags().contains(FsFlags::ST_RDONLY) {
        return Ok(true);
    }
    match fcntl(&executable, FcntlArg::F_GET_SEALS) {
        Ok(seals) => Ok(SealFlag::from_bits_retain(seals).contains(SEALS)),
        // Not a file that can have seals.
        Err(Errno::EINVAL) => Ok(false),
        Err(errno) => Err(errno),
    }
}

/// A mount of nothing but our executable, read-only, and in no mount namespace, so that it cannot be remounted writable.
fn read_only_clone() -> nix::Result<OwnedFd> {
    let mount = sys::clone_mount(EXECUTABLE)?;
    sys::make_read_only(&mount)?;
    Ok(mount)
}

/// A copy in memory, without the right to mount: about a millisecond for each megabyte.
fn sealed_copy() -> std::io::Result<OwnedFd> {
    let flags = MFdFlags::MFD_CLOEXEC | MFdFlags::MFD_ALLOW_SEALING;
    let mut copy = File::from(memfd_create(c"nicon-nsexec", flags | MFD_EXEC).or_else(|errno| {
        // Before Linux 6.3 there was no such flag, and every memfd could be executed.
        if errno == Errno::EINVAL { memfd_create(c"nicon-nsexec", flags) } else { Err(errno) }
    })?);
    std::io::copy(&mut File::open("/proc/self/exe")?, &mut copy)?;
    fcntl(&copy, FcntlArg::F_ADD_SEALS(SEALS))?;
    // A file that is open for writing cannot be executed.
    File::open(format!("/proc/self/fd/{}", copy.as_raw_fd())).map(OwnedFd::from)
}
