//! The system calls that nix lacks. The only file of this crate with `unsafe` code.
#![allow(unsafe_code, reason = "these calls have no safe wrapper in nix")]

use std::ffi::CStr;
use std::os::fd::{AsFd, AsRawFd, FromRawFd, OwnedFd, RawFd};

use nix::errno::Errno;

mod ioctl {
    /// The magic number of ioctls on nsfs, from linux/nsfs.h.
    const NSIO: u8 = 0xb7;

    nix::ioctl_none!(ns_get_userns, NSIO, 0x1);
    nix::ioctl_none!(ns_get_parent, NSIO, 0x2);
    nix::ioctl_none!(ns_get_nstype, NSIO, 0x3);
    nix::ioctl_read_bad!(ns_get_owner_uid, nix::request_code_none!(NSIO, 0x4), libc::uid_t);
    nix::ioctl_read!(ns_get_mntns_id, NSIO, 0x5, u64);
    nix::ioctl_write_int_bad!(ns_get_tgid_from_pidns, nix::request_code_read!(NSIO, 0x7, size_of::<libc::c_int>()));
    nix::ioctl_none_bad!(socket_netns, 0x894c);
}

/// Opens a pidfd: `pidfd_open(2)`, Linux 5.3. Fails with ESRCH if there is no such process.
pub(crate) fn pidfd_open(pid: i32) -> nix::Result<OwnedFd> {
    // SAFETY: the arguments are integers; a result that is not an error is a new descriptor that only we own.
    unsafe {
        let fd = Errno::result(libc::syscall(libc::SYS_pidfd_open, pid, 0))?;
        let fd = RawFd::try_from(fd).map_err(|_| Errno::EBADF)?;
        Ok(OwnedFd::from_raw_fd(fd))
    }
}

/// Duplicates a descriptor of another process: `pidfd_getfd(2)`, Linux 5.6. Fails with EPERM without the right to attach to it.
pub(crate) fn pidfd_getfd(pidfd: impl AsFd, fd: RawFd) -> nix::Result<OwnedFd> {
    // SAFETY: the pidfd is open during the call, the other arguments are integers; a result that is not an error is a new descriptor
    // that only we own.
    unsafe {
        let fd = Errno::result(libc::syscall(libc::SYS_pidfd_getfd, pidfd.as_fd().as_raw_fd(), fd, 0))?;
        let fd = RawFd::try_from(fd).map_err(|_| Errno::EBADF)?;
        Ok(OwnedFd::from_raw_fd(fd))
    }
}

/// The network namespace that a socket, or a descriptor of /dev/net/tun, is in: `SIOCGSKNS` of linux/sockios.h, Linux 4.10 (of TUN,
/// Linux 4.17). Fails with EPERM without `CAP_NET_ADMIN` in the namespace's owner.
pub(crate) fn socket_netns(socket: impl AsFd) -> nix::Result<OwnedFd> {
    // SAFETY: the descriptor is open during the call, which has no other argument; the result is a new descriptor that only we own.
    unsafe { ioctl::socket_netns(socket.as_fd().as_raw_fd()).map(|fd| OwnedFd::from_raw_fd(fd)) }
}

/// The parent of a PID or user namespace: `ioctl_ns(2)`, Linux 4.9. Fails with EPERM if it is outside the
/// caller's own namespaces.
pub(crate) fn ns_get_parent(ns: impl AsFd) -> nix::Result<OwnedFd> {
    // SAFETY: the descriptor is open during the call; the result is a new descriptor that only we own.
    unsafe { ioctl::ns_get_parent(ns.as_fd().as_raw_fd()).map(|fd| OwnedFd::from_raw_fd(fd)) }
}

/// The user namespace that owns a namespace: `ioctl_ns(2)`, Linux 4.9. Fails with EPERM if it is outside the
/// caller's own namespaces.
pub(crate) fn ns_get_userns(ns: impl AsFd) -> nix::Result<OwnedFd> {
    // SAFETY: the descriptor is open during the call; the result is a new descriptor that only we own.
    unsafe { ioctl::ns_get_userns(ns.as_fd().as_raw_fd()).map(|fd| OwnedFd::from_raw_fd(fd)) }
}

