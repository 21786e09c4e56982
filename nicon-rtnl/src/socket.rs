//! A socket of `rtnetlink(7)`: one request at a time, and the kernel's answers to it.

use std::cell::{Cell, RefCell};
use std::io;
use std::ops::ControlFlow;

use nix::errno::Errno;
use nix::libc::MSG_TRUNC;
use rtnetlink::packet_core::{
    NLM_F_ACK, NLM_F_DUMP, NLM_F_DUMP_INTR, NLM_F_REQUEST, NetlinkDeserializable, NetlinkHeader, NetlinkMessage,
    NetlinkPayload, NetlinkSerializable,
};
use rtnetlink::sys::protocols::NETLINK_ROUTE;
use rtnetlink::sys::{Socket, SocketAddr};

use crate::error::NetlinkError;

/// The longest answer, in bytes. The kernel sends a list in parts of at most half of that (`netlink_dump` in
/// `net/netlink/af_netlink.c`).
const LONGEST: usize = 64 << 10;

/// What the kernel answered.
pub struct Listed<T> {
    /// The entries.
    pub entries: Vec<T>,
    /// Whether nothing changed while it was listed. Otherwise entries may be missing.
    pub settled: bool,
}

impl<T> Listed<T> {
    /// The entries that `pick` makes something of.
    pub(crate) fn filter_map<U>(self, pick: impl FnMut(T) -> Option<U>) -> Listed<U> {
        Listed { entries: self.entries.into_iter().filter_map(pick).collect(), settled: self.settled }
    }
}

/// The socket. It stays in the network namespace that it was opened in.
pub(crate) struct Requests {
    socket: Socket,
    sequence: Cell<u32>,
    answer: RefCell<Vec<u8>>,
}

impl Requests {
    pub(crate) fn open() -> io::Result<Self> {
        Self::of_protocol(NETLINK_ROUTE)
    }

    /// Opens a socket of another of netlink's protocols; see `netlink(7)`.
    pub(crate) fn of_protocol(protocol: isize) -> io::Result<Self> {
        let socket = Socket::new(protocol)?;
        // After this only the kernel can send us anything.
        socket.connect(&SocketAddr::new(0, 0))?;
        // The kernel then explains errors in words, does not echo the request, and rejects filters of a list that it does not
        // support.
        socket.set_ext_ack(true)?;
        socket.set_cap_ack(true)?;
        socket.set_netlink_get_strict_chk(true)?;
        Ok(Self { socket, sequence: Cell::new(0), answer: RefCell::new(Vec::with_capacity(LONGEST)) })
    }

    /// Sends a request and reads the answer: a list with `NLM_F_DUMP`, everything up to the acknowledgement with `NLM_F_ACK`,
    /// otherwise one message.
    ///
    /// # Errors
    /// The kernel's error, or the socket's.
    pub(crate) fn exchange<T>(&self, request: impl NetlinkSerializable, flags: u16) -> Result<Listed<T>, NetlinkError>
    where
        T: NetlinkDeserializable,
    {
        let only_one = flags & (NLM_F_DUMP | NLM_F_ACK) == 0;
        let mut entries = Vec::new();
        let settled = self.visit(request, flags, |entry| {
            entries.push(entry);
            if only_one { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        })?;
        Ok(Listed { entries, settled })
    }

    /// Sends a request and shows `look` one entry of the answer after another, until it breaks off: then nothing can be listed by
    /// this socket any more. Returns whether nothing changed meanwhile.
    ///
    /// # Errors
    /// The kernel's error, or the socket's.
    pub(crate) fn visit<T: NetlinkDeserializable>(
        &self,
        request: impl NetlinkSerializable,
        flags: u16,
        look: impl FnMut(T) -> ControlFlow<()>,
    ) -> Result<bool, NetlinkError> {
        let sequence = self.sequence.get().wrapping_add(1);
        self.sequence.set(sequence);
        let mut request = NetlinkMessage::new(NetlinkHeader::default(), NetlinkPayload::InnerMessage(request));
        request.header.flags = NLM_F_REQUEST | flags;
        request.header.sequence_number = sequence;
        request.finalize();
        let mut bytes = vec![0; request.buffer_len()];
        request.serialize(&mut bytes);
        self.socket.send(&bytes, 0)?;
        self.receive(sequence, look)
    }

    fn receive<T: NetlinkDeserializable>(
        &self,
        sequence: u32,
        mut look: impl FnMut(T) -> ControlFlow<()>,
    ) -> Result<bool, NetlinkError> {
        let mut settled = true;
        let mut answer = self.answer.borrow_mut();
        loop {
            answer.clear();
            if self.socket.recv(&mut *answer, MSG_TRUNC)? > answer.len() {
                return Err(Errno::EMSGSIZE.into());
            }
            for message in messages::<T>(&answer) {
                let message = message?;
                if message.header.sequence_number != sequence {
                    // The rest of an earlier answer that could not be read.
                    continue;
                }
                settled &= message.header.flags & NLM_F_DUMP_INTR == 0;
                let flow = match message.payload {
                    NetlinkPayload::InnerMessage(entry) => look(entry),
                    NetlinkPayload::Error(error) if error.code.is_some() => return Err(NetlinkError::from(&error)),
                    NetlinkPayload::Error(_) | NetlinkPayload::Done(_) => ControlFlow::Break(()),
                    _ => ControlFlow::Continue(()),
                };
                if flow.is_break() {
                    return Ok(settled);
                }
            }
        }
    }
}

/// The messages of one datagram.
pub(crate) fn messages<T: NetlinkDeserializable>(
    mut rest: &[u8],
) -> impl Iterator<Item = Result<NetlinkMessage<T>, NetlinkError>> {
    std::iter::from_fn(move || {
        if rest.is_empty() {
            return None;
        }
        let message = NetlinkMessage::<T>::deserialize(rest).map_err(|error| NetlinkError::unreadable(&error));
        let length = message.as_ref().map_or(rest.len(), |message| message.header.length as usize);
        rest = rest.get(length.next_multiple_of(4)..).unwrap_or_default();
        Some(message)
    })
}
