//! Messages as bytes: what the kernel reports can be requested again without being understood.

use rtnetlink::packet_core::{
    DecodeError, NetlinkDeserializable, NetlinkHeader, NetlinkMessage, NetlinkPayload, NetlinkSerializable,
};

use crate::attribute::{attributes, value};
use crate::entry::LINK_HEADER;
use crate::hex;

/// Where the ifindex is in an `ifinfomsg` and in a `tcmsg`, in bytes.
pub(crate) const IFINDEX: usize = 4;

/// The address family of bridges, `AF_BRIDGE`, as a message has it.
pub(crate) const BRIDGE: u8 = 7;

/// What marks an attribute that has others in it: `NLA_F_NESTED` of `linux/netlink.h`.
pub(crate) const NESTED: u16 = 0x8000;

/// A message of `netlink(7)`, without its header.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Raw {
    /// What it is, such as `RTM_NEWQDISC`.
    pub(crate) kind: u16,
    pub(crate) payload: Vec<u8>,
}

impl Raw {
    /// A message about a link, without attributes.
    pub(crate) fn about_link(kind: u16, ifindex: u32) -> Self {
        let mut message = Self { kind, payload: vec![0; LINK_HEADER] };
        message.set_number_at(IFINDEX, ifindex);
        message
    }

    /// The value of an attribute, behind a header of this many bytes.
    pub(crate) fn value(&self, header: usize, attribute: u16) -> Option<&[u8]> {
        value(self.payload.get(header..)?, attribute)
    }

    /// Whether it has none but these attributes, behind a header of this many bytes.
    pub(crate) fn has_only(&self, header: usize, allowed: &[u16]) -> bool {
        let present = self.payload.get(header..);
        present.is_some_and(|present| attributes(present).all(|(kind, _)| allowed.contains(&kind)))
    }

    /// The number of 32 bits at a place in the payload; 0 if it is shorter.
    pub(crate) fn number_at(&self, place: usize) -> u32 {
        self.payload.get(place..place + 4).and_then(|bytes| bytes.try_into().ok()).map_or(0, u32::from_ne_bytes)
    }

    /// Overwrites a number of 32 bits at a place in the payload.
    pub(crate) fn set_number_at(&mut self, place: usize, number: u32) {
        if let Some(bytes) = self.payload.get_mut(place..place + 4) {
            bytes.copy_from_slice(&number.to_ne_bytes());
        }
    }

    /// The message in hexadecimal.
    pub(crate) fn to_hex(&self) -> String {
        hex::of_request(self.clone())
    }

    /// Reads what [`Raw::to_hex`] wrote; `None` if it is anything else.
    pub(crate) fn from_hex(text: &str) -> Option<Self> {
        match NetlinkMessage::<Self>::deserialize(&hex::decode(text)?).ok()?.payload {
            NetlinkPayload::InnerMessage(message) => Some(message),
            _ => None,
        }
    }
}

impl NetlinkSerializable for Raw {
    fn message_type(&self) -> u16 {
        self.kind
    }

    fn buffer_len(&self) -> usize {
        self.payload.len()
    }

    fn serialize(&self, buffer: &mut [u8]) {
        buffer[..self.payload.len()].copy_from_slice(&self.payload);
    }
}

impl NetlinkDeserializable for Raw {
    type Error = DecodeError;

    fn deserialize(header: &NetlinkHeader, payload: &[u8]) -> Result<Self, DecodeError> {
        Ok(Self { kind: header.message_type, payload: payload.to_vec() })
    }
}
