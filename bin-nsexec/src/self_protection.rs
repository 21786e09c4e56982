//! What keeps a container from our memory and our descriptors; see docs/nsexec-security.md.

use nicon_core::{Context, Error, Result};
use nix::fcntl::{OFlag, open};
use nix::sys::prctl;
use nix::sys::stat::Mode;

use crate::sys;

/// Refuses to run with more rights than the caller has: nothing here asks whether the caller may have them.
pub(crate) fn refuse_borrowed_rights() -> Result<()> {
    if sys::is_secure() {
        return Err(Error::failed(
            "installed setuid, setgid or with capabilities, it would give its rights to whoever runs it (chmod ug-s, setcap -r)",
        ));
    }
    Ok(())
}

/// Puts something in the places of those of the descriptors 0, 1 and 2 that the caller closed, lest another file get
/// such a number and be taken for standard output. The command finds them closed again.
pub(crate) fn hold_standard_descriptors() -> Result<()> {
    for place in 0..=2 {
        if !sys::is_open(place) {
            let null = open("/dev/null", OFlag::O_RDWR | OFlag::O_CLOEXEC, Mode::empty());
            // It got the lowest free number, which is the place; it is to stay there.
            std::mem::forget(null.context(|| "open /dev/null")?);
        }
    }
    Ok(())
}

/// Closes our process to ptrace and /proc: a container that shares our PID namespace sees it.
pub(crate) fn deny_inspection() -> Result<()> {
    prctl::set_dumpable(false).context(|| "close our process to others")
}
