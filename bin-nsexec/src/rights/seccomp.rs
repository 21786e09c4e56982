//! The target's seccomp filters, which bind the command as well.
//!
//! Only a process that stops the target can read them, as a debugger does. They are read before any right is given up, by the
//! process that joins: if the target does not stop, that process ends, and the kernel lets the target go.

use std::fs::{self, File};
use std::io::{Seek, Write};
use std::os::fd::OwnedFd;
use std::thread::sleep;
use std::time::{Duration, Instant};

use nicon_core::privileges::ptrace_hint;
use nicon_core::proc::status_field;
use nicon_core::{Context, Error, Process, Result};
use nix::errno::Errno;
use nix::fcntl::{FcntlArg, SealFlag, fcntl};
use nix::sys::memfd::{MFdFlags, memfd_create};

use crate::own_namespaces::own_user_id;
use crate::rights::capability;
use crate::rights::seccomp_verdict::{SystemCall, allows};
use crate::sys::ptrace::Stopped;
use crate::sys::seccomp::{Filter, Instruction, is_filtered};

/// How long the target may take to stop, and each process that traces it before we do may take for that.
const LIMIT: Duration = Duration::from_secs(1);

/// How long such processes, which may be others of ours, may keep us waiting in all.
const TURNS: Duration = Duration::from_secs(10);

/// How often in a row we may be denied it without seeing who traces it, until it is we who may not.
const DENIALS: u32 = 20;

/// Between two attempts.
const PAUSE: Duration = Duration::from_millis(1);

/// `PROC_USER_INIT_INO` of `linux/proc_ns.h`: the machine's own user namespace.
const FIRST_USER_NAMESPACE: u64 = 0xefff_fffd;

/// `MAX_INSNS_PER_PATH` of the kernel: so many instructions the filters of a process have together, with four more for each.
const MAX_BYTES: usize = 1 << 18;

/// `MFD_NOEXEC_SEAL` of linux/memfd.h, which nix lacks: where `vm.memfd_noexec` is 2, no memfd may be executed.
const MFD_NOEXEC_SEAL: MFdFlags = MFdFlags::from_bits_retain(libc::MFD_NOEXEC_SEAL);

/// The filters of a process, the oldest first.
pub(crate) struct Filters(Vec<Filter>);

impl Filters {
    /// Those of the target; `None` if it has none, or nobody can be told: see docs/nsexec-security.md.
    ///
    /// # Errors
    /// If the target keeps us from it.
    pub(crate) fn of(target: &Process) -> Result<Option<Self>> {
        let status = target.read("status")?;
        match status_field(&status, "Seccomp") {
            Some("1") => return Err(refusal("it is in the strict mode, in which nothing can be executed")),
            Some("2") if may_be_told()? => {}
            _ => return Ok(None),
        }
        let stopped = match stop(target, status) {
            Ok(Some(stopped)) => stopped,
            Ok(None) => return Err(refusal("it does not stop: it is frozen, or waits for a device")),
            Err(Errno::ESRCH) => return Err(Error::no(format!("process {} is gone", target.pid()))),
            Err(Errno::EPERM) => match why_denied(target)? {
                Some(cause) => return Err(refusal(&cause)),
                None => return Ok(None),
            },
            Err(errno) => return Err(Error::os(READ, errno)),
        };
        // If the PID were another's by now, so would the filters be.
        if !target.is_alive() {
            return Err(Error::no(format!("process {} is gone", target.pid())));
        }
        let mut filters = Vec::new();
        loop {
            match stopped.filter(filters.len()) {
                Ok(Some(filter)) => filters.push(filter),
                Ok(None) => return Ok(Some(Self(filters))),
                // A kernel without CONFIG_CHECKPOINT_RESTORE.
                Err(Errno::EINVAL | Errno::EIO) if filters.is_empty() => return Ok(None),
                Err(errno) => return Err(Error::os(READ, errno)),
            }
        }
    }

    /// Whether a process that they bind can make these calls, and install them one after the other.
    pub(crate) fn allow(&self, calls: &[SystemCall]) -> bool {
        let install = SystemCall::new(libc::SYS_seccomp, &[]);
        self.0.iter().all(|filter| {
            calls.iter().all(|call| allows(filter, call)) && (self.0.len() == 1 || allows(filter, &install))
        })
    }

