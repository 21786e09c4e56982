//! The system calls that nix lacks, and the fork.
#![allow(unsafe_code, reason = "these calls have no safe wrapper in nix")]

use std::ffi::{CStr, CString, c_char, c_int, c_ulong};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, OwnedFd, RawFd};

use nix::errno::Errno;
use nix::unistd::{ForkResult, Pid};

pub(crate) mod capability;
pub(crate) mod mount;
pub(crate) mod ptrace;
pub(crate) mod seccomp;
pub(crate) mod signal;
pub(crate) mod terminal;

mod ioctl {
    nix::ioctl_none_bad!(siocgskns, libc::SIOCGSKNS);
}

fn owned(fd: i64) -> nix::Result<OwnedFd> {
    let fd = RawFd::try_from(Errno::result(fd)?).map_err(|_| Errno::EBADF)?;
    // SAFETY: callers pass the result of a system call that opened a descriptor for us alone.
    Ok(unsafe { OwnedFd::from_raw_fd(fd) })
}

/// The network namespace of a socket: `SIOCGSKNS`, Linux 4.10.
pub(crate) fn socket_netns(socket: impl AsFd) -> nix::Result<OwnedFd> {
    // SAFETY: the descriptor is open for the time of the call, which has no other argument.
    owned(unsafe { ioctl::siocgskns(socket.as_fd().as_raw_fd()) }?.into())
}

/// A duplicate of another process's descriptor: `pidfd_getfd(2)`, Linux 5.6.
pub(crate) fn pidfd_getfd(pidfd: impl AsFd, fd: i32) -> nix::Result<OwnedFd> {
    // SAFETY: the call takes plain numbers.
    owned(unsafe { libc::syscall(libc::SYS_pidfd_getfd, pidfd.as_fd().as_raw_fd(), fd, 0) })
}

/// `CLONE_INTO_CGROUP` of linux/sched.h; libc's constant is too narrow to hold it.
const CLONE_INTO_CGROUP: u64 = 1 << 33;

/// `fork(2)`.
pub(crate) fn fork() -> nix::Result<ForkResult> {
    // SAFETY: the program has a single thread, so that no lock is held by a thread that the child lacks.
    unsafe { nix::unistd::fork() }
}

/// `fork(2)`, with the child born in a cgroup: `clone3(2)` with `CLONE_INTO_CGROUP`, Linux 5.7.
pub(crate) fn fork_into(cgroup: BorrowedFd<'_>) -> nix::Result<ForkResult> {
    // SAFETY: all fields are integers, for which zero is the default.
    let mut arguments: libc::clone_args = unsafe { std::mem::zeroed() };
    arguments.flags = CLONE_INTO_CGROUP;
    arguments.exit_signal = libc::SIGCHLD.cast_unsigned().into();
    arguments.cgroup = u64::try_from(cgroup.as_raw_fd()).map_err(|_| Errno::EBADF)?;
    // SAFETY: without CLONE_VM this is a fork: the child has its own copy of the stack; of the program's single thread.
    let result = unsafe { libc::syscall(libc::SYS_clone3, &raw mut arguments, size_of::<libc::clone_args>()) };
    match i32::try_from(Errno::result(result)?) {
        Ok(0) => Ok(ForkResult::Child),
        Ok(child) => Ok(ForkResult::Parent { child: Pid::from_raw(child) }),
        Err(_) => Err(Errno::EOVERFLOW),
    }
}

/// Ends a forked process at once, without what the C library would do at the end of the program that was forked.
pub(crate) fn exit(status: u8) -> ! {
    // SAFETY: the call never returns.
    unsafe { libc::_exit(status.into()) }
}

/// Closes all descriptors but 0, 1, 2 and `kept`: `close_range(2)`, Linux 5.9.
///
/// The caller uses no other one from then on, nor drops what owns it.
pub(crate) fn close_all_but<'a>(kept: impl IntoIterator<Item = BorrowedFd<'a>>) -> nix::Result<()> {
    close_gaps(kept.into_iter().map(|fd| fd.as_raw_fd()).chain([2]))
}

