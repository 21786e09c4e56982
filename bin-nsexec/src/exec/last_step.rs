//! Taking the last step: becoming the small program that is born in the container's PID namespace, and then the command.
//!
//! The caller's environment, what was read on the way, and the right to trace us that a capability over our own memory
//! gives (`ptrace(2)`): an exec leaves all of that behind.

use std::convert::Infallible;
use std::ffi::{CString, OsString};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use nicon_core::{Context, Result, text};
use nix::fcntl::AtFlags;
use nix::unistd::execveat;

use crate::exec::command::{Command, c_strings};
use crate::exec::image;
use crate::failure::PROGRAM;
use crate::rights::lsm::Labels;
use crate::rights::resources::Resources;
use crate::rights::seccomp::{self, Filters};
use crate::rights::seccomp_verdict::SystemCall;
use crate::sys;

/// What is done when /proc is mounted, for the message if it fails.
const MOUNT_PROC: &str = "mount the /proc of its PID namespace (it takes CAP_SYS_ADMIN, which --setuid gives up)";

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

    /// Becomes the last step; returns only if that fails. With `birth`, the command becomes a child of the process at the
    /// other end, and otherwise this process does. `filters` are those that bind the command; `resources` limit it, and by then we
    /// have opened all that we need. With `mounts_proc` the command sees its PID namespace's own /proc.
    pub(crate) fn take(
        &self,
        birth: Option<BorrowedFd<'_>>,
        labels: Option<&Labels>,
        filters: Option<&Filters>,
        resources: Option<&Resources>,
        mounts_proc: bool,
        command: &Command,
    ) -> Result<Infallible> {
        // Best before the container can see us: whoever traces a process without a filter has none either. But a filter is
        // the container's, and could have the last step believe that it did what it did not: unless it surely permits all
        // of that, the last step installs it when all is done.
        let (early, late): (Option<_>, Option<_>) = match filters {
            Some(filters) if filters.allow(&calls(labels.and_then(Labels::proc).is_some())) => (Some(filters), None),
            late => (None, late),
        };
        let late = late.map(Filters::file).transpose()?;
        let words = words(birth.is_some(), labels, late.is_some(), mounts_proc, command)?;
        // Where `last-step/main.rs` expects them; the exec closes its own.
        let handed = [birth, labels.and_then(Labels::proc), late.as_ref().map(AsFd::as_fd)];
        let image = sys::hand_over(handed, self.image.as_fd()).context(|| "arrange our descriptors")?;
        resources.map_or(Ok(()), Resources::lower)?;
        early.map_or(Ok(()), Filters::install)?;
        execveat(image, c"", &words, command.environment(), AtFlags::AT_EMPTY_PATH).context(|| "take the last step")
    }
}

/// What we ask of the kernel from here to the exec of the command, and that exec. Arguments are told only where a usual filter
/// looks at them.
fn calls(sets_labels: bool) -> Vec<SystemCall> {
    let flags = libc::CLONE_PARENT.cast_unsigned() | libc::SIGCHLD.cast_unsigned();
    let clone = SystemCall::new(libc::SYS_clone, &[Some(flags.into())]);
    let others = [
        libc::SYS_execveat,
        libc::SYS_write,
        libc::SYS_close,
        libc::SYS_fcntl,
        libc::SYS_prctl,
        libc::SYS_read,
        libc::SYS_execve,
        libc::SYS_exit_group,
    ];
    let others = others.into_iter().chain(sets_labels.then_some(libc::SYS_openat));
    others.map(|number| SystemCall::new(number, &[])).chain([clone]).collect()
}

/// The arguments of the last step, as `last-step/main.rs` has them: lists, with an empty word after each.
fn words(
    forks: bool,
    labels: Option<&Labels>,
    has_filters: bool,
    mounts_proc: bool,
    command: &Command,
) -> Result<Vec<CString>> {
    let message = |what: &str| OsString::from(format!("{PROGRAM}: {}", text::escape(what)));
    let mut words = vec![PROGRAM.into(), if forks { "fork" } else { "exec" }.into()];
    for [what, file, label] in labels.into_iter().flat_map(Labels::orders) {
        words.extend([message(&what), file.into(), label.into()]);
    }
    let install = if has_filters { message(seccomp::INSTALL) } else { OsString::new() };
    let proc = if mounts_proc { message(MOUNT_PROC) } else { OsString::new() };
    words.extend([OsString::new(), install, proc, message(&command.what())]);
    words.extend(command.candidates());
    words.push(OsString::new());
    let mut words = c_strings(words)?;
    words.extend_from_slice(command.arguments());
    Ok(words)
}
