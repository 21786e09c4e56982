//! The beginning of a program, its system calls and its strings, without a C library.

use core::arch::{asm, global_asm};
use core::ffi::CStr;

// Without a frame pointer or a return address: both are looked for only above this function.
#[cfg(target_arch = "x86_64")]
global_asm!(".globl _start", "_start:", "xor ebp, ebp", "mov rdi, rsp", "and rsp, -16", "call {}", sym super::start);
#[cfg(target_arch = "aarch64")]
global_asm!(".globl _start", "_start:", "mov x29, 0", "mov x30, 0", "mov x0, sp", "b {}", sym super::start);

// The numbers of asm/unistd.h.
#[cfg(target_arch = "x86_64")]
mod number {
    pub(crate) const READ: usize = 0;
    pub(crate) const WRITE: usize = 1;
    pub(crate) const CLOSE: usize = 3;
    pub(crate) const WRITEV: usize = 20;
    pub(crate) const CLONE: usize = 56;
    pub(crate) const EXECVE: usize = 59;
    pub(crate) const FCNTL: usize = 72;
    pub(crate) const PRCTL: usize = 157;
    pub(crate) const MOUNT: usize = 165;
    pub(crate) const EXIT_GROUP: usize = 231;
    pub(crate) const OPENAT: usize = 257;
    pub(crate) const SECCOMP: usize = 317;
}
#[cfg(target_arch = "aarch64")]
mod number {
    pub(crate) const FCNTL: usize = 25;
    pub(crate) const MOUNT: usize = 40;
    pub(crate) const OPENAT: usize = 56;
    pub(crate) const CLOSE: usize = 57;
    pub(crate) const READ: usize = 63;
    pub(crate) const WRITE: usize = 64;
    pub(crate) const WRITEV: usize = 66;
    pub(crate) const EXIT_GROUP: usize = 94;
    pub(crate) const PRCTL: usize = 167;
    pub(crate) const CLONE: usize = 220;
    pub(crate) const EXECVE: usize = 221;
    pub(crate) const SECCOMP: usize = 277;
}
pub(crate) use number::*;

// Those of fcntl.h, sched.h, signal.h, linux/prctl.h, linux/seccomp.h and linux/mount.h: the same on both.
pub(crate) const O_WRONLY: usize = 1;
pub(crate) const O_CLOEXEC: usize = 0o2_000_000;
pub(crate) const F_SETFD: usize = 2;
pub(crate) const FD_CLOEXEC: usize = 1;
pub(crate) const CLONE_PARENT: usize = 0x8000;
pub(crate) const SIGCHLD: usize = 17;
pub(crate) const SIGKILL: usize = 9;
pub(crate) const PR_SET_PDEATHSIG: usize = 1;
pub(crate) const PR_SET_DUMPABLE: usize = 4;
pub(crate) const SET_MODE_FILTER: usize = 1;
pub(crate) const MS_NOSUID: usize = 2;
pub(crate) const MS_NODEV: usize = 4;
pub(crate) const MS_NOEXEC: usize = 8;

// Errors, as a system call returns them.
pub(crate) const ENOENT: isize = -2;
pub(crate) const ENOEXEC: isize = -8;
pub(crate) const ENOMEM: isize = -12;
pub(crate) const EACCES: isize = -13;
pub(crate) const ENOTDIR: isize = -20;
pub(crate) const EINVAL: isize = -22;

/// A system call; returns the result, or the negative errno.
///
/// What is handed over by address is as large as this system call wants, and lives until it is back.
pub(crate) fn call(number: usize, arguments: [usize; 5]) -> isize {
    let result;
    // SAFETY: see above.
    unsafe {
        #[cfg(target_arch = "x86_64")]
        asm!(
            "syscall",
            inlateout("rax") number as isize => result,
            in("rdi") arguments[0],
            in("rsi") arguments[1],
            in("rdx") arguments[2],
            in("r10") arguments[3],
            in("r8") arguments[4],
            lateout("rcx") _,
            lateout("r11") _,
        );
        #[cfg(target_arch = "aarch64")]
        asm!(
            "svc 0",
            in("x8") number,
            inlateout("x0") arguments[0] => result,
            in("x1") arguments[1],
            in("x2") arguments[2],
            in("x3") arguments[3],
            in("x4") arguments[4],
        );
    }
    result
}

/// Ends the process.
pub(crate) fn exit(status: usize) -> ! {
    call(EXIT_GROUP, [status, 0, 0, 0, 0]);
    loop {
        // A filter does not let us: by a signal, then.
        // SAFETY: an instruction that is none touches nothing.
        unsafe {
            #[cfg(target_arch = "x86_64")]
            asm!("ud2");
            #[cfg(target_arch = "aarch64")]
            asm!("udf #0");
        }
    }
}

/// A string that ends with NUL, as the kernel hands it to a program.
#[derive(Clone, Copy)]
#[repr(transparent)]
pub(crate) struct Text(*const u8);

impl Text {
    pub(crate) fn new(text: &'static CStr) -> Self {
        Self(text.as_ptr().cast())
    }

    pub(crate) fn address(self) -> usize {
        self.0 as usize
    }

    pub(crate) fn is_null(self) -> bool {
        self.0.is_null()
    }

    pub(crate) fn is_empty(self) -> bool {
        self.starts_with(0)
    }

    pub(crate) fn starts_with(self, byte: u8) -> bool {
        // SAFETY: even the shortest string has a byte, its NUL.
        unsafe { *self.0 == byte }
    }

    pub(crate) fn length(self) -> usize {
        let mut length = 0;
        // SAFETY: we go no further than the NUL.
        while unsafe { *self.0.add(length) } != 0 {
            length += 1;
        }
        length
    }
}

#[panic_handler]
fn panic(_: &core::panic::PanicInfo<'_>) -> ! {
    exit(super::FAILED)
}
