//! Waits until there is something about a file: data, the end of a process, a mount.

use std::os::fd::OwnedFd;

use nicon_core::{Context, Result};
use tokio::io::Interest;
use tokio::io::unix::AsyncFd;

/// A file that the event loop waits for.
pub(crate) struct Ready(AsyncFd<OwnedFd>, Interest);

impl Ready {
    /// Waits for what can be read from a file.
    ///
    /// # Errors
    /// If nothing can be waited for there.
    pub(crate) fn to_read(file: OwnedFd) -> Result<Self> {
        Self::new(file, Interest::READABLE)
    }

    /// Waits for what the file calls urgent, `POLLPRI` of `poll(2)`.
    ///
    /// # Errors
    /// If nothing can be waited for there.
    pub(crate) fn for_urgent(file: OwnedFd) -> Result<Self> {
        Self::new(file, Interest::PRIORITY)
    }

    fn new(file: OwnedFd, interest: Interest) -> Result<Self> {
        #[allow(deprecated, reason = "what its replacement has us promise, OwnedFd guarantees")]
        let registered = AsyncFd::with_interest(file, interest);
        Ok(Self(registered.context(|| "wait for a file")?, interest))
    }

    /// Waits until there is something, and calls `take`, which returns whether there may be more.
    pub(crate) async fn wait(&self, take: impl FnOnce() -> bool) {
        // It fails when the event loop ends.
        let Ok(mut ready) = self.0.ready(self.1).await else { return std::future::pending().await };
        if !take() {
            ready.clear_ready();
        }
    }
}
