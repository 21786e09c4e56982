//! The numbers by which our own network namespace knows others: see `ip-netns(8)`, "ip netns set".

use std::io;
use std::os::fd::{AsFd, AsRawFd, OwnedFd};

use netlink_packet_core::{
    DecodeError, Emitable, NLM_F_REQUEST, NetlinkDeserializable, NetlinkHeader, NetlinkMessage, NetlinkPayload,
    NetlinkSerializable, Parseable,
};
use netlink_packet_route::nsid::{NsidAttribute, NsidMessage};
use nicon_core::{Error, Namespace};
use nix::errno::Errno;
use nix::libc;
use nix::sys::socket::{
    AddressFamily, MsgFlags, NetlinkAddr, SockFlag, SockProtocol, SockType, connect, recv, send, socket,
};

/// The number that stands for none, `NETNSA_NSID_NOT_ASSIGNED` of `linux/net_namespace.h`.
const NOT_ASSIGNED: i32 = -1;

/// Longer than any answer, in bytes.
const LONGEST: usize = 4096;

/// Asks the kernel for numbers.
#[derive(Default)]
pub(crate) struct Numbers {
    socket: Option<OwnedFd>,
    failure: Option<io::Error>,
}

impl Numbers {
    /// The number of a network namespace; `None` if it has none, or the kernel does not answer.
    pub(crate) fn of(&mut self, namespace: &Namespace) -> Option<i32> {
        if self.failure.is_some() {
            return None;
        }
        match self.ask(namespace) {
            Ok(number) => number.filter(|number| *number != NOT_ASSIGNED),
            Err(error) => {
                self.failure = Some(error);
                None
            }
        }
    }

    /// Adds what happened to another who asked.
    pub(crate) fn join(&mut self, other: Self) {
        self.failure = self.failure.take().or(other.failure);
    }

    /// The message that numbers are missing.
    pub(crate) fn complaint(&self) -> Option<Error> {
        let failure = self.failure.as_ref()?;
        Some(Error::failed(format!("ask for the numbers of network namespaces: {failure}: they are missing")))
    }

    fn ask(&mut self, namespace: &Namespace) -> io::Result<Option<i32>> {
        if self.socket.is_none() {
            self.socket = Some(open()?);
        }
        let socket = self.socket.as_ref().ok_or(Errno::EBADF)?.as_raw_fd();
        let mut question = NsidMessage::default();
        question.attributes.push(NsidAttribute::Fd(namespace.as_fd().as_raw_fd().cast_unsigned()));
        let mut header = NetlinkHeader::default();
        header.flags = NLM_F_REQUEST;
        let mut question = NetlinkMessage::new(header, NetlinkPayload::InnerMessage(Message(question)));
        question.finalize();
        let mut bytes = vec![0; question.buffer_len()];
        question.serialize(&mut bytes);
        send(socket, &bytes, MsgFlags::empty())?;
        let mut answer = [0; LONGEST];
        let length = recv(socket, &mut answer, MsgFlags::empty())?;
        let answer = NetlinkMessage::<Message>::deserialize(&answer[..length]).map_err(io::Error::other)?;
        match answer.payload {
            NetlinkPayload::InnerMessage(Message(message)) => {
                Ok(message.attributes.into_iter().find_map(|attribute| match attribute {
                    NsidAttribute::Id(number) => Some(number),
                    _ => None,
                }))
            }
            NetlinkPayload::Error(error) => Err(error.to_io()),
            _ => Err(Errno::EBADMSG.into()),
        }
    }
}

/// A socket on which only the kernel can answer.
fn open() -> io::Result<OwnedFd> {
    let route = SockProtocol::NetlinkRoute;
    let socket = socket(AddressFamily::Netlink, SockType::Raw, SockFlag::SOCK_CLOEXEC, route)?;
    connect(socket.as_raw_fd(), &NetlinkAddr::new(0, 0))?;
    Ok(socket)
}

/// `RTM_GETNSID`, and the answer to it.
struct Message(NsidMessage);

impl NetlinkSerializable for Message {
    fn message_type(&self) -> u16 {
        libc::RTM_GETNSID
    }

    fn buffer_len(&self) -> usize {
        self.0.buffer_len()
    }

    fn serialize(&self, buffer: &mut [u8]) {
        self.0.emit(buffer);
    }
}

impl NetlinkDeserializable for Message {
    type Error = DecodeError;

    fn deserialize(_: &NetlinkHeader, payload: &[u8]) -> Result<Self, DecodeError> {
        // The library assumes that the header is there.
        if payload.len() < 4 {
            return Err(DecodeError::from("an answer without a header"));
        }
        NsidMessage::parse(payload).map(Self)
    }
}
