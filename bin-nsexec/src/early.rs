//! The program's entry points: in C, and before that, with a quick step.
//!
//! Starting the C library costs more than most of the work itself: it executes CPUID, which traps to the hypervisor.
//! [`quick_step`] does without. What runs here has no relocations, no thread-local storage, none of the C library's
//! functions and no handling of panics: only numbers, pointers and system calls.
#![allow(unsafe_code, reason = "neither an entry point nor what runs before the C library can be safe")]

#[cfg(not(test))]
use std::ffi::{c_char, c_int};

#[cfg(target_arch = "x86_64")]
mod process;
#[cfg(target_arch = "x86_64")]
mod quick_step;
#[cfg(target_arch = "x86_64")]
mod system;
#[cfg(target_arch = "x86_64")]
mod text;
#[cfg(target_arch = "x86_64")]
mod wish;

/// The program begins here and not in Rust's own start-up code: that would put /dev/null on descriptors that the caller
/// closed, ignore SIGPIPE and install handlers, all of which the command would inherit or lose.
#[cfg(not(test))]
#[unsafe(no_mangle)]
extern "C" fn main(_argc: c_int, _argv: *const *const c_char) -> c_int {
    crate::begin().into()
}

#[cfg(target_arch = "x86_64")]
mod entry {
    use std::arch::global_asm;

    use super::quick_step;
    use super::text::Strings;

    // The kernel enters with the stack pointer at the number of arguments. `_start` wants it so, and rdx as it was.
    global_asm!(
        ".globl nicon_entry",
        "nicon_entry:",
        "mov r12, rsp",
        "mov r13, rdx",
        "mov rdi, rsp",
        "call {step}",
        "mov rsp, r12",
        "mov rdx, r13",
        "jmp _start",
        step = sym step,
    );

    unsafe extern "C" fn step(stack: *const usize) {
        // SAFETY: this is what the kernel gave us: the number of arguments, as many pointers to C strings and a null
        // pointer, then the environment in the same way. They are there as long as the process is.
        let (arguments, environment) = unsafe { (Strings(stack.add(1).cast()), Strings(stack.add(2 + *stack).cast())) };
        quick_step::take(&arguments, &environment);
    }
}
