//! Where the program begins: in C, and with two steps before even that.
//!
//! To start the C library costs more than most of what this program is asked for: it asks the processor about itself, and a
//! hypervisor answers. [`crate::quick_step`] and [`crate::first_step`] do without. What runs here has no relocations, no
//! thread-local storage, none of the C library's functions and nobody to tell of a panic: only numbers, pointers and system
//! calls.
#![allow(unsafe_code, reason = "neither an entry point nor what runs before the C library can be safe")]

#[cfg(not(test))]
use std::ffi::{c_char, c_int};
use std::sync::atomic::AtomicBool;

/// Whether our executable was found to be on a read-only mount already.
pub(crate) static IS_COPY: AtomicBool = AtomicBool::new(false);

/// The program begins here and not in Rust's own start-up code: that would put /dev/null on descriptors that the caller
/// closed, ignore SIGPIPE and install handlers, all of which the command would inherit or lose.
#[cfg(not(test))]
#[unsafe(no_mangle)]
extern "C" fn main(_argc: c_int, _argv: *const *const c_char) -> c_int {
    crate::start().into()
}

#[cfg(target_arch = "x86_64")]
pub(crate) use before_c::{Path, Pidfd, Strings, Text, close_all_but_standard, is_read_only, run_read_only};

#[cfg(target_arch = "x86_64")]
mod before_c {
    use std::arch::{asm, global_asm};
    use std::ffi::CStr;
    use std::mem::MaybeUninit;

    // The kernel enters with the stack pointer at the number of arguments. `_start` wants it so, and rdx as it was.
    global_asm!(
        ".globl nicon_entry",
        "nicon_entry:",
        "mov r12, rsp",
        "mov r13, rdx",
        "mov rdi, rsp",
        "call {steps}",
        "mov rsp, r12",
        "mov rdx, r13",
        "jmp _start",
        steps = sym steps,
    );

    unsafe extern "C" fn steps(stack: *const usize) {
        // SAFETY: this is what the kernel gave us: the number of arguments, as many pointers to C strings and a null
        // pointer, then the environment in the same way. They are there as long as the process is.
        let (arguments, environment) = unsafe { (Strings(stack.add(1).cast()), Strings(stack.add(2 + *stack).cast())) };
        crate::quick_step::take(&arguments, &environment);
        crate::first_step::take(&arguments, &environment);
    }

    /// Arguments or environment.
    #[derive(Clone)]
    pub(crate) struct Strings(*const *const u8);

    impl Iterator for Strings {
        type Item = Text;

        fn next(&mut self) -> Option<Text> {
            // SAFETY: a null pointer stands behind the last one, and we stay there.
            unsafe {
                let string = *self.0;
                if string.is_null() {
                    return None;
                }
                self.0 = self.0.add(1);
                Some(Text(string))
            }
        }
    }

    /// The rest of one of them, byte by byte: to look for its end at once would be a function of the C library.
    #[derive(Clone)]
    pub(crate) struct Text(*const u8);

    impl Iterator for Text {
        type Item = u8;

        fn next(&mut self) -> Option<u8> {
            // SAFETY: a NUL stands behind the last byte, and we stay there.
            unsafe {
                let byte = *self.0;
                if byte == 0 {
                    return None;
                }
                self.0 = self.0.add(1);
                Some(byte)
            }
        }
    }

    impl Text {
        /// What stands behind `start`, where it begins so.
        pub(crate) fn behind(mut self, start: &[u8]) -> Option<Self> {
            start.iter().all(|byte| self.next() == Some(*byte)).then_some(self)
        }
    }

    /// A path that is put together, in a place where it stays: to move it would be a function of the C library.
    pub(crate) struct Path<'a> {
        bytes: &'a mut [MaybeUninit<u8>],
        length: usize,
    }

    impl<'a> Path<'a> {
        pub(crate) fn new(bytes: &'a mut [MaybeUninit<u8>]) -> Self {
            Self { bytes, length: 0 }
        }

        pub(crate) fn is_empty(&self) -> bool {
            self.length == 0
        }

        /// Appends a byte; `None` where there is no room.
        pub(crate) fn push(&mut self, byte: u8) -> Option<()> {
            self.bytes.get_mut(self.length)?.write(byte);
            self.length += 1;
            Some(())
        }

        /// Executes it; comes back with the errno.
        pub(crate) fn execute(mut self, arguments: &Strings, environment: &Strings) -> Option<i32> {
            self.push(0)?;
            let path = self.bytes.as_ptr() as usize;
            // SAFETY: the path ends with NUL, and the others are as the kernel gave them to us.
            let failed = unsafe { call(libc::SYS_execve, [path, arguments.0 as usize, environment.0 as usize, 0, 0]) };
            i32::try_from(-failed).ok()
        }
    }

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
            // SAFETY: nobody else knows this descriptor.
            unsafe { call(libc::SYS_close, [self.0, 0, 0, 0, 0]) };
        }
    }

    /// Closes all descriptors but 0, 1 and 2.
    pub(crate) fn close_all_but_standard() -> Option<()> {
        // SAFETY: nothing of ours uses a descriptor yet.
        let closed = unsafe { call(libc::SYS_close_range, [3, u32::MAX as usize, 0, 0, 0]) };
        (closed == 0).then_some(())
    }

    /// Whether a file lies on a read-only mount.
    pub(crate) fn is_read_only(file: &CStr) -> Option<bool> {
        // `struct statfs` of asm-generic/statfs.h: its size, and where its flags stand. libc keeps them private.
        const WORDS: usize = 15;
        const FLAGS: usize = 10;
        let mut filesystem = MaybeUninit::<[u64; WORDS]>::uninit();
        // SAFETY: the path ends with NUL, and the structure is as large as the kernel's, who fills it in.
        unsafe {
            let told = call(libc::SYS_statfs, [file.as_ptr() as usize, filesystem.as_mut_ptr() as usize, 0, 0, 0]);
            (told == 0).then(|| (*filesystem.as_ptr())[FLAGS] & libc::ST_RDONLY != 0)
        }
    }

    /// Executes a file from a mount of nothing but that file, read-only, and in no mount namespace, so that nobody can make
    /// it writable. What comes back could not.
    pub(crate) fn run_read_only(file: &CStr, arguments: &Strings, environment: &Strings) {
        // SAFETY: the calls get C strings, a structure that is as large as they are told, and else what the kernel gave us.
        unsafe {
            let (here, clone) = (libc::AT_FDCWD.cast_unsigned() as usize, libc::OPEN_TREE_CLONE as usize);
            let Ok(mount) = usize::try_from(call(libc::SYS_open_tree, [here, file.as_ptr() as usize, clone, 0, 0]))
            else {
                return;
            };
            let (nothing, empty) = (c"".as_ptr() as usize, libc::AT_EMPTY_PATH as usize);
            let read_only =
                libc::mount_attr { attr_set: libc::MOUNT_ATTR_RDONLY, attr_clr: 0, propagation: 0, userns_fd: 0 };
            let size = size_of::<libc::mount_attr>();
            // In one of the first places, which the caller left free, it would become the command's.
            if mount > 2
                && call(libc::SYS_mount_setattr, [mount, nothing, empty, &raw const read_only as usize, size]) == 0
            {
                let (arguments, environment) = (arguments.0 as usize, environment.0 as usize);
                call(libc::SYS_execveat, [mount, nothing, arguments, environment, empty]);
            }
            call(libc::SYS_close, [mount, 0, 0, 0, 0]);
        }
    }

    /// A system call; comes back with the result, or the errno made negative.
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
}
