//! Where the program begins: in C, and for the first step before even that.
//!
//! The first step, from our executable to a copy of it that cannot be written.
//!
//! A container can find the executable of whoever enters it in /proc: from the first moment of a process of ours there, and
//! once more when its script begins with `#!/proc/self/exe`, by which the kernel runs the program that called exec. So all
//! that enters is to run from a copy. A start of C library, Rust and command line for nothing would cost more than the rest
//! of the program: the copy is executed before any of that. Where the step is not taken, or fails, [`crate::shield`] sees
//! to it later, at that cost: whether it is needed is but a guess here.
//!
//! What runs here has no relocations, no thread-local storage and no C library: only numbers, pointers and system calls.
#![allow(unsafe_code, reason = "neither an entry point nor what runs before the C library can be safe")]

#[cfg(target_arch = "x86_64")]
use std::arch::{asm, global_asm};
#[cfg(not(test))]
use std::ffi::{c_char, c_int};
#[cfg(target_arch = "x86_64")]
use std::mem::MaybeUninit;

/// The program begins here and not in Rust's own start-up code: that would put /dev/null on descriptors that the caller
/// closed, ignore SIGPIPE and install handlers, all of which the command would inherit or lose.
#[cfg(not(test))]
#[unsafe(no_mangle)]
extern "C" fn main(_argc: c_int, _argv: *const *const c_char) -> c_int {
    crate::start().into()
}

// The kernel enters with the stack pointer at the number of arguments. `_start` wants it so, and rdx as it was.
#[cfg(target_arch = "x86_64")]
global_asm!(
    ".globl nicon_entry",
    "nicon_entry:",
    "mov r12, rsp",
    "mov r13, rdx",
    "mov rdi, rsp",
    "call {first_step}",
    "mov rsp, r12",
    "mov rdx, r13",
    "jmp _start",
    first_step = sym first_step,
);

/// The size of `struct statfs` of asm-generic/statfs.h, and where its flags stand: libc keeps them private.
#[cfg(target_arch = "x86_64")]
const STATFS_WORDS: usize = 15;
#[cfg(target_arch = "x86_64")]
const STATFS_FLAGS: usize = 10;

#[cfg(target_arch = "x86_64")]
unsafe extern "C" fn first_step(stack: *const usize) {
    // SAFETY: `stack` is what the kernel gave us: the number of arguments, as many pointers to C strings and a null
    // pointer, then the environment in the same way. The calls get C strings, and structures that are as large as they say.
    unsafe {
        let arguments = stack.add(1);
        let environment = arguments.add(*stack + 1);
        let own = c"/proc/self/exe".as_ptr() as usize;
        let mut filesystem = MaybeUninit::<[u64; STATFS_WORDS]>::uninit();
        if !asks_for_container(arguments)
            || call(libc::SYS_statfs, [own, filesystem.as_mut_ptr() as usize, 0, 0, 0]) != 0
            || (*filesystem.as_ptr())[STATFS_FLAGS] & libc::ST_RDONLY != 0
        {
            return;
        }
        let flags = (libc::OPEN_TREE_CLONE | libc::OPEN_TREE_CLOEXEC) as usize;
        let copy = call(libc::SYS_open_tree, [libc::AT_FDCWD.cast_unsigned() as usize, own, flags, 0, 0]);
        if copy < 0 {
            return;
        }
        let copy = copy.cast_unsigned();
        let (nothing, empty) = (c"".as_ptr() as usize, libc::AT_EMPTY_PATH as usize);
        let read_only =
            libc::mount_attr { attr_set: libc::MOUNT_ATTR_RDONLY, attr_clr: 0, propagation: 0, userns_fd: 0 };
        let size = size_of::<libc::mount_attr>();
        if call(libc::SYS_mount_setattr, [copy, nothing, empty, &raw const read_only as usize, size]) == 0 {
            call(libc::SYS_execveat, [copy, nothing, arguments as usize, environment as usize, empty]);
        }
        call(libc::SYS_close, [copy, 0, 0, 0, 0]);
    }
}

/// Whether an option looks like one by which the container comes near us: all that [`crate::args::Args::is_contained`] looks
/// at, and some others.
#[cfg(target_arch = "x86_64")]
unsafe fn asks_for_container(arguments: *const usize) -> bool {
    // SAFETY: `arguments` are pointers to C strings, and a null pointer behind the last one; of a string no byte is read
    // behind its NUL.
    unsafe {
        let mut next = arguments.add(1);
        while *next != 0 {
            let mut letter = *next as *const u8;
            match *letter {
                b'-' => {}
                // The operand of an option: a PID or another number.
                b'0'..=b'9' => letter = c"".as_ptr().cast(),
                // The command, whose options are its own.
                _ => return false,
            }
            let mut is_word = false;
            let mut position = 0;
            while *letter != 0 {
                match (*letter, position) {
                    (b'-', 1) => is_word = true,
                    (b'a' | b'm' | b'p' | b'r' | b'u', 2) if is_word => return true,
                    (b'a' | b'm' | b'p' | b'r' | b'U', _) if !is_word => return true,
                    _ => {}
                }
                position += 1;
                letter = letter.add(1);
            }
            next = next.add(1);
        }
        false
    }
}

/// A system call; comes back with the result, or the errno made negative.
#[cfg(target_arch = "x86_64")]
#[expect(clippy::cast_possible_truncation, reason = "registers have 64 bits on this architecture")]
unsafe fn call(number: i64, arguments: [usize; 5]) -> isize {
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
            lateout("rcx") _,
            lateout("r11") _,
        );
    }
    result
}
