//! Working in other network namespaces, on threads of their own.

use nicon_core::{Context, Namespace, NsId, Result};
use nix::sched::{CloneFlags, setns};

/// The stack of a thread that enters another network namespace, in bytes.
const STACK: usize = 256 << 10;

/// Runs a closure in another network namespace, on a thread that ends there. Whoever may enter a namespace does not always have
/// the right to come back: root in a container's user namespace does not. In our own namespace it needs neither rights nor a
/// thread.
pub(crate) fn inside<T: Send>(there: &Namespace, home: NsId, work: impl FnOnce() -> T + Send) -> Result<T> {
    if there.id() == home {
        return Ok(work());
    }
    let enter_and_work = || {
        setns(there, CloneFlags::CLONE_NEWNET).context(|| "enter a network namespace").map_err(|error| {
            error.suffix(" (needs root, or CAP_SYS_ADMIN: in our user namespace, and in the one that owns it)")
        })?;
        Ok(work())
    };
    on_a_thread(enter_and_work)?
}

/// Runs a closure on a thread of its own, which may enter other namespaces and need not come back.
pub(crate) fn on_a_thread<T: Send>(work: impl FnOnce() -> T + Send) -> Result<T> {
    std::thread::scope(|scope| {
        let thread = std::thread::Builder::new().stack_size(STACK).spawn_scoped(scope, work);
        let thread = thread.context(|| "start a thread")?;
        Ok(thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)))
    })
}
