//! The descriptors of another process.

use std::io;
use std::os::fd::OwnedFd;

use super::Process;
use crate::sys;

impl Process {
    /// A duplicate of one of its descriptors: `pidfd_getfd(2)`, Linux 5.6. What is done with it is done to the process's own file, and
    /// whoever closes the last duplicate closes the file, and may have to wait for that.
    ///
    /// # Errors
    /// EPERM without the right to attach to it, see `ptrace(2)`; EBADF if it has no such descriptor; ESRCH if it is gone.
    pub fn duplicate(&self, fd: i32) -> io::Result<OwnedFd> {
        Ok(sys::pidfd_getfd(self.pidfd(), fd)?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::file::FileInfo;
    use std::os::fd::AsRawFd;

    #[test]
    fn a_duplicate_is_the_same_file() {
        let file = std::fs::File::open("/").unwrap();
        let me = Process::myself().unwrap();
        let other = me.duplicate(file.as_raw_fd()).unwrap();
        assert_ne!(other.as_raw_fd(), file.as_raw_fd());
        assert_eq!(FileInfo::of(&other).unwrap(), FileInfo::of(&file).unwrap());
        assert_eq!(me.duplicate(i32::MAX).unwrap_err().raw_os_error(), Some(libc::EBADF));
    }
}
