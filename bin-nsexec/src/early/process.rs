//! The system calls that are made before the C library starts: those on processes.

use super::system::call;

/// A process, as `setns(2)` takes it.
pub(crate) struct Pidfd(usize);

impl Pidfd {
    pub(crate) fn open(pid: usize) -> Option<Self> {
        // SAFETY: the call takes plain numbers.
        let pidfd = unsafe { call(libc::SYS_pidfd_open, [pid, 0, 0, 0, 0]) };
        usize::try_from(pidfd).ok().map(Self)
    }

    /// Joins its namespaces of these types: all of them, or none.
    pub(crate) fn join(&self, types: i32) -> Option<()> {
        // SAFETY: the call takes plain numbers.
        let joined = unsafe { call(libc::SYS_setns, [self.0, types.cast_unsigned() as usize, 0, 0, 0]) };
        (joined == 0).then_some(())
    }
}

impl Drop for Pidfd {
    fn drop(&mut self) {
        // SAFETY: nothing else uses this descriptor.
        unsafe { call(libc::SYS_close, [self.0, 0, 0, 0, 0]) };
    }
}
