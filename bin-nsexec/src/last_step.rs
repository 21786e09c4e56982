//! Taking the last step: becoming the small program that is born in the container's PID namespace, and then the command.
//!
//! The caller's environment, what was read on the way, and the right to trace us that a capability over our own memory
//! gives (`ptrace(2)`): an exec leaves all of that behind.

use std::convert::Infallible;
use std::ffi::{CString, OsString};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use nicon_core::{Context, Error, Result, text};
use nix::fcntl::AtFlags;
use nix::unistd::execveat;

use crate::command::{Command, c_strings};
use crate::failure::PROGRAM;
use crate::image;
use crate::lsm::Labels;
use crate::seccomp::{self, Filters};
use crate::seccomp_verdict::SystemCall;
use crate::sys;

/// The descriptors of the socket to the caller and of a /proc, where `last-step/main.rs` expects them.
const STATUS: u64 = 3;
const PROC: u64 = 4;

/// The last step, ready to be taken.
pub(crate) struct LastStep {
    image: OwnedFd,
}

impl LastStep {
    /// Opens its executable.
    ///
    /// # Errors
    /// Those of [`image::open_last_step`].
    pub(crate) fn open() -> Result<Self> {
        image::open_last_step().map(|image| Self { image })
    }

    /// Becomes the last step; returns only if that fails. With `status`, the command becomes a child of the process at the
    /// other end, and otherwise this process does. `filters` are those that bind the command.
    pub(crate) fn take(
        &self,
        status: Option<BorrowedFd<'_>>,
        labels: Option<&Labels>,
        filters: Option<&Filters>,
        command: &Command,
    ) -> Error {
        let Err(error) = self.try_take(status, labels, filters, command);
        error
    }

    fn try_take(
        &self,
        status: Option<BorrowedFd<'_>>,
        labels: Option<&Labels>,
        filters: Option<&Filters>,
        command: &Command,
    ) -> Result<Infallible> {
        // Best before the container can see us: whoever traces a process without a filter has none either. Otherwise the
        // last step installs them when all is done.
        let (early, late): (Option<_>, Option<_>) = match filters {
            Some(filters) if filters.allow(&calls()) => (Some(filters), None),
            late => (None, late),
        };
        let late = late.map(Filters::file).transpose()?;
        let words = words(status.is_some(), labels, late.is_some(), command)?;
        // Where `last-step/main.rs` expects them; the exec closes its own.
        let handed = [status, labels.and_then(Labels::proc), late.as_ref().map(AsFd::as_fd)];
        let image = sys::hand_over(handed, self.image.as_fd()).context(|| "arrange our descriptors")?;
        early.map_or(Ok(()), Filters::install)?;
        execveat(image, c"", &words, command.environment(), AtFlags::AT_EMPTY_PATH).context(|| "take the last step")
    }
}

/// What we ask of the kernel from here to the exec of the command, and that exec, as far as a filter can tell it.
fn calls() -> Vec<SystemCall> {
    let set_cloexec = [STATUS, libc::F_SETFD as u64, libc::FD_CLOEXEC as u64];
    let calls: [(i64, &[u64]); 10] = [
        (libc::SYS_execveat, &[6, 0, 0, 0, libc::AT_EMPTY_PATH as u64]),
        (libc::SYS_openat, &[PROC, 0, libc::O_WRONLY as u64 | libc::O_CLOEXEC as u64]),
        (libc::SYS_write, &[STATUS, 0, 4]),
        (libc::SYS_close, &[PROC]),
        (libc::SYS_fcntl, &set_cloexec),
        (libc::SYS_clone, &[libc::CLONE_PARENT as u64 | libc::SIGCHLD as u64]),
        (libc::SYS_prctl, &[libc::PR_SET_PDEATHSIG as u64, libc::SIGKILL as u64]),
        (libc::SYS_read, &[STATUS, 0, 1]),
        (libc::SYS_execve, &[]),
        (libc::SYS_exit_group, &[]),
    ];
    calls.into_iter().map(|(number, arguments)| SystemCall::new(number, arguments)).collect()
}

/// The arguments of the last step, as `last-step/main.rs` has them: lists, with an empty word after each.
fn words(forks: bool, labels: Option<&Labels>, has_filters: bool, command: &Command) -> Result<Vec<CString>> {
    let message = |what: &str| OsString::from(format!("{PROGRAM}: {}", text::escape(what)));
    let mut words = vec![PROGRAM.into(), if forks { "fork" } else { "exec" }.into()];
    for [what, file, label] in labels.into_iter().flat_map(Labels::orders) {
        words.extend([message(&what), file.into(), label.into()]);
    }
    let install = if has_filters { message(seccomp::INSTALL) } else { OsString::new() };
    words.extend([OsString::new(), install, message(&command.what())]);
    words.extend(command.candidates());
    words.push(OsString::new());
    let mut words = c_strings(words)?;
    words.extend_from_slice(command.arguments());
    Ok(words)
}
