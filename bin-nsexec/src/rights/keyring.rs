//! The session keyring: the caller's keys are not the container's.

use nicon_core::{Context, Error, Result};
use nix::errno::Errno;

use crate::sys;

/// Leaves the caller's session keyring for an empty one.
///
/// Before a change of the user: keys count for their owner, and a container's user has room for few.
pub(crate) fn leave() -> Result<()> {
    match sys::new_session_keyring() {
        // The kernel has no keys.
        Err(Errno::ENOSYS) => Ok(()),
        // A filter (seccomp) that keeps us from all keys keeps the command from them, too.
        Err(Errno::EPERM) if sys::session_keyring() == Err(Errno::EPERM) => Ok(()),
        Err(Errno::EDQUOT) => Err(Error::failed(
            "begin a session keyring: our user has no room for more keys (kernel.keys.root_maxkeys, kernel.keys.maxkeys)",
        )),
        begun => begun.context(|| "begin a session keyring"),
    }
}
