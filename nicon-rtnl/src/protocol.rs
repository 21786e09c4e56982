//! The mark of addresses and routes that nicon gives to links, by which a later run knows them.

use rtnetlink::packet_route::address::{AddressAttribute, AddressMessage, AddressProtocol};
use rtnetlink::packet_route::route::{RouteMessage, RouteProtocol};

/// The number, `n` of ASCII: nobody else's (`linux/rtnetlink.h`, and `rt_protos` of iproute2).
const NICON: u8 = 110;

/// That of a route.
pub(crate) fn of_route() -> RouteProtocol {
    RouteProtocol::Other(NICON)
}

/// That of an address, which Linux before 5.18 ignores.
pub(crate) fn of_address() -> AddressAttribute {
    AddressAttribute::Protocol(AddressProtocol::Other(NICON))
}

/// Whether nicon gave a route.
pub(crate) fn is_of_route(route: &RouteMessage) -> bool {
    route.header.protocol == of_route()
}

/// Whether nicon gave an address.
pub(crate) fn is_of_address(address: &AddressMessage) -> bool {
    address.attributes.contains(&of_address())
}
