//! The offloads of links (`ethtool -k`), over generic netlink; see `ethtool-netlink` in the kernel's documentation.

use std::cell::OnceCell;
use std::io;

use rtnetlink::packet_core::NLM_F_ACK;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use crate::attribute::{attributes, push, text, value};
use crate::error::NetlinkError;
use crate::generic::{Generic, HEADER};
use crate::hex;
use crate::raw::{NESTED, Raw};

// Of `linux/ethtool_netlink.h`.
const STRSET_GET: u8 = 1;
const FEATURES_GET: u8 = 11;
const FEATURES_SET: u8 = 12;
const FEATURES_HEADER: u16 = 1;
const FEATURES_HW: u16 = 2;
const FEATURES_WANTED: u16 = 3;
const FEATURES_ACTIVE: u16 = 4;
/// The set of the names of features, `ETH_SS_FEATURES` of `linux/ethtool.h`; how a question names it, and where an answer has
/// its strings.
const FEATURE_NAMES: u32 = 4;
const STRSET_HEADER: u16 = 1;
const STRSET_STRINGSETS: u16 = 2;
const STRINGSETS_STRINGSET: u16 = 1;
const STRINGSET_ID: u16 = 1;
const STRINGSET_STRINGS: u16 = 3;
const STRING_INDEX: u16 = 1;
const STRING_VALUE: u16 = 2;
/// Of `net/ethtool/common.c`.
const NETNS_LOCAL: &[u8] = b"netns-local\0";
const HEADER_DEV_INDEX: u16 = 1;
const HEADER_FLAGS: u16 = 3;
const FLAG_COMPACT_BITSETS: u32 = 1;
const FLAG_OMIT_REPLY: u32 = 2;
const BITSET_SIZE: u16 = 2;
const BITSET_VALUE: u16 = 4;
const BITSET_MASK: u16 = 5;

/// The offloads that are switched on, one bit each, of those that can be switched. The numbers of the bits are the kernel's own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Offloads(Vec<u8>);

/// A socket for it, in one network namespace.
pub(crate) struct Ethtool {
    socket: Generic,
    /// The names of features, in the order of their bits.
    names: OnceCell<Vec<String>>,
}

/// What the kernel reports: one bit for each feature.
pub(crate) struct Features {
    /// The number of bits.
    size: u32,
    can_be_switched: Vec<u8>,
    wanted: Vec<u8>,
    active: Vec<u8>,
}

impl Features {
    pub(crate) fn can_be_switched(&self, bit: usize) -> bool {
        is_set(&self.can_be_switched, bit)
    }

    pub(crate) fn is_active(&self, bit: usize) -> bool {
        is_set(&self.active, bit)
    }
}

impl Ethtool {
    /// Opens a socket in the network namespace of this thread.
    pub(crate) fn open() -> std::result::Result<Self, NetlinkError> {
        Ok(Self { socket: Generic::open("ethtool")?, names: OnceCell::new() })
    }

    /// The offloads of a link.
    pub(crate) fn offloads(&self, ifindex: u32) -> std::result::Result<Offloads, NetlinkError> {
        self.features(ifindex).map(|features| Offloads(features.wanted))
    }

    /// Switches those offloads that differ.
    pub(crate) fn set_offloads(&self, ifindex: u32, offloads: &Offloads) -> std::result::Result<(), NetlinkError> {
        let features = self.features(ifindex)?;
        let bits = offloads.0.iter().zip(&features.wanted).zip(&features.can_be_switched);
        let mask: Vec<u8> = bits.map(|((was, is), can)| (was ^ is) & can).collect();
        if mask.iter().all(|byte| *byte == 0) { Ok(()) } else { self.set(ifindex, &features, offloads, &mask) }
    }

    /// Whether a link is tied to its network namespace. The number of that bit differs between kernels, so this asks for names.
    pub(crate) fn is_netns_local(&self, ifindex: u32) -> std::result::Result<bool, NetlinkError> {
        let answer = self.socket.exchange(about(&self.socket, FEATURES_GET, ifindex, 0), 0)?.entries.pop();
        let active = answer.as_ref().and_then(|answer| answer.value(HEADER, FEATURES_ACTIVE));
        Ok(active.is_some_and(|names| names.windows(NETNS_LOCAL.len()).any(|name| name == NETNS_LOCAL)))
    }

    /// Switches features to what is given for their bits.
    pub(crate) fn switch(&self, ifindex: u32, switches: &[(usize, bool)]) -> std::result::Result<(), NetlinkError> {
        let features = self.features(ifindex)?;
        let (mut values, mut mask) = (Offloads(vec![0; features.wanted.len()]), vec![0; features.wanted.len()]);
        for (bit, on) in switches {
            if let (Some(value), Some(mask)) = (values.0.get_mut(bit / 8), mask.get_mut(bit / 8)) {
                *mask |= 1 << (bit % 8);
                *value |= u8::from(*on) << (bit % 8);
            }
        }
        self.set(ifindex, &features, &values, &mask)
    }