/// The `CLONE_NEW*` flag of a namespace's type: `ioctl_ns(2)`, Linux 4.11.
pub(crate) fn ns_get_nstype(ns: impl AsFd) -> nix::Result<i32> {
    // SAFETY: the descriptor is open during the call, which has no other argument.
    unsafe { ioctl::ns_get_nstype(ns.as_fd().as_raw_fd()) }
}

/// The ID, in our own user namespace, of the user who created a user namespace: `ioctl_ns(2)`, Linux 4.11.
pub(crate) fn ns_get_owner_uid(ns: impl AsFd) -> nix::Result<u32> {
    let mut uid = 0;
    // SAFETY: the descriptor is open during the call, and `uid` has the type that it writes.
    unsafe { ioctl::ns_get_owner_uid(ns.as_fd().as_raw_fd(), &raw mut uid)? };
    Ok(uid)
}

/// Reads a link into `buffer`: `readlinkat(2)`, without the allocation of nix's wrapper. A longer text is truncated.
pub(crate) fn readlinkat<'a>(dir: impl AsFd, path: &CStr, buffer: &'a mut [u8]) -> nix::Result<&'a [u8]> {
    // SAFETY: the descriptor, the path and the buffer outlive the call, and the length passed is the buffer's.
    let length =
        unsafe { libc::readlinkat(dir.as_fd().as_raw_fd(), path.as_ptr(), buffer.as_mut_ptr().cast(), buffer.len()) };
    let length = usize::try_from(length).map_err(|_| Errno::last())?;
    Ok(&buffer[..length])
}

/// `STATX_MNT_ID_UNIQUE` of linux/stat.h, which libc lacks.
const STATX_MNT_ID_UNIQUE: u32 = 0x4000;

/// What the kernel knows about a file without asking the server of its file system.
pub(crate) struct Statx {
    pub(crate) dev: u64,
    pub(crate) ino: u64,
    /// Type and permissions.
    pub(crate) mode: u16,
    /// Of a device.
    pub(crate) rdev: u64,
    /// The ID of its mount, which is never reused: since Linux 6.8.
    pub(crate) mount: Option<u64>,
}

/// The file at a path, or `dir` itself if the path is empty: `statx(2)` with `AT_STATX_DONT_SYNC`.
pub(crate) fn stat_without_sync(dir: impl AsFd, path: &CStr) -> nix::Result<Statx> {
    let mut answer = std::mem::MaybeUninit::<libc::statx>::zeroed();
    let flags = libc::AT_STATX_DONT_SYNC | libc::AT_NO_AUTOMOUNT | libc::AT_EMPTY_PATH;
    let wanted = libc::STATX_INO | libc::STATX_TYPE | STATX_MNT_ID_UNIQUE;
    // SAFETY: the descriptor and the path outlive the call; `answer` has the type that it writes, and consists of
    // integers, for which zero is valid.
    let answer = unsafe {
        let fd = dir.as_fd().as_raw_fd();
        Errno::result(libc::statx(fd, path.as_ptr(), flags, wanted, answer.as_mut_ptr()))?;
        answer.assume_init()
    };
    let dev = libc::makedev(answer.stx_dev_major, answer.stx_dev_minor);
    let rdev = libc::makedev(answer.stx_rdev_major, answer.stx_rdev_minor);
    let mount = (answer.stx_mask & STATX_MNT_ID_UNIQUE != 0).then_some(answer.stx_mnt_id);
    Ok(Statx { dev, ino: answer.stx_ino, mode: answer.stx_mode, rdev, mount })
}

