//! What was told of the links of the namespaces that are followed, and what there is to tell when something happens.

use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

use nicon_core::{Record, Result};
use nicon_rtnl::monitor::Event;
use nicon_rtnl::record::label;
use nicon_rtnl::{Link, NetnsHandle, Relation};

use super::change;
use crate::args::Args;
use crate::listing::{ListedLink, Listing};
use crate::listings::{Key, Listings};
use crate::numbers::Numbers;
use crate::record::{Destination, LinkId, LinkRecord, to_record};
use crate::wiring::Wiring;

/// What there is to tell: records, and look-ups that failed.
pub(super) type Answer = Result<LinkRecord>;

/// What has to be looked at again, once all is heard that was announced before.
#[derive(Default)]
pub(super) struct Unsure {
    /// Of these events were lost.
    listings: BTreeSet<Key>,
    /// Links that came, went or were renamed: the records of other links name them.
    links: BTreeSet<LinkId>,
}

pub(super) struct Following<'a> {
    pub(super) listings: Listings,
    /// What was told last of each link, by ifindex.
    told: BTreeMap<Key, BTreeMap<u32, LinkRecord>>,
    numbers: Numbers,
    unsure: Unsure,
    /// Listings that could not be made, or that kept changing: they are retried later.
    to_retry: BTreeSet<Key>,
    home: &'a NetnsHandle,
    args: &'a Args,
    /// What is not printed yet.
    pub(super) answers: Vec<Answer>,
}

impl<'a> Following<'a> {
    pub(super) fn new(listings: Listings, home: &'a NetnsHandle, args: &'a Args) -> Self {
        Self {
            listings,
            told: BTreeMap::new(),
            numbers: Numbers::default(),
            unsure: Unsure::default(),
            to_retry: BTreeSet::new(),
            home,
            args,
            answers: Vec::new(),
        }
    }

    /// Lists a listing, and tells how it differs from what was told last.
    pub(super) fn look(&mut self, key: Key, arrival: &'static str) {
        let Some(listing) = self.listings.get_mut(key) else { return };
        self.numbers.forget_all(listing.netns.ns.id());
        self.numbers.note_listed(listing.netns.ns.id());
        if let Err(error) = listing.list(self.args) {
            self.to_retry.insert(key);
            return self.answers.push(Err(error));
        }
        if !listing.settled {
            self.to_retry.insert(key);
        }
        let present: Vec<u32> = listing.links.keys().copied().collect();
        let known = self.told.entry(key).or_default();
        let gone: Vec<u32> = known.keys().filter(|ifindex| present.binary_search(ifindex).is_err()).copied().collect();
        for ifindex in gone {
            self.depart(key, ifindex, None);
        }
        for ifindex in present {
            self.compare(key, ifindex, arrival);
        }
    }

