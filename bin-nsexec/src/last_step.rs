//! Where the program begins: in C, and for the last step before even that.
//!
//! The last step, on the way from this program to a command of the container.
//!
//! A container's script can begin with `#!/proc/self/exe`: the kernel then runs the program that called exec, which the
//! container can find in /proc and, once it has ended, write to. So the exec of the command is not to be done by our
//! executable but by a copy that cannot be written, and C library, Rust and command line would cost another start of the
//! program. Instead the copy is executed with [`MARK`] for a name, and its entry point, before any of
//! that, does nothing but try the paths in turn. Where all fail, it goes on as usual, to tell why.
//!
//! What runs here has no relocations, no thread-local storage and no C library: only numbers, pointers and system calls.
#![allow(unsafe_code, reason = "neither an entry point nor what runs before the C library can be safe")]

#[cfg(target_arch = "x86_64")]
use std::arch::{asm, global_asm};
#[cfg(not(test))]
use std::ffi::{c_char, c_int};

/// The program begins here and not in Rust's own start-up code: that would put /dev/null on descriptors that the caller
/// closed, ignore SIGPIPE and install handlers, all of which the command would inherit or lose.
#[cfg(not(test))]
#[unsafe(no_mangle)]
extern "C" fn main(_argc: c_int, _argv: *const *const c_char) -> c_int {
    crate::start().into()
}

/// The first argument of the last step. Where there is another byte for the `?`, that step failed, with this as the errno.
pub(crate) const MARK: [u8; 7] = *b"\x1bexec?\x1b";
/// The same with the NUL behind it, as one number: to compare bytes is the C library's work.
#[cfg(target_arch = "x86_64")]
const MARK_AND_NUL: u64 = u64::from_ne_bytes([MARK[0], MARK[1], MARK[2], MARK[3], MARK[4], MARK[5], MARK[6], 0]);
/// Where in it the errno stands.
pub(crate) const ERRNO: usize = 5;

/// Whether this architecture has it.
pub(crate) const EXISTS: bool = cfg!(target_arch = "x86_64");

// The kernel enters with the stack pointer at the number of arguments. `_start` wants it so, and rdx as it was.
#[cfg(target_arch = "x86_64")]
global_asm!(
    ".globl nicon_entry",
    "nicon_entry:",
    "mov r12, rsp",
    "mov r13, rdx",
    "mov rdi, rsp",
    "call {last_step}",
    "mov rsp, r12",
    "mov rdx, r13",
    "jmp _start",
    last_step = sym last_step,
);

#[cfg(target_arch = "x86_64")]
#[expect(clippy::cast_possible_truncation, reason = "an errno is less than 256")]
unsafe extern "C" fn last_step(stack: *mut usize) {
    // SAFETY: `stack` is what the kernel gave us: the number of arguments, as many pointers to C strings and a null
    // pointer, then the environment in the same way. Behind the shortest argument there is always more than 8 bytes
    // of that very memory. The arguments of the last step are those of `Command::last_step`.
    unsafe {
        let count = *stack;
        let arguments = stack.add(1);
        if count < 5 || (*arguments as *const u64).read_unaligned() != MARK_AND_NUL {
            return;
        }
        let environment = arguments.add(count + 1);
        let mut separator = arguments.add(2);
        while *(*separator as *const u8) != 0 {
            separator = separator.add(1);
        }
        let words = separator.add(1);

        let mut cause = libc::ENOENT.cast_unsigned() as usize;
        let mut candidate = arguments.add(2);
        while candidate < separator {
            match execve(*candidate, words, environment) {
                libc::ENOENT | libc::ENOTDIR => {}
                libc::EACCES => cause = libc::EACCES.cast_unsigned() as usize,
                libc::ENOEXEC => {
                    // As execvp(3): a script of the shell, `/bin/sh PATH ARGUMENT...`.
                    *words = *candidate;
                    *separator = c"/bin/sh".as_ptr() as usize;
                    cause = libc::ENOEXEC.cast_unsigned() as usize;
                    execve(*separator, separator, environment);
                    break;
                }
                errno => {
                    cause = errno.cast_unsigned() as usize;
                    break;
                }
            }
            candidate = candidate.add(1);
        }
        *(*arguments as *mut u8).add(ERRNO) = cause as u8;
    }
}

/// `execve(2)`; comes back with the errno.
#[cfg(target_arch = "x86_64")]
#[expect(clippy::cast_possible_truncation, reason = "registers have 64 bits on this architecture, an errno 12")]
unsafe fn execve(path: usize, arguments: *mut usize, environment: *mut usize) -> i32 {
    let result: isize;
    // SAFETY: the caller's pointers are those of a C string and of arrays of such with a null pointer at the end.
    unsafe {
        asm!(
            "syscall",
            inlateout("rax") libc::SYS_execve as isize => result,
            in("rdi") path,
            in("rsi") arguments,
            in("rdx") environment,
            lateout("rcx") _,
            lateout("r11") _,
        );
    }
    -(result as i32)
}