/// The ID of a mount namespace: `NS_GET_MNTNS_ID` of linux/nsfs.h, Linux 6.11. Fails with ENOTTY on an older kernel.
pub(crate) fn ns_get_mntns_id(mntns: impl AsFd) -> nix::Result<u64> {
    let mut id = 0;
    // SAFETY: the descriptor is open during the call, and `id` has the type that it writes.
    unsafe { ioctl::ns_get_mntns_id(mntns.as_fd().as_raw_fd(), &raw mut id)? };
    Ok(id)
}

/// The magic number of a mount's file system, one of those of linux/magic.h, by the IDs of the mount and of its namespace:
/// `statmount(2)`, of other namespaces than our own since Linux 6.11, which alone tells the ID of one. Fails with ENOENT or EPERM if
/// there is none, or we lack `CAP_SYS_ADMIN` over the namespace.
pub(crate) fn magic_of_mount(mount: u64, mntns: u64) -> nix::Result<u64> {
    /// The number on `x86_64` and `aarch64`; libc lacks it.
    const SYS_STATMOUNT: libc::c_long = 457;
    const STATMOUNT_SB_BASIC: u64 = 1;
    /// `struct mnt_id_req` of linux/mount.h.
    #[repr(C)]
    struct Request {
        size: u32,
        spare: u32,
        mount: u64,
        wanted: u64,
        mntns: u64,
    }
    /// The mask and the magic number are two of the eight-byte fields of `struct statmount`.
    const MASK: usize = 1;
    const SB_MAGIC: usize = 3;
    let size = u32::try_from(size_of::<Request>()).map_err(|_| Errno::EINVAL)?;
    let request = Request { size, spare: 0, mount, wanted: STATMOUNT_SB_BASIC, mntns };
    let mut answer = [0_u64; 64];
    // SAFETY: the request and the answer outlive the call, which reads `size` bytes of the first, and writes no more of the second than
    // it is told that there are.
    let done =
        unsafe { libc::syscall(SYS_STATMOUNT, &raw const request, answer.as_mut_ptr(), size_of_val(&answer), 0) };
    Errno::result(done)?;
    if answer[MASK] & STATMOUNT_SB_BASIC == 0 { Err(Errno::ENODATA) } else { Ok(answer[SB_MAGIC]) }
}

/// Translates a PID in `pidns` to the caller's PID namespace: `NS_GET_TGID_FROM_PIDNS` of linux/nsfs.h, Linux 6.11
/// (kernel commit ca567df74a28). Fails with ESRCH if there is no such process, ENOTTY on an older kernel.
pub(crate) fn ns_get_tgid_from_pidns(pidns: impl AsFd, pid: i32) -> nix::Result<i32> {
    // SAFETY: the descriptor is open during the call, and the argument is an integer.
    unsafe { ioctl::ns_get_tgid_from_pidns(pidns.as_fd().as_raw_fd(), pid) }
}

/// Asks the kernel to attach the writer's PID and user ID to what a unix socket receives: `SO_PASSCRED` of `unix(7)`.
pub(crate) fn pass_credentials(socket: impl AsFd) -> nix::Result<()> {
    set_option(socket, libc::SO_PASSCRED, true)
}

/// Asks the kernel to attach the writer's pidfd, or not to, to what a unix socket receives: `SO_PASSPIDFD` of `unix(7)`, Linux 6.5. Fails
/// with ENOPROTOOPT on an older kernel.
fn pass_pidfd(socket: impl AsFd, is_wanted: bool) -> nix::Result<()> {
    set_option(socket, libc::SO_PASSPIDFD, is_wanted)
}

fn set_option(socket: impl AsFd, option: libc::c_int, is_on: bool) -> nix::Result<()> {
    let value = libc::c_int::from(is_on);
    let length = libc::socklen_t::try_from(size_of_val(&value)).map_err(|_| Errno::EINVAL)?;
    // SAFETY: the descriptor is open during the call, `value` outlives it, and the length passed is that of `value`.
    let answer = unsafe {
        libc::setsockopt(socket.as_fd().as_raw_fd(), libc::SOL_SOCKET, option, (&raw const value).cast(), length)
    };
    Errno::result(answer).map(drop)
}

