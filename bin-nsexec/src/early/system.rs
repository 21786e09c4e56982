//! The system calls that are made before the C library starts: those on files and descriptors, and how one is made.

use std::arch::asm;
use std::ffi::CStr;
use std::mem::MaybeUninit;

use super::text::{Path, Strings};

/// Closes all descriptors but 0, 1 and 2.
pub(crate) fn close_all_but_standard() -> Option<()> {
    // SAFETY: nothing of ours uses a descriptor yet.
    let closed = unsafe { call(libc::SYS_close_range, [3, u32::MAX as usize, 0, 0, 0]) };
    (closed == 0).then_some(())
}

/// Whether a file lies on a read-only mount.
pub(crate) fn is_read_only(file: &CStr) -> Option<bool> {
    // `struct statfs` of asm-generic/statfs.h: its size, and the index of its flags. libc keeps them private.
    const WORDS: usize = 15;
    const FLAGS: usize = 10;
    let mut filesystem = MaybeUninit::<[u64; WORDS]>::uninit();
    // SAFETY: the path ends with NUL, and the structure is as large as the kernel's, who fills it in.
    unsafe {
        let told = call(libc::SYS_statfs, [file.as_ptr() as usize, filesystem.as_mut_ptr() as usize, 0, 0, 0]);
        (told == 0).then(|| (*filesystem.as_ptr())[FLAGS] & libc::ST_RDONLY != 0)
    }
}

/// Executes a file from a mount of nothing but that file, read-only, and in no mount namespace, so that it cannot be
/// remounted writable. Returns only if that fails.
pub(crate) fn run_read_only(file: &CStr, arguments: &Strings, environment: &Strings) {
    // SAFETY: the calls get C strings, a structure with its own size, and otherwise what the kernel gave us.
    unsafe {
        let (here, clone) = (libc::AT_FDCWD.cast_unsigned() as usize, libc::OPEN_TREE_CLONE as usize);
        let Ok(mount) = usize::try_from(call(libc::SYS_open_tree, [here, file.as_ptr() as usize, clone, 0, 0])) else {
            return;
        };
        let (nothing, empty) = (c"".as_ptr() as usize, libc::AT_EMPTY_PATH as usize);
        let read_only =
            libc::mount_attr { attr_set: libc::MOUNT_ATTR_RDONLY, attr_clr: 0, propagation: 0, userns_fd: 0 };
        let size = size_of::<libc::mount_attr>();
        // In one of the first places, which the caller left free, it would become the command's.
        if mount > 2 && call(libc::SYS_mount_setattr, [mount, nothing, empty, &raw const read_only as usize, size]) == 0
        {
            let (arguments, environment) = (arguments.0 as usize, environment.0 as usize);
            call(libc::SYS_execveat, [mount, nothing, arguments, environment, empty]);
        }
        call(libc::SYS_close, [mount, 0, 0, 0, 0]);
    }
}

/// Whether standard input is open and no terminal, and the other two standard descriptors are open as well.
pub(crate) fn is_standard_plain() -> bool {
    let (mut settings, request) = (MaybeUninit::<libc::termios>::uninit(), usize::try_from(libc::TCGETS).unwrap_or(0));
    // SAFETY: the kernel's `struct termios` is smaller than the C library's; F_GETFD touches no memory.
    unsafe {
        let terminal = call(libc::SYS_ioctl, [0, request, settings.as_mut_ptr() as usize, 0, 0]);
        let is_open = |place| call(libc::SYS_fcntl, [place, libc::F_GETFD as usize, 0, 0, 0]) >= 0;
        terminal == -(libc::ENOTTY as isize) && is_open(1) && is_open(2)
    }
}

/// Closes all descriptors but 0, 1, 2 and that of `kept`.
pub(crate) fn close_all_but_standard_and(kept: &Socket) -> Option<()> {
    let kept = kept.number();
    if kept > 3 {
        done(libc::SYS_close_range, [3, kept - 1, 0, 0, 0])?;
    }
    done(libc::SYS_close_range, [kept + 1, u32::MAX as usize, 0, 0, 0])
}

/// Has descriptors other than 0, 1 and 2 closed by the exec, no sooner: `CLOSE_RANGE_CLOEXEC`, Linux 5.11.
pub(crate) fn close_others_on_exec() -> Option<()> {
    let flag = libc::CLOSE_RANGE_CLOEXEC as usize;
    done(libc::SYS_close_range, [3, u32::MAX as usize, flag, 0, 0])
}

