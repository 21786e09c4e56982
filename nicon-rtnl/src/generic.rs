//! Generic netlink: sockets for what a family of messages is about; see `genetlink` in the kernel's documentation.

use std::io;

use rtnetlink::sys::protocols::NETLINK_GENERIC;

use crate::attribute::push;
use crate::error::NetlinkError;
use crate::raw::Raw;
use crate::socket::{Listed, Requests};

/// Length of the `genlmsghdr` before the attributes, in bytes.
pub(crate) const HEADER: usize = 4;

// Of `linux/genetlink.h`.
const GENL_ID_CTRL: u16 = 0x10;
const CTRL_CMD_GETFAMILY: u8 = 3;
const CTRL_ATTR_FAMILY_ID: u16 = 1;
const CTRL_ATTR_FAMILY_NAME: u16 = 2;

/// A socket for a family, in one network namespace.
pub(crate) struct Generic {
    requests: Requests,
    family: u16,
}

impl Generic {
    /// Opens one in the network namespace of this thread.
    ///
    /// # Errors
    /// ENOENT if the kernel does not have the family.
    pub(crate) fn open(family: &str) -> Result<Self, NetlinkError> {
        let requests = Requests::of_protocol(NETLINK_GENERIC)?;
        let mut question = message(GENL_ID_CTRL, CTRL_CMD_GETFAMILY);
        push(&mut question.payload, CTRL_ATTR_FAMILY_NAME, format!("{family}\0").as_bytes());
        let answer = requests.exchange::<Raw>(question, 0)?.entries.pop();
        let family = answer.as_ref().and_then(|answer| answer.value(HEADER, CTRL_ATTR_FAMILY_ID));
        let family = family.and_then(|family| family.try_into().ok()).map(u16::from_ne_bytes);
        Ok(Self { requests, family: family.ok_or_else(|| io::Error::from(io::ErrorKind::Unsupported))? })
    }

    /// A message of the family, without attributes.
    pub(crate) fn message(&self, command: u8) -> Raw {
        message(self.family, command)
    }

    /// Sends a request and reads the answer, as [`Requests::exchange`].
    ///
    /// # Errors
    /// The kernel's error, or the socket's.
    pub(crate) fn exchange(&self, request: Raw, flags: u16) -> Result<Listed<Raw>, NetlinkError> {
        self.requests.exchange(request, flags)
    }
}

fn message(kind: u16, command: u8) -> Raw {
    Raw { kind, payload: vec![command, 1, 0, 0] }
}
