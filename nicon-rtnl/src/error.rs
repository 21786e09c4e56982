//! Errors that the kernel reports.

use std::io;

use nicon_core::{Error, proc};
use nix::errno::Errno;
use rtnetlink::packet_core::{DecodeError, ErrorMessage};

use crate::attribute::value;

/// The capability that changes links: `CAP_NET_ADMIN` of `linux/capability.h`.
const CAP_NET_ADMIN: u32 = 12;

/// An error of the kernel: its number, and its explanation if there is one.
#[derive(Debug)]
pub struct NetlinkError {
    /// The error number.
    pub errno: Errno,
    words: Option<String>,
}

impl NetlinkError {
    /// A message of the kernel that cannot be parsed.
    pub(crate) fn unreadable(error: &DecodeError) -> Self {
        Self { errno: Errno::EBADMSG, words: Some(error.to_string()) }
    }

    /// Turns it into an error that begins with what was being done.
    #[must_use]
    pub fn context(self, what: &str) -> Error {
        let words = self.words.map(|words| format!(" ({words})")).unwrap_or_default();
        let may_lack = self.errno == Errno::EPERM && !proc::has_everywhere(CAP_NET_ADMIN);
        let rights = if may_lack { " (needs root, or CAP_NET_ADMIN in both namespaces)" } else { "" };
        Error::os(what, self.errno).suffix(&format!("{words}{rights}"))
    }
}

impl From<Errno> for NetlinkError {
    fn from(errno: Errno) -> Self {
        Self { errno, words: None }
    }
}

impl From<io::Error> for NetlinkError {
    fn from(error: io::Error) -> Self {
        error.raw_os_error().map_or(Errno::EIO, Errno::from_raw).into()
    }
}

impl From<&ErrorMessage> for NetlinkError {
    fn from(error: &ErrorMessage) -> Self {
        let errno = Errno::from_raw(error.raw_code().wrapping_neg());
        Self { errno, words: words(&error.header) }
    }
}

/// The kernel's explanation. The error number is followed by the header of the request (16 bytes) and by attributes, of which
/// `NLMSGERR_ATTR_MSG` (1) is a zero-terminated text. See `netlink(7)`, `NETLINK_EXT_ACK`.
fn words(payload: &[u8]) -> Option<String> {
    let text = value(payload.get(16..)?, 1)?.split(|&byte| byte == 0).next()?;
    Some(String::from_utf8_lossy(text).into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_kernels_own_words() {
        let mut payload = vec![0; 16];
        payload.extend([8, 0, 2, 0, 1, 2, 3, 4]);
        payload.extend([9, 0, 1, 0, b'b', b'u', b's', b'y', 0, 0, 0, 0]);
        assert_eq!(words(&payload).as_deref(), Some("busy"));
        assert_eq!(words(&payload[..24]), None);
        assert_eq!(words(&[]), None);
        assert_eq!(words(&[0; 20]), None);
    }
}
