//! A netlink socket of one network namespace. It stays there wherever the program goes.

use futures_util::StreamExt;
use nicon_core::{Doing, Error, Namespace, Result};
use nix::errno::Errno;
use nix::sched::{CloneFlags, setns};
use rtnetlink::Handle;
use rtnetlink::packet_core::{
    DefaultNla, ErrorMessage, NLM_F_ACK, NLM_F_CREATE, NLM_F_DUMP, NLM_F_REPLACE, NLM_F_REQUEST, NetlinkMessage,
    NetlinkPayload,
};
use rtnetlink::packet_route::RouteNetlinkMessage;
use rtnetlink::packet_route::link::{LinkAttribute, LinkMessage};
use rtnetlink::sys::AsyncSocket;

use crate::link::Link;

/// The attribute by which names longer than 15 bytes are asked for: `IFLA_ALT_IFNAME`, of `linux/if_link.h`.
const IFLA_ALT_IFNAME: u16 = 53;

/// A rtnetlink socket; see `rtnetlink(7)`.
pub(crate) struct Netlink {
    handle: Handle,
}

/// The kernel's no: its error number, and its own words where it has any.
#[derive(Debug)]
pub(crate) struct Refusal {
    pub(crate) errno: Errno,
    words: Option<String>,
}

impl Refusal {
    /// This refusal as an error that begins with what was being done.
    pub(crate) fn doing(self, what: &str) -> Error {
        let words = self.words.map(|words| format!(" ({words})")).unwrap_or_default();
        let rights = if self.errno == Errno::EPERM { " (root, or CAP_NET_ADMIN in both namespaces)" } else { "" };
        Error::os(what, self.errno).and_say(&format!("{words}{rights}"))
    }
}

impl Netlink {
    /// Opens a socket in our own network namespace.
    pub(crate) fn open() -> Result<Self> {
        Self::connect().doing(|| "open a netlink socket")
    }

    /// Opens a socket in another network namespace: enters it, and comes back.
    ///
    /// # Panics
    /// Where there is no way back: whatever were done next would be done to the wrong namespace.
    pub(crate) fn open_in(there: &Namespace, home: &Namespace) -> Result<Self> {
        setns(there, CloneFlags::CLONE_NEWNET).doing(|| "enter the network namespace (root, or CAP_SYS_ADMIN)")?;
        let socket = Self::connect();
        setns(home, CloneFlags::CLONE_NEWNET).expect("come back to our own network namespace");
        socket.doing(|| "open a netlink socket")
    }

    fn connect() -> std::io::Result<Self> {
        let (mut connection, handle, _) = rtnetlink::new_connection_with_strict_check()?;
        let socket = connection.socket_mut().socket_mut();
        // The kernel then says in words what it dislikes, and does not send the request back before them.
        socket.set_ext_ack(true)?;
        socket.set_cap_ack(true)?;
        tokio::spawn(connection);
        Ok(Self { handle })
    }

    /// The link called `name`, which may be an alternative name. Equivalent to `ip link show NAME`.
    pub(crate) async fn link(&self, name: &str) -> Result<Option<Link>> {
        let mut question = LinkMessage::default();
        question.attributes.push(if name.len() <= 15 {
            LinkAttribute::IfName(name.to_owned())
        } else {
            LinkAttribute::Other(DefaultNla::new(IFLA_ALT_IFNAME, name.bytes().chain([0]).collect()))
        });
        let answer = self.exchange(RouteNetlinkMessage::GetLink(question), NLM_F_ACK).await;
        match answer {
            Ok(messages) => Ok(messages.into_iter().find_map(link)),
            Err(Refusal { errno: Errno::ENODEV, .. }) => Ok(None),
            Err(refusal) => Err(refusal.doing(&format!("look for link {name}"))),
        }
    }

    /// Changes a link.
    pub(crate) async fn set_link(&self, message: LinkMessage) -> std::result::Result<(), Refusal> {
        self.exchange(RouteNetlinkMessage::SetLink(message), NLM_F_ACK).await.map(drop)
    }

    /// Creates what `message` says, or puts it in the place of what is there.
    pub(crate) async fn put(&self, message: RouteNetlinkMessage) -> std::result::Result<(), Refusal> {
        self.exchange(message, NLM_F_ACK | NLM_F_CREATE | NLM_F_REPLACE).await.map(drop)
    }

    /// Lists what `question` asks for.
    pub(crate) async fn dump(
        &self,
        question: RouteNetlinkMessage,
    ) -> std::result::Result<Vec<RouteNetlinkMessage>, Refusal> {
        self.exchange(question, NLM_F_DUMP).await
    }

    async fn exchange(
        &self,
        message: RouteNetlinkMessage,
        flags: u16,
    ) -> std::result::Result<Vec<RouteNetlinkMessage>, Refusal> {
        let mut message = NetlinkMessage::from(message);
        message.header.flags = NLM_F_REQUEST | flags;
        let broken = |_| Refusal { errno: Errno::EIO, words: Some("the netlink socket is broken".to_owned()) };
        let mut answers = self.handle.clone().request(message).map_err(broken)?;
        let mut inner = Vec::new();
        while let Some(answer) = answers.next().await {
            match answer.payload {
                NetlinkPayload::InnerMessage(message) => inner.push(message),
                NetlinkPayload::Error(error) if error.code.is_some() => return Err(refusal(&error)),
                _ => {}
            }
        }
        Ok(inner)
    }
}

fn link(message: RouteNetlinkMessage) -> Option<Link> {
    match message {
        RouteNetlinkMessage::NewLink(message) => Some(message.into()),
        _ => None,
    }
}

fn refusal(error: &ErrorMessage) -> Refusal {
    let errno = Errno::from_raw(error.raw_code().wrapping_neg());
    Refusal { errno, words: words(&error.header) }
}

/// The kernel's message out of what follows the error number: the header of the request (16 bytes), then attributes, of
/// which `NLMSGERR_ATTR_MSG` (1) is a text that ends in a zero. See `netlink(7)`, `NETLINK_EXT_ACK`.
fn words(payload: &[u8]) -> Option<String> {
    let mut rest = payload.get(16..)?;
    while rest.len() >= 4 {
        let length = usize::from(u16::from_ne_bytes([rest[0], rest[1]]));
        let kind = u16::from_ne_bytes([rest[2], rest[3]]);
        let value = rest.get(4..length)?;
        if kind == 1 {
            let text = value.split(|&byte| byte == 0).next()?;
            return Some(String::from_utf8_lossy(text).into_owned());
        }
        rest = rest.get(length.next_multiple_of(4)..)?;
    }
    None
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
