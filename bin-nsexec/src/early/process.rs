//! The system calls that are made before the C library starts: those on processes.

use std::mem::MaybeUninit;

use super::system::{Socket, call, done, is_quiet};

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

    /// Whether the process has not exited yet.
    pub(crate) fn lives(&self) -> bool {
        i32::try_from(self.0).is_ok_and(is_quiet)
    }
}

impl Drop for Pidfd {
    fn drop(&mut self) {
        // SAFETY: nothing else uses this descriptor.
        unsafe { call(libc::SYS_close, [self.0, 0, 0, 0, 0]) };
    }
}

/// `prctl(2)` with plain numbers; returns the result, or the negative errno.
pub(crate) fn prctl(option: i32, argument: usize) -> isize {
    // SAFETY: no option that is used here takes an address.
    unsafe { call(libc::SYS_prctl, [option.cast_unsigned() as usize, argument, 0, 0, 0]) }
}

/// Leaves the calling process no capability beyond these.
pub(crate) fn limit_capabilities(permitted: u64) -> Option<()> {
    // `_LINUX_CAPABILITY_VERSION_3` and ourselves; then effective, permitted and inheritable: their low halves, their high.
    let header = [0x2008_0522_u32, 0];
    let mut sets = MaybeUninit::<[u32; 6]>::uninit();
    let arguments = [header.as_ptr() as usize, sets.as_mut_ptr() as usize, 0, 0, 0];
    done(libc::SYS_capget, arguments)?;
    // SAFETY: this version of the call has written six words.
    let sets = unsafe { sets.assume_init_mut() };
    for half in 0..2 {
        let limit = u32::try_from(permitted >> (32 * half) & u64::from(u32::MAX)).ok()?;
        let [effective, permitted, inheritable] = sets.get_mut(3 * half..)?.first_chunk_mut()?;
        *permitted &= limit;
        *effective = *permitted;
        *inheritable &= *permitted;
    }
    done(libc::SYS_capset, arguments)
}

/// Begins a session.
pub(crate) fn begin_session() -> Option<()> {
    // SAFETY: the call takes nothing.
    (unsafe { call(libc::SYS_setsid, [0; 5]) } > 0).then_some(())
}

/// Begins a process group.
pub(crate) fn begin_group() -> Option<()> {
    done(libc::SYS_setpgid, [0; 5])
}

/// `fork(2)`: the child's PID, or 0 in the child.
pub(crate) fn fork() -> Option<i32> {
    // SAFETY: of the only thread there is; without CLONE_VM the child has its own copy of the stack.
    let pid = unsafe { call(libc::SYS_clone, [libc::SIGCHLD.cast_unsigned() as usize, 0, 0, 0, 0]) };
    i32::try_from(pid).ok().filter(|pid| *pid >= 0)
}

/// Has the process killed when its parent ends.
pub(crate) fn die_with_parent() -> Option<()> {
    (prctl(libc::PR_SET_PDEATHSIG, libc::SIGKILL.cast_unsigned() as usize) == 0).then_some(())
}

/// Ends the process.
pub(crate) fn exit(status: usize) -> ! {
    loop {
        // SAFETY: the call takes a plain number, and does not come back.
        unsafe { call(libc::SYS_exit_group, [status, 0, 0, 0, 0]) };
    }
}

/// Waits until one of these signals, which are blocked, is pending, or one of the other ends was written to or closed.
pub(crate) fn wait_for_news(signals: u64, ends: [Option<&Socket>; 2]) -> Option<()> {
    let (set, size) = (&raw const signals as usize, size_of::<u64>());
    let flags = libc::SFD_CLOEXEC.cast_unsigned() as usize;
    // SAFETY: the length passed is that of the set, and nothing else uses the descriptor; the kernel reads and writes the
    // two structures.
    unsafe {
        let fd =
            i32::try_from(call(libc::SYS_signalfd4, [usize::MAX, set, size, flags, 0])).ok().filter(|fd| *fd >= 0)?;
        let event = |fd| libc::pollfd { fd, events: libc::POLLIN, revents: 0 };
        // The kernel passes over a negative number.
        let [link, other] = ends.map(|end| end.map_or(-1, |end| end.0));
        let mut events = [event(fd), event(link), event(other)];
        let forever = usize::MAX;
        call(libc::SYS_poll, [events.as_mut_ptr() as usize, events.len(), forever, 0, 0]);
        call(libc::SYS_close, [fd.cast_unsigned() as usize, 0, 0, 0, 0]);
    }
    Some(())
}

/// The exit status of a child that has exited; `None` if it has not, or was killed.
pub(crate) fn exited(child: i32) -> Option<u8> {
    let mut told = MaybeUninit::<libc::siginfo_t>::uninit();
    let how = |more: i32| (libc::WEXITED | libc::WNOHANG | more).cast_unsigned() as usize;
    let (kind, pid) = (libc::P_PID as usize, child.cast_unsigned() as usize);
    let place = told.as_mut_ptr();
    done(libc::SYS_waitid, [kind, pid, place as usize, how(libc::WNOWAIT), 0])?;
    // SAFETY: the kernel has filled it in; where no child has ended, with zeros.
    let (code, status) = unsafe { ((*place).si_code, (*place).si_status()) };
    if code != libc::CLD_EXITED {
        return None;
    }
    done(libc::SYS_waitid, [kind, pid, 0, how(0), 0])?;
    u8::try_from(status & 0xff).ok()
}

/// The caller's mask and disposition of the signals that are blocked.
pub(crate) struct Signals {
    pub(super) mask: u64,
    /// `struct sigaction` of SIGCHLD: handler, flags, restorer, mask.
    pub(super) sigchld: [usize; 4],
}

impl Signals {
    /// Blocks the signals of this set, and has children waited for even where the caller ignores SIGCHLD.
    pub(crate) fn hold(set: u64) -> Option<Self> {
        let mut signals = Self { mask: 0, sigchld: [0; 4] };
        let default = [0_usize; 4];
        change_action(&raw const default, &raw mut signals.sigchld)?;
        change_mask(libc::SIG_BLOCK, &raw const set, &raw mut signals.mask)?;
        Some(signals)
    }

    /// Makes them again what they were.
    pub(crate) fn give_back(&self) -> Option<()> {
        change_action(&raw const self.sigchld, std::ptr::null_mut())?;
        change_mask(libc::SIG_SETMASK, &raw const self.mask, std::ptr::null_mut())
    }
}

fn change_action(new: *const [usize; 4], old: *mut [usize; 4]) -> Option<()> {
    let signal = libc::SIGCHLD.cast_unsigned() as usize;
    done(libc::SYS_rt_sigaction, [signal, new as usize, old as usize, size_of::<u64>(), 0])
}

fn change_mask(how: i32, new: *const u64, old: *mut u64) -> Option<()> {
    done(libc::SYS_rt_sigprocmask, [how.cast_unsigned() as usize, new as usize, old as usize, size_of::<u64>(), 0])
}
