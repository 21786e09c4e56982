//! The network namespaces that are listed, by which record and by which namespace.

use std::collections::{BTreeMap, BTreeSet};

use nicon_core::NsId;

use crate::listing::Listing;
use crate::names::Names;

/// Tells one listing from all others, also from those that were there before.
pub(crate) type Key = u32;

/// All listings, in the order in which they were added.
#[derive(Default)]
pub(crate) struct Listings {
    /// What containers are called, also those that are not listed.
    pub(crate) names: Names,
    all: BTreeMap<Key, Listing>,
    of: BTreeMap<NsId, BTreeSet<Key>>,
    next: Key,
}

impl Listings {
    pub(crate) fn new(names: Names) -> Self {
        Self { names, ..Self::default() }
    }

    pub(crate) fn add(&mut self, listing: Listing) -> Key {
        self.names.add_around(&listing.record);
        let key = self.next;
        self.next += 1;
        self.of.entry(listing.netns.ns.id()).or_default().insert(key);
        self.all.insert(key, listing);
        key
    }

    pub(crate) fn remove(&mut self, key: Key) -> Option<Listing> {
        let listing = self.all.remove(&key)?;
        let id = listing.netns.ns.id();
        if let Some(keys) = self.of.get_mut(&id) {
            keys.remove(&key);
            if keys.is_empty() {
                self.of.remove(&id);
            }
        }
        Some(listing)
    }

    pub(crate) fn get(&self, key: Key) -> Option<&Listing> {
        self.all.get(&key)
    }

    pub(crate) fn get_mut(&mut self, key: Key) -> Option<&mut Listing> {
        self.all.get_mut(&key)
    }

    /// The listing of a namespace. If containers share it, it gets the name of the one that was requested first.
    pub(crate) fn of(&self, id: NsId) -> Option<&Listing> {
        self.get(*self.of.get(&id)?.first()?)
    }

    /// Whether a namespace is listed that has this inode number.
    pub(crate) fn has(&self, ino: u64) -> bool {
        self.of.keys().any(|id| id.ino == ino)
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (Key, &Listing)> {
        self.all.iter().map(|(key, listing)| (*key, listing))
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.all.is_empty()
    }
}