    /// Takes notice of what happened in the namespace of a listing.
    pub(super) fn hear(&mut self, key: Key, event: Event) {
        let Some(Listing { netns, links, .. }) = self.listings.get_mut(key) else { return };
        let ifindex = match event {
            Event::Overrun => {
                self.numbers.forget_all(netns.ns.id());
                self.unsure.listings.insert(key);
                return;
            }
            Event::Number(nsid) => {
                let again = self.numbers.forget(netns.ns.id(), nsid);
                // A look-up gives a number, too, before it is known to whom.
                let led = links.values();
                let led = led.filter(|listed| listed.link.lower_nsid.is_some_and(|nsid| again.contains(&nsid)));
                self.unsure.links.extend(led.map(|listed| (netns.ns.id().ino, listed.link.ifindex)));
                return;
            }
            Event::Gone(link) => return self.depart(key, link.ifindex, link.gone_to),
            Event::Link(link) => {
                if !is_wanted(&link, self.args) {
                    // It may be the master of one that is.
                    self.unsure.links.insert((netns.ns.id().ino, link.ifindex));
                    return;
                }
                let ifindex = link.ifindex;
                // The second end of a new pair is announced before it is tied to the first, and not again afterwards.
                let is_untied = link.lower.is_none() && link.relation() == Some(Relation::Peer);
                let again = if is_untied { netns.netlink.link_at(ifindex) } else { Ok(None) };
                match again {
                    Ok(again) => put(links, again.map_or(link, Box::new)),
                    Err(error) => self.answers.push(Err(error)),
                }
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
        self.compare(key, ifindex, change::ARRIVED);
    }

    /// What has to be looked at again since this was asked last, if anything has.
    pub(super) fn take_unsure(&mut self) -> Option<Unsure> {
        let is_sure = self.unsure.listings.is_empty() && self.unsure.links.is_empty();
        (!is_sure).then(|| std::mem::take(&mut self.unsure))
    }

    /// Whether anything has to be looked at again.
    pub(super) fn is_unsure(&self) -> bool {
        !self.unsure.listings.is_empty() || !self.unsure.links.is_empty()
    }

    /// Whether a listing is to be retried.
    pub(super) fn has_to_retry(&self) -> bool {
        !self.to_retry.is_empty()
    }

    /// Counts the listings that are to be retried among what has to be looked at again.
    pub(super) fn retry(&mut self) {
        self.unsure.listings.append(&mut self.to_retry);
    }

    /// Looks again at listings, at links, and at the links whose records name these: when the master, the peer or the parent of a
    /// link changes, nothing is announced about the link itself. All that was announced before has to be heard by now: it would be
    /// older than what is seen here.
    pub(super) fn refresh(&mut self, unsure: &Unsure) {
        for key in &unsure.listings {
            self.look(*key, change::ARRIVED);
        }
        let touched = &unsure.links;
        let mut stale = Vec::new();
        for (key, links) in &self.told {
            let is_stale = |record: &LinkRecord| {
                touched.contains(&record.nic.id()) || record.nic.others().any(|other| touched.contains(&other))
            };
            stale.extend(links.iter().filter(|(_, record)| is_stale(record)).map(|(ifindex, _)| (*key, *ifindex)));
        }
        for (key, ifindex) in stale {
            let Some(Listing { netns, links, .. }) = self.listings.get_mut(key) else { continue };
            match netns.netlink.link_at(ifindex) {
                Ok(Some(link)) if is_wanted(&link, self.args) => put(links, Box::new(link)),
                // If it is gone, that is announced.
                Ok(_) => continue,
                Err(error) => self.answers.push(Err(error)),
            }
            self.compare(key, ifindex, change::ARRIVED);
        }
    }

    /// Continues another record of the same container from now on. No link has changed by that.
    pub(super) fn rename(&mut self, key: Key, record: Record) {
        let Some(listing) = self.listings.get_mut(key) else { return };
        listing.netns.label = label(&record);
        listing.record = Rc::new(record);
        for told in self.told.get_mut(&key).into_iter().flat_map(BTreeMap::values_mut) {
            told.record = listing.record.clone();
        }
    }

    /// Follows a namespace no longer: while it is followed, it and the links in it cannot end.
    pub(super) fn let_go(&mut self, key: Key) -> Option<Listing> {
        let links: Vec<u32> = self.told.get(&key).into_iter().flat_map(BTreeMap::keys).copied().collect();
        for ifindex in links {
            self.depart(key, ifindex, None);
        }
        self.told.remove(&key);
        let listing = self.listings.remove(key)?;
        if self.listings.of(listing.netns.ns.id()).is_none() {
            self.numbers.forget_all(listing.netns.ns.id());
        }
        Some(listing)
    }

    /// Tells how a link differs from what was told of it last.
    fn compare(&mut self, key: Key, ifindex: u32, arrival: &'static str) {
        let Some(listing) = self.listings.get(key) else { return };
        let Some(listed) = listing.links.get(&ifindex) else { return };
        let wiring = Wiring::new(self.home, &self.listings, &self.numbers);
        let now = match to_record(listing, listed, &wiring) {
            Ok(now) => now,
            Err(error) => return self.answers.push(Err(error)),
        };
        let before = self.told.entry(key).or_default().insert(ifindex, now.clone());
        if before.as_ref().is_none_or(|before| before.nic.link.name != now.nic.link.name) {
            self.touch(&now);
        }
        self.answers.extend(change::between(before, now, arrival).map(Ok));
    }

    /// Tells that a link has left, and where to, if it was moved: the kernel says so in the namespace that it left.
    fn depart(&mut self, key: Key, ifindex: u32, to: Option<(i32, Option<u32>)>) {
        let Some(listing) = self.listings.get_mut(key) else { return };
        listing.links.remove(&ifindex);
        let Some(told) = self.told.get_mut(&key).and_then(|told| told.remove(&ifindex)) else { return };
        self.touch(&told);
        let mut gone = change::happened(change::GONE, told);
        if let (Some((nsid, ifindex)), Some(listing)) = (to, self.listings.get(key)) {
            let wiring = Wiring::new(self.home, &self.listings, &self.numbers);
            match wiring.identify(&listing.netns, nsid) {
                Ok(id) => gone.nic.to = Some(Destination { netns: id.map(|id| id.ino), ifindex }),
                Err(error) => self.answers.push(Err(error)),
            }
        }
        self.answers.push(Ok(gone));
    }

    /// Notes that others have to be looked at again: those whose records name a link, and its other end.
    fn touch(&mut self, record: &LinkRecord) {
        self.unsure.links.insert(record.nic.id());
        self.unsure.links.extend(record.nic.others());
    }
}

fn is_wanted(link: &Link, args: &Args) -> bool {
    args.kind.is_none() || link.kind == args.kind
}

/// Replaces a link by what is known of it now. Its addresses are announced by themselves.
fn put(links: &mut BTreeMap<u32, ListedLink>, link: Box<Link>) {
    let addresses = links.remove(&link.ifindex).map(|listed| listed.addresses).unwrap_or_default();
    links.insert(link.ifindex, ListedLink { link, addresses });
}