/// Reads a file of procfs to its end; `None` if it does not fit.
pub(crate) fn read<'a>(path: &mut Path, room: &'a mut [MaybeUninit<u8>]) -> Option<&'a [u8]> {
    let (path, mut length) = (path.address()?, 0);
    // SAFETY: the path ends with NUL, and the kernel writes no more than the room that is left.
    unsafe {
        let file = usize::try_from(call(libc::SYS_open, [path, libc::O_CLOEXEC as usize, 0, 0, 0])).ok()?;
        let is_whole = loop {
            let rest = room.get_mut(length..)?;
            match call(libc::SYS_read, [file, rest.as_mut_ptr() as usize, rest.len(), 0, 0]) {
                0 => break !rest.is_empty(),
                more @ 1.. => length += more.cast_unsigned(),
                _ => break false,
            }
        };
        call(libc::SYS_close, [file, 0, 0, 0, 0]);
        is_whole.then(|| std::slice::from_raw_parts(room.as_ptr().cast(), length))
    }
}

/// Device and inode number of a file.
pub(crate) fn identity(path: &mut Path) -> Option<(u64, u64)> {
    let path = path.address()?;
    let mut stat = MaybeUninit::<libc::stat>::uninit();
    // SAFETY: the path ends with NUL, and the kernel fills the structure in.
    unsafe {
        let told = call(libc::SYS_stat, [path, stat.as_mut_ptr() as usize, 0, 0, 0]);
        (told == 0).then(|| ((*stat.as_ptr()).st_dev, (*stat.as_ptr()).st_ino))
    }
}

/// Whether /proc is that of our own PID namespace.
pub(crate) fn is_proc_ours() -> bool {
    let mut room = [MaybeUninit::<u8>::uninit(); 16];
    let (link, place) = (c"/proc/self".as_ptr() as usize, room.as_mut_ptr() as usize);
    // SAFETY: the path ends with NUL; the kernel writes at most the length passed, and returns how much it wrote.
    unsafe {
        let length = call(libc::SYS_readlink, [link, place, room.len(), 0, 0]);
        let digits = room.iter().take(usize::try_from(length).unwrap_or(0)).map(|byte| byte.assume_init());
        let told = digits.fold(0, |pid, digit| pid * 10 + isize::from(digit) - isize::from(b'0'));
        told == call(libc::SYS_getpid, [0; 5])
    }
}

/// Whether the working directory lies below our root, as the kernel reports it.
pub(crate) fn is_inside_root() -> bool {
    let mut room = [MaybeUninit::<u8>::uninit(); libc::PATH_MAX as usize];
    // SAFETY: the kernel writes at most the length passed, and at least a byte if it succeeds.
    unsafe {
        let length = call(libc::SYS_getcwd, [room.as_mut_ptr() as usize, room.len(), 0, 0, 0]);
        length > 0 && room[0].assume_init() == b'/'
    }
}

/// One of two connected sockets.
pub(crate) struct Socket(pub(super) i32);

impl Socket {
    pub(crate) fn pair() -> Option<(Self, Self)> {
        let mut pair = [0_i32; 2];
        let kind = libc::SOCK_STREAM | libc::SOCK_CLOEXEC;
        let (family, kind) = (libc::AF_UNIX.cast_unsigned() as usize, kind.cast_unsigned() as usize);
        done(libc::SYS_socketpair, [family, kind, 0, pair.as_mut_ptr() as usize, 0])?;
        Some((Self(pair[0]), Self(pair[1])))
    }

    /// Says a word to the other end.
    pub(crate) fn say(&self, word: u8) {
        // SAFETY: the kernel reads the one byte.
        unsafe { call(libc::SYS_write, [self.number(), &raw const word as usize, 1, 0, 0]) };
    }

    /// What the other end has said.
    pub(crate) fn word(&self) -> Option<u8> {
        let mut word = 0_u8;
        let flags = libc::MSG_DONTWAIT.cast_unsigned() as usize;
        // SAFETY: the kernel writes no more than the one byte.
        let length = unsafe { call(libc::SYS_recvfrom, [self.number(), &raw mut word as usize, 1, flags, 0]) };
        (length == 1).then_some(word)
    }

    /// Whether nothing was said and the other end is still there.
    pub(crate) fn is_quiet(&self) -> bool {
        is_quiet(self.0)
    }

    pub(crate) fn close(self) {
        // SAFETY: nothing else uses this descriptor.
        unsafe { call(libc::SYS_close, [self.number(), 0, 0, 0, 0]) };
    }

    fn number(&self) -> usize {
        self.0.cast_unsigned() as usize
    }
}

pub(super) fn is_quiet(fd: i32) -> bool {
    let mut event = libc::pollfd { fd, events: libc::POLLIN, revents: 0 };
    // SAFETY: the kernel reads and writes the one structure.
    unsafe { call(libc::SYS_poll, [&raw mut event as usize, 1, 0, 0, 0]) == 0 }
}

/// A system call without a result but success.
pub(super) fn done(number: i64, arguments: [usize; 5]) -> Option<()> {
    // SAFETY: all that is handed over by address here is as large as this system call wants, and lives until it is back.
    (unsafe { call(number, arguments) } == 0).then_some(())
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
