//! What was listed of a network namespace once, for programs that change nothing: they ask about each of its links, and the kernel
//! is asked about all of them together.

use std::cell::{OnceCell, RefCell};
use std::collections::HashMap;
use std::hash::Hash;

use nicon_core::{NsId, Result};
use rtnetlink::packet_route::address::AddressMessage;
use rtnetlink::packet_route::route::RouteMessage;

use crate::link::Link;
use crate::raw::Raw;

/// A list that is made when it is first needed.
pub(crate) type List<T> = OnceCell<T>;

/// What was listed so far.
#[derive(Default)]
pub(crate) struct Once {
    pub(crate) links: List<Links>,
    /// By the ifindex of their links, as are the others.
    pub(crate) addresses: List<HashMap<u32, Vec<AddressMessage>>>,
    pub(crate) qdiscs: List<HashMap<u32, Vec<Raw>>>,
    pub(crate) routes: List<Vec<RouteMessage>>,
    /// By what numbers other namespaces are known.
    pub(crate) nsids: RefCell<HashMap<NsId, Option<i32>>>,
}

/// All links.
pub(crate) struct Links {
    all: Vec<Link>,
    by_ifindex: HashMap<u32, usize>,
    by_name: HashMap<String, usize>,
}

impl Links {
    pub(crate) fn new(all: Vec<Link>) -> Self {
        let names = |link: &Link| std::iter::once(link.name.clone()).chain(link.altnames.clone()).collect::<Vec<_>>();
        let by_name = all.iter().enumerate().flat_map(|(at, link)| names(link).into_iter().map(move |name| (name, at)));
        let (by_name, by_ifindex) =
            (by_name.collect(), all.iter().enumerate().map(|(at, link)| (link.ifindex, at)).collect());
        Self { all, by_ifindex, by_name }
    }

    pub(crate) fn all(&self) -> &[Link] {
        &self.all
    }

    pub(crate) fn called(&self, name: &str) -> Option<&Link> {
        self.by_name.get(name).map(|at| &self.all[*at])
    }

    pub(crate) fn at(&self, ifindex: u32) -> Option<&Link> {
        self.by_ifindex.get(&ifindex).map(|at| &self.all[*at])
    }
}

/// The list, which `make` makes if it is not there yet.
pub(crate) fn list<T>(list: &List<T>, make: impl FnOnce() -> Result<T>) -> Result<&T> {
    match list.get() {
        Some(listed) => Ok(listed),
        None => make().map(|made| list.get_or_init(|| made)),
    }
}

/// Sorts a list by what `key` says of each entry.
pub(crate) fn grouped<K: Eq + Hash, T>(all: impl IntoIterator<Item = T>, key: impl Fn(&T) -> K) -> HashMap<K, Vec<T>> {
    let mut groups = HashMap::<K, Vec<T>>::new();
    for entry in all {
        groups.entry(key(&entry)).or_default().push(entry);
    }
    groups
}
