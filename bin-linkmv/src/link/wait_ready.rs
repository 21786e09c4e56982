//! Waiting until a link is usable: has a carrier, and addresses that no other host has.

use std::net::IpAddr;
use std::time::{Duration, Instant};

use nicon_core::filter::interrupt::Interrupt;
use nicon_core::{Error, Result};
use nicon_rtnl::packet_route::address::{AddressAttribute, AddressFlags, AddressMessage};
use nicon_rtnl::{Link, NetnsHandle, address};

use crate::link::announce::announce;

const BETWEEN_LOOKS: Duration = Duration::from_millis(10);

/// How long an announcement waits for duplicate address detection: it takes one second unless configured to probe more often,
/// after a delay of up to one more.
const UNIQUE_WITHIN: Duration = Duration::from_secs(5);

/// When a link is taken to be ready, and what ends the wait for that.
pub(crate) struct Readiness<'a> {
    /// How long to wait for it.
    pub(crate) wait: Option<Duration>,
    /// Whether its addresses are announced.
    pub(crate) announce: bool,
    pub(crate) interrupt: &'a Interrupt,
}

impl<'a> Readiness<'a> {
    /// As soon as it is there.
    pub(crate) fn at_once(interrupt: &'a Interrupt) -> Self {
        Self { wait: None, announce: false, interrupt }
    }

    /// Whether anything is asked for, which a link that stays down cannot give.
    pub(crate) fn is_asked(&self) -> bool {
        self.announce || self.wait.is_some()
    }
}

/// Waits until the link is usable and announces its addresses, as far as that was asked for.
///
/// # Errors
/// If it is not usable in time, another host has one of its addresses, or nothing can be announced.
pub(crate) fn wait_ready(netns: &NetnsHandle, link: &Link, readiness: &Readiness<'_>) -> Result<()> {
    wait_ready_since(Instant::now(), netns, link, readiness)
}

/// The same for one of many links, for all of which a wait has `begun`.
///
/// # Errors
/// As [`wait_ready`].
pub(crate) fn wait_ready_since(
    begun: Instant,
    netns: &NetnsHandle,
    link: &Link,
    readiness: &Readiness<'_>,
) -> Result<()> {
    if let Some(limit) = readiness.wait {
        let wait = Wait { limit, begun, interrupt: readiness.interrupt };
        wait.for_carrier(netns, link)?;
        wait.for_unique_addresses(netns, link)?;
    }
    if readiness.announce {
        let wait = Wait { limit: UNIQUE_WITHIN, begun: Instant::now(), interrupt: readiness.interrupt };
        announce(netns, link, &wait.for_unique_addresses(netns, link)?)?;
    }
    Ok(())
}

struct Wait<'a> {
    limit: Duration,
    begun: Instant,
    interrupt: &'a Interrupt,
}

impl Wait<'_> {
    /// Waits until the link has a carrier.
    ///
    /// # Errors
    /// [`nicon_core::Status::No`] if it has none in time.
    fn for_carrier(&self, netns: &NetnsHandle, link: &Link) -> Result<()> {
        loop {
            let now = netns.netlink.link_at(link.ifindex)?;
            let now = now.ok_or_else(|| Error::no(format!("{} has vanished from {}", link.name, netns.label)))?;
            if now.has_carrier() {
                return Ok(());
            }
            let late = || format!("{} in {} has no carrier", now.name, netns.label);
            self.go_on(late, "a carrier")?;
        }
    }

    /// Waits until no address of the link is tentative any more, and returns those that it may use. Tentative ones must not be
    /// used or announced (RFC 4862). The link-local ones are not waited for: nobody asked for them.
    ///
    /// # Errors
    /// [`nicon_core::Status::No`] if another host has one of them, or that is not known in time.
    fn for_unique_addresses(&self, netns: &NetnsHandle, link: &Link) -> Result<Vec<IpAddr>> {
        loop {
            let all = netns.netlink.addresses(link.ifindex)?;
            let (tentative, unique): (Vec<_>, Vec<_>) = all.iter().partition(|address| is_tentative(address));
            let mut asked = tentative.into_iter().filter(|address| !is_link_local(address));
            let Some(address) = asked.next() else {
                return Ok(unique.into_iter().map(|address| address::cidr(address).ip()).collect());
            };
            let text = format!("{} of {} in {}", address::cidr(address), link.name, netns.label);
            if flags(address).contains(AddressFlags::Dadfailed) {
                return Err(Error::no(format!("{text} is in use by another host (duplicate address detection)")));
            }
            self.go_on(|| format!("{text} is still tentative (duplicate address detection)"), "its addresses")?;
        }
    }

    /// Sleeps a little.
    ///
    /// # Errors
    /// If it is too `late`, or the run is interrupted.
    fn go_on(&self, late: impl Fn() -> String, what: &str) -> Result<()> {
        // A deadline could overflow, since the limit may have any value.
        if self.begun.elapsed() >= self.limit {
            return Err(Error::no(format!("{} after {} s", late(), self.limit.as_secs_f64())));
        }
        self.interrupt.sleep(BETWEEN_LOOKS);
        self.interrupt.check().map_err(|error| error.suffix(&format!(" while it waited for {what}")))
    }
}

/// Whether an address must not be used yet. An optimistic one may be (RFC 4429).
fn is_tentative(address: &AddressMessage) -> bool {
    let flags = flags(address);
    flags.contains(AddressFlags::Tentative) && !flags.contains(AddressFlags::Optimistic)
}

fn is_link_local(address: &AddressMessage) -> bool {
    matches!(address::cidr(address).ip(), IpAddr::V6(ip) if ip.is_unicast_link_local())
}

fn flags(address: &AddressMessage) -> AddressFlags {
    let mut all = address.attributes.iter();
    let flags = all.find_map(|attribute| match attribute {
        AddressAttribute::Flags(flags) => Some(*flags),
        _ => None,
    });
    flags.unwrap_or_else(AddressFlags::empty)
}
