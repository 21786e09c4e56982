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
use crate::sys;

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
    /// other end, and otherwise this process does.
    pub(crate) fn take(&self, status: Option<BorrowedFd<'_>>, labels: Option<&Labels>, command: &Command) -> Error {
        let Err(error) = self.try_take(status, labels, command);
        error
    }

    fn try_take(
        &self,
        status: Option<BorrowedFd<'_>>,
        labels: Option<&Labels>,
        command: &Command,
    ) -> Result<Infallible> {
        let words = words(status.is_some(), labels, command)?;
        // Where `last-step/main.rs` expects them; the exec closes its own.
        let image = sys::hand_over([status, labels.and_then(Labels::proc)], self.image.as_fd());
        let image = image.context(|| "arrange our descriptors")?;
        execveat(image, c"", &words, command.environment(), AtFlags::AT_EMPTY_PATH).context(|| "take the last step")
    }
}

/// The arguments of the last step, as `last-step/main.rs` has them: lists, with an empty word after each.
fn words(forks: bool, labels: Option<&Labels>, command: &Command) -> Result<Vec<CString>> {
    let message = |what: &str| OsString::from(format!("{PROGRAM}: {}", text::escape(what)));
    let mut words = vec![PROGRAM.into(), if forks { "fork" } else { "exec" }.into()];
    for [what, file, label] in labels.into_iter().flat_map(Labels::orders) {
        words.extend([message(&what), file.into(), label.into()]);
    }
    words.extend([OsString::new(), message(&command.what())]);
    words.extend(command.candidates());
    words.push(OsString::new());
    let mut words = c_strings(words)?;
    words.extend_from_slice(command.arguments());
    Ok(words)
}