    /// The names of features, in the order of their bits.
    pub(crate) fn names(&self) -> std::result::Result<&[String], NetlinkError> {
        if self.names.get().is_none() {
            let _ = self.names.set(self.read_names()?);
        }
        Ok(self.names.get().map(Vec::as_slice).unwrap_or_default())
    }

    fn read_names(&self) -> std::result::Result<Vec<String>, NetlinkError> {
        let nested = |kind: u16, inner: &[u8]| {
            let mut bytes = Vec::new();
            push(&mut bytes, kind | NESTED, inner);
            bytes
        };
        let mut id = Vec::new();
        push(&mut id, STRINGSET_ID, &FEATURE_NAMES.to_ne_bytes());
        let mut question = self.socket.message(STRSET_GET);
        push(&mut question.payload, STRSET_HEADER | NESTED, &[]);
        question.payload.extend(nested(STRSET_STRINGSETS, &nested(STRINGSETS_STRINGSET, &id)));
        let answer = self.socket.exchange(question, 0)?.entries.pop().unwrap_or_default();
        let set = answer.value(HEADER, STRSET_STRINGSETS).and_then(|sets| value(sets, STRINGSETS_STRINGSET));
        let strings = set.and_then(|set| value(set, STRINGSET_STRINGS)).unwrap_or_default();
        let mut names = Vec::new();
        for (_, string) in attributes(strings) {
            let index = value(string, STRING_INDEX).and_then(|index| index.try_into().ok()).map(u32::from_ne_bytes);
            // They come in order, without gaps.
            if index.and_then(|index| usize::try_from(index).ok()) == Some(names.len()) {
                names.push(value(string, STRING_VALUE).map(text).unwrap_or_default());
            }
        }
        Ok(names)
    }

    pub(crate) fn features(&self, ifindex: u32) -> std::result::Result<Features, NetlinkError> {
        let question = about(&self.socket, FEATURES_GET, ifindex, FLAG_COMPACT_BITSETS);
        let answer = self.socket.exchange(question, 0)?.entries.pop().unwrap_or_default();
        let bits = |set: u16| {
            let set = answer.value(HEADER, set)?;
            Some((value(set, BITSET_SIZE)?.try_into().map(u32::from_ne_bytes).ok()?, value(set, BITSET_VALUE)?))
        };
        let [can, wanted, active] = [FEATURES_HW, FEATURES_WANTED, FEATURES_ACTIVE].map(bits);
        let (Some((size, can)), Some((_, wanted)), Some((_, active))) = (can, wanted, active) else {
            return Err(io::Error::from(io::ErrorKind::Unsupported).into());
        };
        let wanted = wanted.iter().zip(can).map(|(wanted, can)| wanted & can).collect();
        Ok(Features { size, can_be_switched: can.to_vec(), wanted, active: active.to_vec() })
    }

    fn set(
        &self,
        ifindex: u32,
        features: &Features,
        offloads: &Offloads,
        mask: &[u8],
    ) -> std::result::Result<(), NetlinkError> {
        let mut request = about(&self.socket, FEATURES_SET, ifindex, FLAG_OMIT_REPLY);
        let mut wanted = Vec::new();
        let value: Vec<u8> = offloads.0.iter().zip(mask).map(|(was, mask)| was & mask).collect();
        push(&mut wanted, BITSET_SIZE, &features.size.to_ne_bytes());
        push(&mut wanted, BITSET_VALUE, &value);
        push(&mut wanted, BITSET_MASK, mask);
        push(&mut request.payload, FEATURES_WANTED | NESTED, &wanted);
        self.socket.exchange(request, NLM_F_ACK).map(drop)
    }
}

fn is_set(bits: &[u8], bit: usize) -> bool {
    bits.get(bit / 8).is_some_and(|byte| byte >> (bit % 8) & 1 == 1)
}

fn about(socket: &Generic, command: u8, ifindex: u32, flags: u32) -> Raw {
    let mut header = Vec::new();
    push(&mut header, HEADER_DEV_INDEX, &ifindex.to_ne_bytes());
    push(&mut header, HEADER_FLAGS, &flags.to_ne_bytes());
    let mut message = socket.message(command);
    push(&mut message.payload, FEATURES_HEADER | NESTED, &header);
    message
}

impl Serialize for Offloads {
    fn serialize<S: Serializer>(&self, serializer: S) -> std::result::Result<S::Ok, S::Error> {
        serializer.serialize_str(&hex::encode(&self.0))
    }
}

impl<'de> Deserialize<'de> for Offloads {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> std::result::Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        hex::decode(&text).map(Self).ok_or_else(|| de::Error::custom("expected offloads in hexadecimal"))
    }
}
