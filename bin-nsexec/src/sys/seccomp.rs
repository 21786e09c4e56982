//! Seccomp filters as the kernel takes them: `seccomp(2)`.

use nix::errno::Errno;

/// `BPF_MAXINSNS` of `linux/bpf_common.h`: the most that one filter has.
pub(crate) const MAX_INSTRUCTIONS: usize = 4096;

/// `SECCOMP_SET_MODE_FILTER` of linux/seccomp.h.
const SET_MODE_FILTER: u32 = 1;

/// `struct sock_filter` of linux/filter.h.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Instruction {
    pub(crate) code: u16,
    pub(crate) jump_true: u8,
    pub(crate) jump_false: u8,
    pub(crate) operand: u32,
}

impl Instruction {
    /// As it lies in memory.
    pub(crate) fn bytes(self) -> [u8; 8] {
        let mut bytes = [0, 0, self.jump_true, self.jump_false, 0, 0, 0, 0];
        bytes[..2].copy_from_slice(&self.code.to_ne_bytes());
        bytes[4..].copy_from_slice(&self.operand.to_ne_bytes());
        bytes
    }
}

/// One filter.
#[derive(Debug)]
pub(crate) struct Filter {
    /// Those of `seccomp(2)` with which it was installed, as far as they can be read.
    pub(crate) flags: u32,
    pub(crate) program: Vec<Instruction>,
}

impl Filter {
    /// Installs it for us and all that we start and execute.
    pub(crate) fn install(&self) -> nix::Result<()> {
        let len = self.program.len().try_into().map_err(|_| Errno::EINVAL)?;
        let filter = self.program.as_ptr().cast_mut().cast();
        let program = libc::sock_fprog { len, filter };
        // SAFETY: the kernel reads as many instructions as it is told, each of which has the layout of `sock_filter`.
        let set = unsafe { libc::syscall(libc::SYS_seccomp, SET_MODE_FILTER, self.flags, &raw const program) };
        Errno::result(set).map(drop)
    }
}

/// Whether filters, or the strict mode, bind us ourselves.
pub(crate) fn is_filtered() -> bool {
    // SAFETY: the call takes a plain number.
    unsafe { libc::prctl(libc::PR_GET_SECCOMP) != 0 }
}
