//! The queueing disciplines of links.

use nicon_core::Result;
use nix::libc::{RTM_NEWQDISC, TCA_KIND};
use rtnetlink::packet_core::{DecodeError, NLM_F_DUMP, NetlinkDeserializable, NetlinkHeader};
use rtnetlink::packet_route::RouteNetlinkMessage;
use rtnetlink::packet_route::tc::{TcHandle, TcHeader, TcMessage};

use crate::attribute::value;
use crate::netlink::Netlink;

/// Length of the `tcmsg` before the attributes, in bytes; see `rtnetlink(7)`.
const HEADER: usize = 20;

impl Netlink {
    /// The configured queueing disciplines of a link, in short, as `tc qdisc show dev LINK` prints them. The kernel's defaults
    /// have no handle.
    ///
    /// # Errors
    /// If the kernel does not answer.
    pub fn qdiscs(&self, ifindex: u32) -> Result<Vec<String>> {
        let mut question = TcMessage::default();
        question.header.index = ifindex.cast_signed();
        let listed = self.requests.exchange::<Qdisc>(RouteNetlinkMessage::GetQueueDiscipline(question), NLM_F_DUMP);
        let listed = listed.map_err(|error| error.context("list queueing disciplines"))?;
        // The kernel lists those of all links.
        let of_this =
            listed.entries.iter().filter(|qdisc| qdisc.index == ifindex.cast_signed() && qdisc.handle.major != 0);
        Ok(of_this.map(ToString::to_string).collect())
    }
}

/// A queueing discipline, without its parameters.
#[derive(Default)]
pub(crate) struct Qdisc {
    index: i32,
    handle: TcHandle,
    parent: TcHandle,
    kind: String,
}

impl std::fmt::Display for Qdisc {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { handle, parent, kind, .. } = self;
        write!(f, "{kind} {:x}:", handle.major)?;
        match *parent {
            TcHandle::ROOT => f.write_str(" root"),
            parent => write!(f, " parent {:x}:{:x}", parent.major, parent.minor),
        }
    }
}

impl NetlinkDeserializable for Qdisc {
    type Error = DecodeError;

    fn deserialize(header: &NetlinkHeader, payload: &[u8]) -> std::result::Result<Self, DecodeError> {
        if header.message_type != RTM_NEWQDISC {
            return Ok(Self::default());
        }
        let TcHeader { index, handle, parent, .. } = TcHeader::parse(payload)?;
        let kind = value(payload.get(HEADER..).unwrap_or_default(), TCA_KIND).unwrap_or_default();
        let kind = String::from_utf8_lossy(kind).trim_end_matches('\0').to_owned();
        Ok(Self { index, handle, parent, kind })
    }
}
