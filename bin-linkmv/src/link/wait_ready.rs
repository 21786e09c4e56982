//! Waiting until a link is usable: has a carrier, and addresses that no other host has.

use std::net::IpAddr;
use std::time::{Duration, Instant};

use nicon_core::filter::interrupt::Interrupt;
use nicon_core::link::LinkSpec;
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

    /// Makes sure that what is to be ready is to be up. Messages call it `what`.
    ///
    /// # Errors
    /// If it is to stay down.
    pub(crate) fn check_up(&self, spec: &LinkSpec, what: &str) -> Result<()> {
        if self.is_asked() && !spec.up {
            let why = "has no carrier, and announces nothing";
            return Err(Error::failed(format!("field \"up\": {what} that stays down {why}")));
        }
        Ok(())
    }

    /// How long that may take.
    pub(crate) fn limit(&self) -> Duration {
        self.wait.unwrap_or(UNIQUE_WITHIN)
    }

    /// Looks once whether the link is ready, and announces its addresses if it is, as far as that was asked for.
    ///
    /// # Errors
    /// If another host has one of its addresses, or nothing can be announced.
    pub(crate) fn look(&self, netns: &NetnsHandle, link: &Link) -> Result<Option<Lack>> {
        if !self.is_asked() {
            return Ok(None);
        }
        let now = netns.netlink.link_at(link.ifindex)?;
        let now = now.ok_or_else(|| Error::no(format!("{} has vanished from {}", link.name, netns.label)))?;
        if self.wait.is_some() && !now.has_carrier() {
            let words = format!("{} in {} has no carrier", now.name, netns.label);
            return Ok(Some(Lack { what: "a carrier", words }));
        }
        let addresses = netns.netlink.addresses(link.ifindex)?;
        // Nobody asked for the link-local ones.
        let mut asked = addresses.iter().filter(|address| !is_link_local(address));
        if let Some(address) = asked.find(|address| is_tentative(address)) {
            return still_tentative(address, netns, link).map(Some);
        }
        if self.announce {
            let usable = addresses.iter().filter(|address| !is_tentative(address));
            announce(netns, link, &usable.map(|address| address::cidr(address).ip()).collect::<Vec<_>>())?;
        }
        Ok(None)
    }
}

/// What a link does not have yet.
pub(crate) struct Lack {
    what: &'static str,
    words: String,
}

impl Lack {
    /// The error that it is still lacking after the time that it had.
    pub(crate) fn after(&self, limit: Duration) -> Error {
        Error::no(format!("{} after {} s", self.words, limit.as_secs_f64()))
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
    while let Some(lack) = readiness.look(netns, link)? {
        // A deadline could overflow, since the limit may have any value.
        if begun.elapsed() >= readiness.limit() {
            return Err(lack.after(readiness.limit()));
        }
        readiness.interrupt.sleep(BETWEEN_LOOKS);
        let words = format!(" while it waited for {}", lack.what);
        readiness.interrupt.check().map_err(|error| error.suffix(&words))?;
    }
    Ok(())
}

/// What a link lacks of which an address must not be used or announced yet (RFC 4862).
///
/// # Errors
/// [`nicon_core::Status::No`] if it never may be: another host has it.
fn still_tentative(address: &AddressMessage, netns: &NetnsHandle, link: &Link) -> Result<Lack> {
    let text = format!("{} of {} in {}", address::cidr(address), link.name, netns.label);
    if flags(address).contains(AddressFlags::Dadfailed) {
        return Err(Error::no(format!("{text} is in use by another host (duplicate address detection)")));
    }
    let words = format!("{text} is still tentative (duplicate address detection)");
    Ok(Lack { what: "its addresses", words })
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
