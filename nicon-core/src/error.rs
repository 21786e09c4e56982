//! The one error type: what was being done, to what, why it failed, and the exit status that follows.

use std::process::ExitCode;
use std::{fmt, io};

use nix::errno::Errno;

/// The result of everything in this crate.
pub type Result<T> = std::result::Result<T, Error>;

/// How a run ended: its exit status. Of several records' statuses the greatest counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Status {
    /// Every record was answered: 0.
    Answered = 0,
    /// A definite negative answer, such as "no such container" or "the process is gone": 1.
    No = 1,
    /// Some could not be answered: usage, permission, I/O, a daemon's error, a bad record: 2.
    Failed = 2,
}

impl From<Status> for ExitCode {
    fn from(status: Status) -> Self {
        Self::from(status as u8)
    }
}

/// A failure: one sentence of verb, object and cause, and the [`Status`] that it leads to.
#[derive(Clone, Debug)]
pub struct Error {
    status: Status,
    message: String,
    errno: Option<Errno>,
}

impl Error {
    /// A definite negative answer.
    pub fn no(message: impl Into<String>) -> Self {
        Self { status: Status::No, message: message.into(), errno: None }
    }

    /// A question that could not be answered.
    pub fn failed(message: impl Into<String>) -> Self {
        Self { status: Status::Failed, message: message.into(), errno: None }
    }

    /// A system call that failed while doing `what` ("open /proc/42/stat").
    #[must_use]
    pub fn os(what: impl fmt::Display, errno: Errno) -> Self {
        Self { status: Status::Failed, message: format!("{what}: {}", strerror(errno)), errno: Some(errno) }
    }

    /// Puts the larger operation that failed, or the place of the failure, before the message.
    #[must_use]
    pub fn prefix(mut self, context: impl fmt::Display) -> Self {
        self.message = format!("{context}: {}", self.message);
        self
    }

    /// Appends to the message, such as the way out.
    #[must_use]
    pub fn suffix(mut self, more: &str) -> Self {
        self.message.push_str(more);
        self
    }

    /// The same failure, with [`Status::No`].
    #[must_use]
    pub fn as_no(mut self) -> Self {
        self.status = Status::No;
        self
    }

    /// The exit status that this failure leads to.
    #[must_use]
    pub fn status(&self) -> Status {
        self.status
    }

    /// The error number, if a system call failed.
    #[must_use]
    pub fn errno(&self) -> Option<Errno> {
        self.errno
    }
}

/// The C library's text for an error number, as other programs print it; nix has texts of its own.
fn strerror(errno: Errno) -> String {
    let text = io::Error::from(errno).to_string();
    text.split(" (os error").next().unwrap_or_default().to_owned()
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Error {}

/// Names what was being done when a system call failed.
pub trait Context<T> {
    /// Turns the failure into an [`Error`] whose message begins with `what`: a verb and its object.
    ///
    /// # Errors
    /// The failure, with [`Status::Failed`].
    fn context<W: fmt::Display>(self, what: impl FnOnce() -> W) -> Result<T>;
}

impl<T> Context<T> for nix::Result<T> {
    fn context<W: fmt::Display>(self, what: impl FnOnce() -> W) -> Result<T> {
        self.map_err(|errno| Error::os(what(), errno))
    }
}

impl<T> Context<T> for io::Result<T> {
    fn context<W: fmt::Display>(self, what: impl FnOnce() -> W) -> Result<T> {
        self.map_err(|error| match error.raw_os_error() {
            Some(number) => Error::os(what(), Errno::from_raw(number)),
            None => Error::failed(format!("{}: {error}", what())),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_reads_verb_object_cause() {
        assert_eq!(Error::os("write x", Errno::EBADF).to_string(), "write x: Bad file descriptor");
        let error = Err::<(), _>(Errno::ENOENT).context(|| "open /proc/42/ns/net").unwrap_err();
        assert_eq!(error.to_string(), "open /proc/42/ns/net: No such file or directory");
        assert_eq!(error.errno(), Some(Errno::ENOENT));
        assert_eq!(error.prefix("line 3").to_string(), "line 3: open /proc/42/ns/net: No such file or directory");
    }

    #[test]
    fn the_worse_status_wins() {
        assert_eq!(Status::No.max(Status::Failed), Status::Failed);
        assert_eq!(Status::Answered.max(Status::No), Status::No);
    }
}
