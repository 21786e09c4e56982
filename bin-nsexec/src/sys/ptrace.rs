//! Reading the seccomp filters of another process: `ptrace(2)`.

use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::sys::signal::{SaFlags, SigAction, SigHandler, SigSet, SigmaskHow, Signal, sigaction, sigprocmask};

use super::seccomp::{Filter, Instruction, MAX_INSTRUCTIONS};

// Those of linux/ptrace.h.
const DETACH: i32 = 17;
const SEIZE: i32 = 0x4206;
const INTERRUPT: i32 = 0x4207;
const GET_FILTER: i32 = 0x420c;
const GET_METADATA: i32 = 0x420d;

/// A process that we have stopped. Should we end, the kernel lets it go by itself.
pub(crate) struct Stopped {
    pid: i32,
    /// The signal that it was about to receive, or 0.
    signal: i32,
}

impl Stopped {
    /// Seizes a process and has it stop; `None` if it does not within the limit.
    ///
    /// # Errors
    /// EPERM if another process traces it already, or we may not.
    pub(crate) fn seize(pid: i32, limit: Duration) -> nix::Result<Option<Self>> {
        let _notice = Notice::expect()?;
        call(SEIZE, pid, 0, 0)?;
        call(INTERRUPT, pid, 0, 0)?;
        let end = Instant::now() + limit;
        while wait_for_sigchld(end.saturating_duration_since(Instant::now())) {
            let Some(status) = stop_of(pid)? else { continue };
            // With an event this is a stop of our own, or one like that of SIGSTOP, which goes on when we let go.
            let is_delivery = status >> 8 == 0;
            return Ok(Some(Self { pid, signal: if is_delivery { status } else { 0 } }));
        }
        Ok(None)
    }

    /// Its filter number `index`, the oldest first; `None` behind the last one.
    ///
    /// # Errors
    /// EACCES if we lack `CAP_SYS_ADMIN` over the machine, or have a filter ourselves; EINVAL or EIO if the kernel cannot tell.
    pub(crate) fn filter(&self, index: usize) -> nix::Result<Option<Filter>> {
        let mut program = vec![Instruction::default(); MAX_INSTRUCTIONS];
        // The kernel writes no more instructions than a program may have.
        match call(GET_FILTER, self.pid, index, program.as_mut_ptr() as usize) {
            Ok(length) => program.truncate(length),
            Err(Errno::ENOENT) => return Ok(None),
            Err(errno) => return Err(errno),
        }
        let mut metadata = [index as u64, 0];
        // Before Linux 4.16 there were neither metadata nor flags.
        let flags = match call(GET_METADATA, self.pid, size_of_val(&metadata), metadata.as_mut_ptr() as usize) {
            Ok(_) => metadata[1],
            Err(_) => 0,
        };
        Ok(Some(Filter { flags: u32::try_from(flags).map_err(|_| Errno::EOVERFLOW)?, program }))
    }
}

impl Drop for Stopped {
    /// Lets it go on as it was.
    fn drop(&mut self) {
        // If it was killed meanwhile, there is nothing to let go.
        let _ = call(DETACH, self.pid, 0, self.signal.cast_unsigned() as usize);
    }
}

/// Why a process that we trace has stopped, if it has: the signal, with the event of `ptrace(2)` above bit 8.
///
/// The stop is left to be waited for. To wait for it would take the signal: if we were killed then, it would be lost.
///
/// # Errors
/// ESRCH if it has ended.
fn stop_of(pid: i32) -> nix::Result<Option<i32>> {
    // SAFETY: all fields are numbers or addresses, for which zero is a value.
    let mut info: libc::siginfo_t = unsafe { std::mem::zeroed() };
    let flags = libc::WSTOPPED | libc::WEXITED | libc::WNOHANG | libc::WNOWAIT | libc::__WALL;
    // SAFETY: the call writes to `info`.
    Errno::result(unsafe { libc::waitid(libc::P_PID, pid.cast_unsigned(), &raw mut info, flags) })?;
    match info.si_code {
        // SAFETY: it tells of a child's stop.
        libc::CLD_TRAPPED => Ok(Some(unsafe { info.si_status() })),
        0 => Ok(None),
        _ => Err(Errno::ESRCH),
    }
}

/// `ptrace(2)`. What it is handed by address is as large as that request wants.
fn call(request: i32, pid: i32, address: usize, data: usize) -> nix::Result<usize> {
    // SAFETY: see above; nothing else of our memory is touched.
    let result = unsafe { libc::syscall(libc::SYS_ptrace, i64::from(request), i64::from(pid), address, data) };
    Errno::result(result).map(|result| usize::try_from(result).unwrap_or_default())
}

/// Waits for SIGCHLD; returns whether it came.
fn wait_for_sigchld(limit: Duration) -> bool {
    let set: SigSet = [Signal::SIGCHLD].into_iter().collect();
    let limit =
        libc::timespec { tv_sec: limit.as_secs().try_into().unwrap_or_default(), tv_nsec: limit.subsec_nanos().into() };
    loop {
        // SAFETY: the call reads the set and the limit.
        let got = unsafe { libc::sigtimedwait(set.as_ref(), std::ptr::null_mut(), &raw const limit) };
        match Errno::result(got) {
            Ok(_) => return true,
            Err(Errno::EINTR) => {}
            Err(_) => return false,
        }
    }
}

/// SIGCHLD kept for us, as by default, and not ignored; then as it was.
struct Notice {
    mask: SigSet,
    action: SigAction,
}

impl Notice {
    fn expect() -> nix::Result<Self> {
        let default = SigAction::new(SigHandler::SigDfl, SaFlags::empty(), SigSet::empty());
        // SAFETY: the default action runs none of our code.
        let action = unsafe { sigaction(Signal::SIGCHLD, &default) }?;
        let mut mask = SigSet::empty();
        sigprocmask(SigmaskHow::SIG_BLOCK, Some(&[Signal::SIGCHLD].into_iter().collect()), Some(&mut mask))?;
        Ok(Self { mask, action })
    }
}

impl Drop for Notice {
    fn drop(&mut self) {
        // SAFETY: across an exec an action is the default or to ignore: neither runs code of ours.
        let _ = unsafe { sigaction(Signal::SIGCHLD, &self.action) };
        let _ = sigprocmask(SigmaskHow::SIG_SETMASK, Some(&self.mask), None);
    }
}
