//! Requests to the kernel, in the form that records carry.

use rtnetlink::packet_core::{NetlinkHeader, NetlinkMessage, NetlinkPayload, NetlinkSerializable};
use rtnetlink::packet_route::RouteNetlinkMessage;

/// A request as a message of `netlink(7)` in hexadecimal, which preserves everything.
#[must_use]
pub fn to_hex(request: RouteNetlinkMessage) -> String {
    of_request(request)
}

/// Reads what [`to_hex`] wrote; `None` if it is anything else.
#[must_use]
pub fn from_hex(text: &str) -> Option<RouteNetlinkMessage> {
    match NetlinkMessage::<RouteNetlinkMessage>::deserialize(&decode(text)?).ok()?.payload {
        NetlinkPayload::InnerMessage(request) => Some(request),
        _ => None,
    }
}

/// Any message in hexadecimal.
pub(crate) fn of_request(request: impl NetlinkSerializable) -> String {
    let mut message = NetlinkMessage::new(NetlinkHeader::default(), NetlinkPayload::InnerMessage(request));
    message.finalize();
    let mut bytes = vec![0; message.buffer_len()];
    message.serialize(&mut bytes);
    encode(&bytes)
}

/// Bytes in hexadecimal.
pub(crate) fn encode(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect::<Vec<_>>().concat()
}

/// The bytes that a text in hexadecimal means.
pub(crate) fn decode(text: &str) -> Option<Vec<u8>> {
    let byte = |pair: &[u8]| u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok();
    text.as_bytes().chunks(2).map(byte).collect()
}
