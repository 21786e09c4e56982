//! The system calls that are made before the C library starts: those on descriptors, and how one is made.

use std::arch::asm;

/// Closes all descriptors but 0, 1 and 2.
pub(crate) fn close_all_but_standard() -> Option<()> {
    // SAFETY: nothing of ours uses a descriptor yet.
    let closed = unsafe { call(libc::SYS_close_range, [3, u32::MAX as usize, 0, 0, 0]) };
    (closed == 0).then_some(())
}

/// A system call; returns the result, or the negative errno.
#[expect(clippy::cast_possible_truncation, reason = "registers have 64 bits on this architecture")]
pub(super) unsafe fn call(number: i64, arguments: [usize; 5]) -> isize {
    let result;
    // SAFETY: the caller's arguments are what this system call wants.
    unsafe {
        asm!(
            "syscall",
            inlateout("rax") number as isize => result,
            in("rdi") arguments[0],
            in("rsi") arguments[1],
            in("rdx") arguments[2],
            in("r10") arguments[3],
            in("r8") arguments[4],
            // No call that is made here takes a sixth but may take 0 for it.
            in("r9") 0,
            lateout("rcx") _,
            lateout("r11") _,
        );
    }
    result
}
