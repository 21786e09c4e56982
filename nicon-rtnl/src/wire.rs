//! Requests to the kernel, in the form that records carry.

use rtnetlink::packet_core::{NetlinkMessage, NetlinkPayload};
use rtnetlink::packet_route::RouteNetlinkMessage;

/// A request as a message of `netlink(7)` in hexadecimal, which preserves everything.
#[must_use]
pub fn to_hex(request: RouteNetlinkMessage) -> String {
    let mut message = NetlinkMessage::from(request);
    message.finalize();
    let mut bytes = vec![0; message.buffer_len()];
    message.serialize(&mut bytes);
    bytes.iter().map(|byte| format!("{byte:02x}")).collect::<Vec<_>>().concat()
}

/// Reads what [`to_hex`] wrote; `None` if it is anything else.
#[must_use]
pub fn from_hex(text: &str) -> Option<RouteNetlinkMessage> {
    let byte = |pair: &[u8]| u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok();
    let bytes: Vec<u8> = text.as_bytes().chunks(2).map(byte).collect::<Option<_>>()?;
    match NetlinkMessage::<RouteNetlinkMessage>::deserialize(&bytes).ok()?.payload {
        NetlinkPayload::InnerMessage(request) => Some(request),
        _ => None,
    }
}
