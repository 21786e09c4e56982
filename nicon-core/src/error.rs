//! The one error type: what was being done, to what, why it failed, and the exit status that follows.

use std::process::ExitCode;
use std::sync::Arc;
use std::{fmt, io};

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

/// What kind of failure it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ErrorKind {
    /// A definite negative answer: there is no such process, it is gone, or its PID now belongs to another.
    No,
    /// What was given cannot be understood: a record, a path, a name.
    Invalid,
    /// A system call failed, or reading or writing: [`Error::io`] tells how.
    System,
    /// The reader of standard output has left. Nothing is wrong, and nobody is left to be told.
    OutputClosed,
    /// Any other reason why a question could not be answered.
    Other,
}

/// A failure: one sentence of verb, object and cause, its [`ErrorKind`], and the [`Status`] that it leads to.
///
/// The message contains the cause, so print the error alone, not [`source`](std::error::Error::source) beside it.
#[derive(Clone, Debug)]
pub struct Error {
    kind: ErrorKind,
    message: String,
    source: Option<Arc<io::Error>>,
}

impl Error {
    /// A definite negative answer.
    pub fn no(message: impl Into<String>) -> Self {
        Self { kind: ErrorKind::No, message: message.into(), source: None }
    }

    /// A question that could not be answered.
    pub fn failed(message: impl Into<String>) -> Self {
        Self { kind: ErrorKind::Other, message: message.into(), source: None }
    }

    /// Something given that cannot be understood.
    pub fn invalid(message: impl Into<String>) -> Self {
        Self { kind: ErrorKind::Invalid, message: message.into(), source: None }
    }

    /// A system call that failed during `what` ("open /proc/42/stat").
    #[must_use]
    pub fn os(what: impl fmt::Display, source: impl Into<io::Error>) -> Self {
        let source = source.into();
        let message = format!("{what}: {}", cause(&source));
        Self { kind: ErrorKind::System, message, source: Some(Arc::new(source)) }
    }

    /// A failure of standard output.
    #[cfg(feature = "filter")]
    pub(crate) fn output(source: io::Error) -> Self {
        let has_left = source.kind() == io::ErrorKind::BrokenPipe;
        let kind = if has_left { ErrorKind::OutputClosed } else { ErrorKind::System };
        Self { kind, ..Self::os("write standard output", source) }
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

    /// The same failure, as a definite negative answer.
    #[must_use]
    pub fn as_no(mut self) -> Self {
        self.kind = ErrorKind::No;
        self
    }

    /// What kind of failure it is.
    #[must_use]
    pub fn kind(&self) -> ErrorKind {
        self.kind
    }

    /// The exit status that this failure leads to.
    #[must_use]
    pub fn status(&self) -> Status {
        match self.kind {
            ErrorKind::No => Status::No,
            ErrorKind::OutputClosed => Status::Answered,
            ErrorKind::Invalid | ErrorKind::System | ErrorKind::Other => Status::Failed,
        }
    }

    /// What the system said, if it was the system that failed.
    #[must_use]
    pub fn io(&self) -> Option<&io::Error> {
        self.source.as_deref()
    }

    /// The error number of the system call that failed, as in `errno(3)`.
    #[must_use]
    pub fn errno(&self) -> Option<i32> {
        self.io().and_then(io::Error::raw_os_error)
    }
}

/// The C library's text for an error number, as other programs print it: without the number that Rust appends.
fn cause(error: &io::Error) -> String {
    let mut text = error.to_string();
    if error.raw_os_error().is_some()
        && let Some(end) = text.rfind(" (os error")
    {
        text.truncate(end);
    }
    text
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.io().map(|source| source as _)
    }
}

/// Says what was being done when a system call failed.
pub trait Context<T> {
    /// Turns the failure into an [`Error`] whose message begins with `what`: a verb and its object.
    ///
    /// # Errors
    /// The failure, of [`ErrorKind::System`].
    fn context<W: fmt::Display>(self, what: impl FnOnce() -> W) -> Result<T>;
}

impl<T, E: Into<io::Error>> Context<T> for std::result::Result<T, E> {
    fn context<W: fmt::Display>(self, what: impl FnOnce() -> W) -> Result<T> {
        self.map_err(|error| Error::os(what(), error))
    }
}

#[cfg(test)]
mod tests {
    use std::error::Error as _;

    use super::*;

    #[test]
    fn a_message_reads_verb_object_cause() {
        let bad = || io::Error::from_raw_os_error(libc::EBADF);
        assert_eq!(Error::os("write x", bad()).to_string(), "write x: Bad file descriptor");
        let absent = Err::<(), _>(io::Error::from_raw_os_error(libc::ENOENT));
        let error = absent.context(|| "open /proc/42/ns/net").unwrap_err();
        assert_eq!(error.to_string(), "open /proc/42/ns/net: No such file or directory");
        assert_eq!(error.errno(), Some(libc::ENOENT));
        assert_eq!(error.prefix("line 3").to_string(), "line 3: open /proc/42/ns/net: No such file or directory");
        assert_eq!(Error::os("read x", io::Error::other("too short")).to_string(), "read x: too short");
    }

    #[test]
    fn the_systems_own_error_is_the_source() {
        let error = Error::os("open x", io::Error::from_raw_os_error(libc::ENOENT)).prefix("line 3").as_no();
        let source = error.source().and_then(|source| source.downcast_ref::<io::Error>());
        assert_eq!(source.map(io::Error::kind), Some(io::ErrorKind::NotFound));
        assert_eq!((error.kind(), error.status()), (ErrorKind::No, Status::No));
        assert!(Error::failed("x").source().is_none());
    }

    #[cfg(feature = "filter")]
    #[test]
    fn only_a_reader_that_left_is_no_failure() {
        let kind = |errno| Error::output(io::Error::from_raw_os_error(errno)).kind();
        assert_eq!((kind(libc::EPIPE), kind(libc::ENOSPC)), (ErrorKind::OutputClosed, ErrorKind::System));
        assert_eq!(Error::os("send", io::Error::from_raw_os_error(libc::EPIPE)).status(), Status::Failed);
    }

    #[test]
    fn the_worse_status_wins() {
        assert_eq!(Status::No.max(Status::Failed), Status::Failed);
        assert_eq!(Status::Answered.max(Status::No), Status::No);
    }
}
