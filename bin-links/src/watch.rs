//! Watching: what happens to links, printed as it happens.

use std::collections::{BTreeMap, BTreeSet};

use nicon_core::filter::stream::Answers;
use nicon_core::{Error, Result};
use nicon_rtnl::monitor::{Event, Monitor, next_events};
use nicon_rtnl::{Link, NetnsHandle, Relation};
use serde_json::{Map, Value};

use crate::args::Args;
use crate::listing::{ListedLink, Listing};
use crate::record::{Destination, LinkRecord, Nic, to_record};
use crate::wiring::Wiring;

/// A listing that is monitored.
struct Watched {
    listing: Listing,
    monitor: Monitor,
    /// What was printed last of each of its links, by ifindex.
    printed: BTreeMap<u32, LinkRecord>,
}

struct Watch<'a> {
    watched: Vec<Watched>,
    args: &'a Args,
    home: &'a NetnsHandle,
    answers: &'a mut Answers<LinkRecord>,
}

/// Prints all links that are there, and then every change, until no process is left in any of the namespaces. Listening begins
/// before the list is made, so that nothing is missed; after an overrun of the socket another list is compared with the last.
pub(crate) fn watch(
    listings: Vec<Listing>,
    args: &Args,
    home: &NetnsHandle,
    answers: &mut Answers<LinkRecord>,
) -> Result<()> {
    let listen =
        |listing: Listing| Ok(Watched { monitor: listing.netns.monitor()?, listing, printed: BTreeMap::new() });
    let watched = listings.into_iter().map(listen).collect::<Result<_>>()?;
    let mut watch = Watch { watched, args, home, answers };
    for number in 0..watch.watched.len() {
        watch.look_again(number, "present")?;
    }
    while !watch.watched.is_empty() {
        for (number, event) in
            next_events(watch.watched.iter().map(|watched| (&watched.listing.netns, &watched.monitor)))?
        {
            watch.handle(number, event)?;
        }
    }
    Ok(())
}

impl Watch<'_> {
    fn handle(&mut self, number: usize, event: Event) -> Result<()> {
        let Listing { netns, links, .. } = &mut self.watched[number].listing;
        let ifindex = match event {
            Event::Exited => return self.follow(number),
            Event::Overrun => return self.look_again(number, "arrived"),
            Event::Gone(link) => return self.depart(number, &link),
            Event::Link(link) => {
                if self.args.kind.is_some() && link.kind != self.args.kind {
                    return Ok(());
                }
                let ifindex = link.ifindex;
                // The second end of a new pair is announced before it is tied to the first, and not again afterwards.
                let link = match link.lower {
                    None if link.relation() == Some(Relation::Peer) => {
                        netns.netlink.link_at(ifindex)?.map_or(link, Box::new)
                    }
                    _ => link,
                };
                let addresses = links.remove(&ifindex).map(|listed| listed.addresses).unwrap_or_default();
                links.insert(ifindex, ListedLink { link, addresses });
                ifindex
            }
            Event::Address(ifindex, address) => {
                if let Some(listed) = links.get_mut(&ifindex)
                    && !listed.addresses.contains(&address)
                {
                    listed.addresses.push(address);
                }
                ifindex
            }
            Event::AddressGone(ifindex, address) => {
                if let Some(listed) = links.get_mut(&ifindex) {
                    listed.addresses.retain(|other| *other != address);
                }
                ifindex
            }
        };
        self.compare(number, ifindex, "arrived")
    }

    fn wiring(&self) -> Wiring<'_> {
        Wiring::new(self.home, self.watched.iter().map(|watched| &watched.listing))
    }

    /// Lists a listing, and prints how it differs from what was printed last.
    fn look_again(&mut self, number: usize, arrival: &'static str) -> Result<()> {
        // What is missing in it will be announced.
        let Watched { listing, printed, .. } = &mut self.watched[number];
        listing.list(self.args)?;
        let present: BTreeSet<u32> = listing.links.keys().copied().collect();
        let known: BTreeSet<u32> = printed.keys().copied().collect();
        for gone in known.difference(&present) {
            if let Some(printed) = printed.remove(gone) {
                self.answers.give(None, Ok(event("gone", printed)))?;
            }
        }
        for ifindex in present {
            self.compare(number, ifindex, arrival)?;
        }
        Ok(())
    }

    /// Prints how a link differs from what was printed of it last.
    fn compare(&mut self, number: usize, ifindex: u32, arrival: &'static str) -> Result<()> {
        let listing = &self.watched[number].listing;
        let Some(listed) = listing.links.get(&ifindex) else { return Ok(()) };
        let now = to_record(listing, listed, &self.wiring())?;
        match self.watched[number].printed.insert(ifindex, now.clone()) {
            None => self.answers.give(None, Ok(event(arrival, now))),
            Some(before) if before != now => {
                let mut changed = event("changed", now);
                changed.nic.was = Some(was(&before.nic, &changed.nic));
                self.answers.give(None, Ok(changed))
            }
            Some(_) => Ok(()),
        }
    }

    /// Prints that a link has left, and where to, if it was moved: the kernel says so in the namespace that it left.
    fn depart(&mut self, number: usize, link: &Link) -> Result<()> {
        let Watched { listing, printed, .. } = &mut self.watched[number];
        listing.links.remove(&link.ifindex);
        let Some(printed) = printed.remove(&link.ifindex) else { return Ok(()) };
        let mut gone = event("gone", printed);
        if let Some((nsid, ifindex)) = link.gone_to {
            let id = self.wiring().identify(&self.watched[number].listing.netns, nsid)?;
            gone.nic.to = Some(Destination { netns: id.map(|id| id.ino), ifindex });
        }
        self.answers.give(None, Ok(gone))
    }

    /// Continues with another process of the same namespace. If there is none, the namespace is let go: it, and the links in
    /// it, would live for as long as they were watched.
    fn follow(&mut self, number: usize) -> Result<()> {
        if self.watched[number].listing.netns.find_again()? {
            return Ok(());
        }
        let Watched { listing, printed, .. } = self.watched.remove(number);
        self.answers.give_all(printed.into_values().map(|printed| Ok(event("gone", printed))))?;
        let label = &listing.netns.label;
        self.answers.give(None, Err(Error::no(format!("{label} exited: nobody is left in its network namespace"))))
    }
}

fn event(what: &'static str, mut printed: LinkRecord) -> LinkRecord {
    printed.nic.event = Some(what);
    printed
}

/// The fields that were different, as they were.
fn was(before: &Nic, now: &Nic) -> Map<String, Value> {
    let now = now.to_map();
    before.to_map().into_iter().filter(|(field, value)| now.get(field) != Some(value)).collect()
}
