//! Waiting until a link is usable: has a carrier, and addresses that are no longer tentative.

use std::net::IpAddr;
use std::thread::sleep;
use std::time::{Duration, Instant};

use nicon_core::filter::interrupt::Interrupt;
use nicon_core::{Error, Result};
use nicon_rtnl::packet_route::address::{AddressAttribute, AddressFlags, AddressMessage};
use nicon_rtnl::packet_route::link::LinkFlags;
use nicon_rtnl::{Link, NetnsHandle, address};

use crate::moving::announce::announce;
use crate::moving::job::{Job, Options};

const BETWEEN_LOOKS: Duration = Duration::from_millis(10);

/// How long to wait for duplicate address detection: it takes one second unless configured to probe more often.
const UNIQUE_WITHIN: Duration = Duration::from_secs(5);

/// Waits for the carrier and announces the link, if requested.
///
/// # Errors
/// If there is no carrier in time, or nothing can be announced.
pub(crate) fn wait_ready(job: &Job<'_>, options: &Options<'_>, link: &Link) -> Result<()> {
    if let Some(limit) = options.wait {
        wait_for_carrier(job.to, link, limit, options.interrupt)?;
    }
    if options.announce && job.spec.up {
        let addresses = unique_addresses(job.to, link)?;
        announce(job.to, link, &addresses)?;
    }
    Ok(())
}

/// Waits until the link has a carrier.
///
/// # Errors
/// [`nicon_core::Status::No`] if it has none within `limit`.
fn wait_for_carrier(netns: &NetnsHandle, link: &Link, limit: Duration, interrupt: &Interrupt) -> Result<()> {
    let begun = Instant::now();
    loop {
        let now = netns.netlink.link_at(link.ifindex)?;
        let now = now.ok_or_else(|| Error::no(format!("{} has vanished from {}", link.name, netns.label)))?;
        if now.flags.contains(LinkFlags::LowerUp) {
            return Ok(());
        }
        // A deadline could overflow, since `limit` may have any value.
        if begun.elapsed() >= limit {
            let seconds = limit.as_secs_f64();
            return Err(Error::no(format!("{} in {} has no carrier after {seconds} s", now.name, netns.label)));
        }
        interrupt.sleep(BETWEEN_LOOKS);
        interrupt.check().map_err(|error| error.suffix(" while it waited for a carrier"))?;
    }
}

/// The addresses of a link that are not tentative any more. Tentative ones must not be announced (RFC 4862).
///
/// # Errors
/// If the kernel does not list them.
fn unique_addresses(netns: &NetnsHandle, link: &Link) -> Result<Vec<IpAddr>> {
    let give_up = Instant::now() + UNIQUE_WITHIN;
    loop {
        let all = netns.netlink.addresses(link.ifindex)?;
        if !all.iter().any(is_tentative) || Instant::now() >= give_up {
            let unique = all.iter().filter(|address| !is_tentative(address));
            return Ok(unique.map(|address| address::cidr(address).ip()).collect());
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
