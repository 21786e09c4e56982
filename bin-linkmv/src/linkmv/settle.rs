//! Waiting until a link is usable: has a carrier, and addresses that are no longer tentative.

use std::net::IpAddr;
use std::thread::sleep;
use std::time::{Duration, Instant};

use nicon_core::{Error, Result};
use nicon_rtnl::packet_route::address::{AddressAttribute, AddressFlags, AddressMessage};
use nicon_rtnl::packet_route::link::LinkFlags;
use nicon_rtnl::{Link, NetnsHandle, address};

const BETWEEN_LOOKS: Duration = Duration::from_millis(10);

/// How long IPv6 may take to find out whether an address is unique: one second, unless it is configured to try more often.
const UNIQUE_WITHIN: Duration = Duration::from_secs(5);

/// Waits until the link has a carrier.
///
/// # Errors
/// [`nicon_core::Status::No`] if it has none within `limit`.
pub(crate) fn wait_for_carrier(place: &NetnsHandle, link: &Link, limit: Duration) -> Result<()> {
    let begun = Instant::now();
    loop {
        let now = place.netlink.link_at(link.ifindex)?;
        let now = now.ok_or_else(|| Error::no(format!("{} has vanished from {}", link.name, place.label)))?;
        if now.flags.contains(LinkFlags::LowerUp) {
            return Ok(());
        }
        // A point in time may be too far away to be told, and `limit` may be any.
        if begun.elapsed() >= limit {
            let seconds = limit.as_secs_f64();
            return Err(Error::no(format!("{} in {} has no carrier after {seconds} s", now.name, place.label)));
        }
        sleep(BETWEEN_LOOKS);
    }
}

/// The addresses of a link that are unique, once IPv6 has found out: others must not be announced (RFC 4862).
///
/// # Errors
/// If the kernel does not list them.
pub(crate) fn unique_addresses(place: &NetnsHandle, link: &Link) -> Result<Vec<IpAddr>> {
    let give_up = Instant::now() + UNIQUE_WITHIN;
    loop {
        let all = place.netlink.addresses(link.ifindex)?;
        if !all.iter().any(is_tentative) || Instant::now() >= give_up {
            let unique = all.iter().filter(|address| !is_tentative(address));
            return Ok(unique.map(|address| address::told(address).ip()).collect());
        }
        sleep(BETWEEN_LOOKS);
    }
}

fn is_tentative(address: &AddressMessage) -> bool {
    address
        .attributes
        .iter()
        .any(|attribute| matches!(attribute, AddressAttribute::Flags(flags) if flags.contains(AddressFlags::Tentative)))
}