    /// Installs them for us.
    pub(crate) fn install(&self) -> Result<()> {
        self.0.iter().try_for_each(Filter::install).context(|| INSTALL)
    }

    /// A file with them, as the last step takes them: of each the flags, the number of instructions, and these.
    pub(crate) fn file(&self) -> Result<OwnedFd> {
        let mut bytes = Vec::new();
        for Filter { flags, program } in &self.0 {
            bytes.extend(flags.to_ne_bytes());
            bytes.extend(u32::try_from(program.len()).unwrap_or(u32::MAX).to_ne_bytes());
            bytes.extend(program.iter().copied().flat_map(Instruction::bytes));
        }
        if bytes.len() > MAX_BYTES {
            return Err(Error::failed(format!("{INSTALL}: they are longer than a process's can be")));
        }
        sealed(&bytes).context(|| "hand over the seccomp filters")
    }
}

/// What is being done when they are installed, for messages.
pub(crate) const INSTALL: &str = "install the target's seccomp filters (--privileged enters without them)";

const READ: &str = "read the target's seccomp filters (--privileged enters without them)";

fn refusal(cause: &str) -> Error {
    Error::failed(format!("read the target's seccomp filters: {cause} (--privileged enters without them)"))
}

/// Whether the kernel tells us of filters: only who is not filtered, and administers the machine.
fn may_be_told() -> Result<bool> {
    Ok(capability::may_join()? && own_user_id()?.ino == FIRST_USER_NAMESPACE && !is_filtered())
}

/// Stops the target; `None` if it does not within [`LIMIT`]. Other processes that enter it at this moment have their turns.
fn stop(target: &Process, mut status: String) -> nix::Result<Option<Stopped>> {
    let begin = Instant::now();
    let (mut end, mut denials, mut last) = (begin + LIMIT, 0, None);
    loop {
        // Seizing one that was stopped, and then frozen by a cgroup of version 1, would wait without end.
        let can_stop = status_field(&status, "State").is_some_and(|state| !state.starts_with('D'));
        if can_stop {
            match Stopped::seize(target.pid(), end.saturating_duration_since(Instant::now())) {
                // Another process that enters it may be reading at this moment, or just have finished.
                Err(Errno::EPERM) if Instant::now() < end && denials < DENIALS => {}
                seized => return seized,
            }
        } else if Instant::now() >= end {
            return Ok(None);
        }
        sleep(PAUSE);
        status = target.read("status").map_err(|_| Errno::ESRCH)?;
        match tracer(&status) {
            None => denials += u32::from(can_stop),
            seen if seen == last.as_deref() => {}
            another => {
                (last, denials) = (another.map(str::to_owned), 0);
                end = (Instant::now() + LIMIT).min(begin + TURNS);
            }
        }
    }
}

/// The process that traces one, from the text of its /proc/PID/status.
fn tracer(status: &str) -> Option<&str> {
    status_field(status, "TracerPid").filter(|tracer| *tracer != "0")
}

/// Why we may not stop it; `None` if nobody may.
fn why_denied(target: &Process) -> Result<Option<String>> {
    let scope = fs::read_to_string("/proc/sys/kernel/yama/ptrace_scope").unwrap_or_default();
    if scope.trim() == "3" {
        return Ok(None);
    }
    let status = target.read("status")?;
    Ok(Some(match tracer(&status) {
        Some(tracer) => format!("process {tracer} traces it, which only one can"),
        None => format!("Operation not permitted: {}", ptrace_hint("it has")),
    }))
}

/// A file in memory that nobody can change.
fn sealed(bytes: &[u8]) -> std::io::Result<OwnedFd> {
    let flags = MFdFlags::MFD_CLOEXEC | MFdFlags::MFD_ALLOW_SEALING;
    let memfd = match memfd_create("seccomp", flags | MFD_NOEXEC_SEAL) {
        // Before Linux 6.3.
        Err(Errno::EINVAL) => memfd_create("seccomp", flags),
        made => made,
    }?;
    let mut file = File::from(memfd);
    file.write_all(bytes)?;
    file.rewind()?;
    fcntl(&file, FcntlArg::F_ADD_SEALS(SealFlag::all()))?;
    Ok(file.into())
}
