//! Routes that lead through other links and vanish with an address of this one.

use std::net::Ipv4Addr;

use rtnetlink::packet_route::route::{RouteAddress, RouteAttribute, RouteHeader, RouteMessage, RouteType};

use crate::route::Route;

/// The `routes` of other links whose preferred source is one of `addresses`, in short. The kernel removes those of the main table
/// once the address is nowhere else (`fib_sync_down_addr` of `net/ipv4/fib_semantics.c`).
pub(crate) fn dependent(addresses: &[Ipv4Addr], routes: &[RouteMessage], ifindex: u32) -> Vec<String> {
    let others = || routes.iter().filter(|route| is_elsewhere(route, ifindex));
    let is_lost = |ip: &Ipv4Addr| !others().any(|route| is_local(route, *ip));
    let lost: Vec<Ipv4Addr> = addresses.iter().copied().filter(is_lost).collect();
    let depends = |route: &&RouteMessage| {
        let header = &route.header;
        header.table == RouteHeader::RT_TABLE_MAIN && source(route).is_some_and(|ip| lost.contains(&ip))
    };
    let text =
        |route: &RouteMessage| source(route).map(|ip| format!("{} from {ip} through another link", Route::from(route)));
    others().filter(depends).filter_map(text).collect()
}

/// Whether it leads through one other link.
fn is_elsewhere(route: &RouteMessage, ifindex: u32) -> bool {
    route.attributes.iter().any(|attribute| matches!(attribute, RouteAttribute::Oif(oif) if *oif != ifindex))
}

/// Whether it delivers to the host what is sent to an address.
fn is_local(route: &RouteMessage, ip: Ipv4Addr) -> bool {
    let to = RouteAttribute::Destination(RouteAddress::Inet(ip));
    route.header.kind == RouteType::Local && route.attributes.contains(&to)
}

fn source(route: &RouteMessage) -> Option<Ipv4Addr> {
    route.attributes.iter().find_map(|attribute| match attribute {
        RouteAttribute::PrefSource(RouteAddress::Inet(ip)) => Some(*ip),
        _ => None,
    })
}