/// `SCM_PIDFD` of linux/socket.h, Linux 6.5, which libc lacks.
const SCM_PIDFD: libc::c_int = 0x04;

/// The room that an attached PID and user ID take, and that of a pidfd besides, in bytes.
#[allow(clippy::cast_possible_truncation, reason = "a few bytes")]
const ROOM: (usize, usize) = {
    // SAFETY: these macros only compute.
    unsafe {
        let credentials = libc::CMSG_SPACE(size_of::<libc::ucred>() as u32) as usize;
        (credentials, credentials + libc::CMSG_SPACE(size_of::<RawFd>() as u32) as usize)
    }
};

/// Who wrote the next bytes of `socket`, which are left there, in the namespaces of the caller: PID 0 is outside of them, and users who are not
/// mapped have the ID of nobody. `None` at the end of the stream, to which the kernel attaches credentials of nobody.
///
/// Descriptors that come with the bytes are not received: to close one can take as long as its file system likes. That there are some is
/// EPROTO.
pub(crate) fn peek_credentials(socket: impl AsFd) -> nix::Result<Option<libc::ucred>> {
    let peeked = peek(socket, ROOM.0)?;
    if peeked.is_truncated { Err(Errno::EPROTO) } else { Ok(peeked.credentials) }
}

/// A pidfd of the process that wrote the next bytes of `socket`, with which no descriptors come. `None` if it cannot be had: the process is
/// outside of our PID namespace or, with some kernels, gone. Fails with ENOPROTOOPT before Linux 6.5.
pub(crate) fn peek_pidfd(socket: impl AsFd) -> nix::Result<Option<OwnedFd>> {
    pass_pidfd(&socket, true)?;
    let peeked = peek(&socket, ROOM.1);
    pass_pidfd(socket, false)?;
    Ok(peeked?.pidfd)
}

/// What comes with the next bytes of a socket.
#[derive(Default)]
struct Peeked {
    credentials: Option<libc::ucred>,
    pidfd: Option<OwnedFd>,
    /// Whether there was more than room for it.
    is_truncated: bool,
}

/// Looks at what comes with the next bytes, of which the kernel gives as much as there is `room` for: `recvmsg(2)` with `MSG_PEEK`.
fn peek(socket: impl AsFd, room: usize) -> nix::Result<Peeked> {
    let mut byte = 0_u8;
    // An array of usize has the alignment that control messages need.
    let mut control = [0_usize; ROOM.1 / size_of::<usize>()];
    let mut peeked = Peeked::default();
    // SAFETY: every pointer in `message` is to a local variable that outlives the calls, with that variable's length or less. The
    // kernel sets msg_controllen to the part of `control` that it filled, and the CMSG macros stay within it. A pidfd
    // in there is new, and only we own it.
    unsafe {
        let mut data = libc::iovec { iov_base: (&raw mut byte).cast(), iov_len: 1 };
        let mut message: libc::msghdr = std::mem::zeroed();
        message.msg_iov = &raw mut data;
        message.msg_iovlen = 1;
        message.msg_control = control.as_mut_ptr().cast();
        message.msg_controllen = room.min(size_of_val(&control)) as _;
        let flags = libc::MSG_PEEK | libc::MSG_DONTWAIT | libc::MSG_CMSG_CLOEXEC;
        let received = Errno::result(libc::recvmsg(socket.as_fd().as_raw_fd(), &raw mut message, flags))?;
        let mut header = libc::CMSG_FIRSTHDR(&raw const message);
        while !header.is_null() {
            match ((*header).cmsg_level, (*header).cmsg_type) {
                (libc::SOL_SOCKET, libc::SCM_CREDENTIALS) if received > 0 => {
                    peeked.credentials = Some(libc::CMSG_DATA(header).cast::<libc::ucred>().read_unaligned());
                }
                (libc::SOL_SOCKET, SCM_PIDFD) => {
                    let pidfd = libc::CMSG_DATA(header).cast::<RawFd>().read_unaligned();
                    // One that could not be made is negative.
                    peeked.pidfd = (pidfd >= 0).then(|| OwnedFd::from_raw_fd(pidfd));
                }
                _ => {}
            }
            header = libc::CMSG_NXTHDR(&raw const message, header);
        }
        peeked.is_truncated = message.msg_flags & libc::MSG_CTRUNC != 0;
    }
    Ok(peeked)
}