/// Puts copies of descriptors in the places from 3 on, and closes all others but 0, 1, 2 and `kept`; returns a copy of that.
///
/// The caller uses no other one from then on, nor drops what owns it.
pub(crate) fn hand_over(fds: [Option<BorrowedFd<'_>>; 3], kept: BorrowedFd<'_>) -> nix::Result<OwnedFd> {
    let places: [RawFd; 3] = [3, 4, 5];
    // First out of the way of each other.
    let lift = |fd| rustix::io::fcntl_dupfd_cloexec(fd, 6).map_err(|errno| Errno::from_raw(errno.raw_os_error()));
    let (kept, fds) = (lift(kept)?, fds.map(|fd| fd.map(lift).transpose()));
    let mut open = vec![2, kept.as_raw_fd()];
    for (fd, place) in fds.into_iter().zip(places) {
        if let Some(fd) = fd? {
            put_at(&fd, place)?;
            std::mem::forget(fd);
            open.push(place);
        }
    }
    close_gaps(open)?;
    Ok(kept)
}

/// Closes all descriptors above 2 but `kept`, which includes 2.
fn close_gaps(kept: impl IntoIterator<Item = RawFd>) -> nix::Result<()> {
    let mut kept: Vec<u32> = kept.into_iter().map(RawFd::cast_unsigned).chain([u32::MAX]).collect();
    kept.sort_unstable();
    for gap in kept.windows(2).filter(|gap| gap[0] >= 2 && gap[0] + 1 < gap[1]) {
        // SAFETY: the call takes plain numbers, and nothing uses these descriptors any more.
        Errno::result(unsafe { libc::syscall(libc::SYS_close_range, gap[0] + 1, gap[1] - 1, 0) })?;
    }
    Ok(())
}

/// Whether a descriptor is open.
pub(crate) fn is_open(fd: RawFd) -> bool {
    // SAFETY: F_GETFD on a number touches no memory.
    unsafe { libc::fcntl(fd, libc::F_GETFD) != -1 }
}

/// Puts a copy of a descriptor in `place`: 0, 1 or 2, or one whose owner is not used any more.
pub(crate) fn put_at(fd: impl AsFd, place: RawFd) -> nix::Result<()> {
    // SAFETY: no owner of that place exists in this program that a replacement could surprise.
    Errno::result(unsafe { libc::dup2(fd.as_fd().as_raw_fd(), place) }).map(drop)
}

/// The environment as it was handed to us, including what does not look like a variable.
pub(crate) fn environment() -> Vec<CString> {
    unsafe extern "C" {
        static environ: *const *const c_char;
    }
    // SAFETY: the program never changes `environ`: an array of C strings that ends with a null pointer, or null.
    unsafe { strings(environ) }
}

/// Copies the strings of an array.
///
/// # Safety
/// It is null, or its strings end with NUL, and itself with a null pointer.
pub(crate) unsafe fn strings(mut array: *const *const c_char) -> Vec<CString> {
    let mut strings = Vec::new();
    // SAFETY: see above; we go no further than the null pointer.
    unsafe {
        while !array.is_null() && !(*array).is_null() {
            strings.push(CStr::from_ptr(*array).to_owned());
            array = array.add(1);
        }
    }
    strings
}

/// The working directory as the kernel reports it: one that is not below our root begins with `(unreachable)`. The C
/// library would hide that.
pub(crate) fn getcwd() -> nix::Result<Vec<u8>> {
    let mut path = [0_u8; libc::PATH_MAX as usize];
    // SAFETY: the length passed is the buffer's.
    let length = Errno::result(unsafe { libc::syscall(libc::SYS_getcwd, path.as_mut_ptr(), path.len()) })?;
    let length = usize::try_from(length).unwrap_or_default().saturating_sub(1);
    Ok(path[..length].to_vec())
}

/// Whether this program was given more rights than its caller has: by a setuid or setgid bit, or capabilities of its file.
pub(crate) fn is_secure() -> bool {
    // SAFETY: the call takes a plain number.
    unsafe { libc::getauxval(libc::AT_SECURE) != 0 }
}

/// Who is asked about or changed by the calls below: the calling process.
pub(crate) const OURSELVES: i32 = 0;

/// The nice value of a process: `getpriority(2)`, whose system call counts it downwards from 20.
pub(crate) fn nice(pid: i32) -> nix::Result<i32> {
    // SAFETY: the call takes plain numbers.
    let priority = Errno::result(unsafe { libc::syscall(libc::SYS_getpriority, libc::PRIO_PROCESS, pid) })?;
    Ok(20 - i32::try_from(priority).unwrap_or_default())
}

/// Sets our nice value: `setpriority(2)`.
pub(crate) fn set_nice(nice: i32) -> nix::Result<()> {
    // SAFETY: the call takes plain numbers.
    Errno::result(unsafe { libc::syscall(libc::SYS_setpriority, libc::PRIO_PROCESS, OURSELVES, nice) }).map(drop)
}

/// The scheduling policy of a process, without its flags: `sched_getscheduler(2)`.
pub(crate) fn policy(pid: i32) -> nix::Result<u32> {
    // SAFETY: the call takes a plain number.
    let policy = Errno::result(unsafe { libc::syscall(libc::SYS_sched_getscheduler, pid) })?;
    Ok(u32::try_from(policy).unwrap_or_default() & !libc::SCHED_RESET_ON_FORK.cast_unsigned())
}

/// Gives us the policy that processes usually have: `sched_setscheduler(2)`.
pub(crate) fn schedule_normally() -> nix::Result<()> {
    let priority: c_int = 0;
    // SAFETY: the kernel reads one number.
    let set = unsafe { libc::syscall(libc::SYS_sched_setscheduler, OURSELVES, libc::SCHED_OTHER, &raw const priority) };
    Errno::result(set).map(drop)
}

/// The I/O priority of a process, or ours for 0: `ioprio_get(2)`.
pub(crate) fn io_priority(pid: c_int) -> nix::Result<u32> {
    // SAFETY: the call takes plain numbers.
    let priority = Errno::result(unsafe { libc::syscall(libc::SYS_ioprio_get, IOPRIO_WHO_PROCESS, pid) })?;
    Ok(u32::try_from(priority).unwrap_or_default())
}

/// Sets our I/O priority: `ioprio_set(2)`.
pub(crate) fn set_io_priority(priority: u32) -> nix::Result<()> {
    // SAFETY: the call takes plain numbers.
    Errno::result(unsafe { libc::syscall(libc::SYS_ioprio_set, IOPRIO_WHO_PROCESS, 0, priority) }).map(drop)
}

/// Of `linux/ioprio.h`.
const IOPRIO_WHO_PROCESS: c_int = 1;

/// Sets our personality: `personality(2)`.
pub(crate) fn set_personality(personality: u32) -> nix::Result<()> {
    // SAFETY: it concerns later mappings and the next exec, not what is mapped.
    Errno::result(unsafe { libc::personality(c_ulong::from(personality)) }).map(drop)
}

/// Begins a session keyring without a name: `keyctl(2)`.
pub(crate) fn new_session_keyring() -> nix::Result<()> {
    // SAFETY: a null pointer stands for no name.
    Errno::result(unsafe { libc::syscall(libc::SYS_keyctl, libc::KEYCTL_JOIN_SESSION_KEYRING, 0_usize) }).map(drop)
}

/// Asks for the session keyring, without making one: `keyctl(2)`.
pub(crate) fn session_keyring() -> nix::Result<()> {
    let (ask, session) = (libc::KEYCTL_GET_KEYRING_ID, libc::KEY_SPEC_SESSION_KEYRING);
    // SAFETY: the call takes plain numbers.
    Errno::result(unsafe { libc::syscall(libc::SYS_keyctl, ask, session, 0) }).map(drop)
}
