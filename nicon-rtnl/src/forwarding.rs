//! Entries of forwarding databases that somebody made for a link: those of its bridge that lead to it, and those of the link's own
//! filter. Both are lost when it changes its network namespace.

use nicon_core::Result;
use nicon_core::link::mac;
use nix::libc::{RTM_GETNEIGH, RTM_NEWNEIGH};
use rtnetlink::packet_core::{NLM_F_ACK, NLM_F_CREATE, NLM_F_DUMP, NLM_F_REPLACE};

use crate::attribute::push;
use crate::error::NetlinkError;
use crate::link::Link;
use crate::netlink::Netlink;
use crate::raw::{BRIDGE, IFINDEX, Raw};

/// Length of an `ndmsg`, in bytes, and where its fields are; see `rtnetlink(7)`.
const HEADER: usize = 12;
const STATE: usize = 8;
const FLAGS: usize = 10;

// Of `linux/neighbour.h`.
const NDA_LLADDR: u16 = 2;
const NDA_VLAN: u16 = 5;
const NDA_MASTER: u16 = 9;
const NTF_SELF: u8 = 2;
const NTF_MASTER: u8 = 4;
const NTF_EXT_LEARNED: u8 = 0x10;
const NTF_STICKY: u8 = 0x20;
const NUD_NOARP: u8 = 0x40;
const NUD_PERMANENT: u8 = 0x80;

/// An entry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ForwardingEntry(Raw);

impl Netlink {
    /// The entries that somebody made for a link, as `bridge fdb show dev LINK` lists them among others.
    ///
    /// # Errors
    /// If the kernel does not answer.
    pub fn forwarding(&self, link: &Link) -> Result<Vec<ForwardingEntry>> {
        let mut question = Raw { kind: RTM_GETNEIGH, payload: vec![0; HEADER] };
        question.payload[0] = BRIDGE;
        question.set_number_at(IFINDEX, link.ifindex);
        let listed = self.requests.exchange::<Raw>(question, NLM_F_DUMP);
        let listed = listed.map_err(|error| error.context("list forwarding databases"))?.entries;
        let of_this =
            listed.iter().filter(|entry| entry.kind == RTM_NEWNEIGH && entry.number_at(IFINDEX) == link.ifindex);
        Ok(of_this.filter_map(|entry| made(entry, link)).collect())
    }

    /// Makes an entry. Equivalent to `bridge fdb replace`.
    ///
    /// # Errors
    /// The kernel's error.
    pub fn put_forwarding(&self, entry: &ForwardingEntry) -> std::result::Result<(), NetlinkError> {
        // The kernel does not replace an entry of a link's own filter: it says that it is there.
        let flags = if entry.flags() & NTF_SELF == 0 { NLM_F_CREATE | NLM_F_REPLACE } else { NLM_F_CREATE };
        match self.requests.exchange::<Raw>(entry.0.clone(), NLM_F_ACK | flags) {
            Err(error) if error.errno == nix::errno::Errno::EEXIST => Ok(()),
            made => made.map(drop),
        }
    }
}

impl ForwardingEntry {
    /// The request for it in hexadecimal.
    #[must_use]
    pub fn to_hex(&self) -> String {
        self.0.to_hex()
    }

    /// Reads what [`ForwardingEntry::to_hex`] wrote about a link with the ifindex `was`, and addresses it to `ifindex`. `None` if
    /// it is anything else.
    #[must_use]
    pub fn from_hex(text: &str, was: u32, ifindex: u32) -> Option<Self> {
        let mut request = Raw::from_hex(text)?;
        let is_one = request.kind == RTM_NEWNEIGH && request.has_only(HEADER, &[NDA_LLADDR, NDA_VLAN]);
        if !is_one || request.payload[0] != BRIDGE || request.number_at(IFINDEX) != was {
            return None;
        }
        request.set_number_at(IFINDEX, ifindex);
        Some(Self(request))
    }

    fn flags(&self) -> u8 {
        self.0.payload[FLAGS]
    }
}

impl std::fmt::Display for ForwardingEntry {
    /// As `bridge fdb` prints it, in short.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&mac::hex(self.0.value(HEADER, NDA_LLADDR).unwrap_or_default()))?;
        if let Some(vlan) = self.0.value(HEADER, NDA_VLAN).and_then(|vlan| vlan.try_into().ok()) {
            write!(f, " vlan {}", u16::from_ne_bytes(vlan))?;
        }
        f.write_str(if self.flags() & NTF_SELF == 0 { " master" } else { " self" })
    }
}

/// The request for an entry that somebody made; `None` if the kernel or a driver makes it by itself.
fn made(reported: &Raw, link: &Link) -> Option<ForwardingEntry> {
    let address = reported.value(HEADER, NDA_LLADDR)?;
    let (state, flags) = (*reported.payload.get(STATE)?, *reported.payload.get(FLAGS)?);
    let of_master = reported.value(HEADER, NDA_MASTER).is_some() && flags & NTF_SELF == 0;
    let is_multicast = address.first().is_some_and(|first| first & 1 != 0);
    let is_own = link.mac.as_ref() == Some(&mac::hex(address));
    // A VXLAN and its like keep databases of their own, which move along.
    let has_filter = !matches!(link.kind.as_deref(), Some("vxlan" | "geneve" | "bridge"));
    let by_somebody = if of_master {
        flags & NTF_EXT_LEARNED == 0 && (state & NUD_NOARP != 0 || state & NUD_PERMANENT != 0 && !is_own)
    } else {
        flags & NTF_SELF != 0 && has_filter && !is_multicast && !is_own
    };
    if !by_somebody {
        return None;
    }
    let mut payload = vec![0; HEADER];
    payload[0] = BRIDGE;
    payload[IFINDEX..IFINDEX + 4].copy_from_slice(&link.ifindex.to_ne_bytes());
    payload[STATE] = state;
    payload[FLAGS] = flags & NTF_STICKY | if of_master { NTF_MASTER } else { NTF_SELF };
    for attribute in [NDA_LLADDR, NDA_VLAN] {
        if let Some(value) = reported.value(HEADER, attribute) {
            push(&mut payload, attribute, value);
        }
    }
    Some(ForwardingEntry(Raw { kind: RTM_NEWNEIGH, payload }))
}
