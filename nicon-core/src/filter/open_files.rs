//! The number of files that this process may have open.

use nix::sys::resource::{Resource, getrlimit, setrlimit};

use crate::{Context, Result};

/// Allows as many open files as may be: the soft limit becomes the hard one (`RLIMIT_NOFILE` of `getrlimit(2)`). The usual
/// soft limit of 1,024 exists for programs that use `select(2)`.
///
/// # Errors
/// [`Status::Failed`](crate::Status::Failed) with the kernel's reason.
pub fn allow_many() -> Result<()> {
    let (_, hard) = getrlimit(Resource::RLIMIT_NOFILE).context(|| "read the limit of open files")?;
    setrlimit(Resource::RLIMIT_NOFILE, hard, hard).context(|| "raise the limit of open files")
}