/// What only filters need.
#[cfg(feature = "filter")]
pub(crate) mod filter {
    use std::os::fd::{AsRawFd, BorrowedFd};
    use std::os::unix::fs::MetadataExt;
    use std::sync::atomic::{AtomicBool, Ordering};

    use nix::errno::Errno;
    use nix::unistd::Pid;

    /// Which of the two processes that [`fork`] returns in.
    pub(crate) enum Fork {
        Parent(Pid),
        Child,
    }

    /// Starts a child that is a copy of this process, and goes on in both: `fork(2)`. The child stays a zombie until it is waited
    /// for, even if this program was started with SIGCHLD ignored.
    ///
    /// Fails with EBUSY if there is a second thread, which might hold a lock that the child would wait for.
    pub(crate) fn fork() -> nix::Result<Fork> {
        // Each thread is a directory there, in addition to `.` and `..`.
        let threads = std::fs::metadata("/proc/self/task").map_or(0, |task| task.nlink().saturating_sub(2));
        if threads != 1 {
            return Err(Errno::EBUSY);
        }
        // SAFETY: signal(2) with the default action installs no handler. As there is a single thread, the child may call any
        // function.
        unsafe {
            libc::signal(libc::SIGCHLD, libc::SIG_DFL);
            Ok(match Errno::result(libc::fork())? {
                0 => Fork::Child,
                child => Fork::Parent(Pid::from_raw(child)),
            })
        }
    }

    /// Exits at once: `_exit(2)`. What is buffered is neither written nor dropped.
    pub(crate) fn exit(status: i32) -> ! {
        // SAFETY: the argument is an integer, and nothing of this process is used after the call.
        unsafe { libc::_exit(status) }
    }

    /// Closes standard input, output and error, in a process that is about to exit.
    pub(crate) fn close_standard() {
        for standard in 0..3 {
            // SAFETY: the argument is an integer, which has no owner that would close it.
            unsafe { libc::close(standard) };
        }
    }

    /// Closes all other descriptors but `kept`, in a process that is about to exit: `close_range(2)`, since Linux 5.9.
    pub(crate) fn close_all_but(kept: BorrowedFd<'_>) {
        let kept = kept.as_raw_fd();
        // SAFETY: the arguments are integers. The process exits before a closed number could be reused under its old owner.
        unsafe {
            libc::syscall(libc::SYS_close_range, 3, kept - 1, 0);
            libc::syscall(libc::SYS_close_range, kept + 1, libc::c_uint::MAX, 0);
        }
    }

    static STDOUT_WAS_CLOSED: AtomicBool = AtomicBool::new(false);

    /// Whether the program was started without a standard output.
    ///
    /// Rust's start-up code then opens /dev/null in its place, where answers would be lost without an error. So this must be
    /// checked before that code runs.
    pub(crate) fn stdout_was_closed() -> bool {
        STDOUT_WAS_CLOSED.load(Ordering::Relaxed)
    }

    /// The C library calls the functions in `.init_array` before `main`, and so before Rust's start-up code.
    #[used]
    #[unsafe(link_section = ".init_array")]
    static CHECK_STDOUT: extern "C" fn() = {
        extern "C" fn check() {
            // SAFETY: F_GETFD touches no memory; on a closed descriptor it fails with EBADF.
            let closed = unsafe { libc::fcntl(libc::STDOUT_FILENO, libc::F_GETFD) } == -1;
            STDOUT_WAS_CLOSED.store(closed, Ordering::Relaxed);
        }
        check
    };
}
