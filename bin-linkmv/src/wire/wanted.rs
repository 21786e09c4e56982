//! The links that the records ask for, by the places where they are to be.

use std::collections::{HashMap, HashSet};
use std::rc::Rc;

use nicon_core::link::Selector;
use nicon_core::link::kind::TARGETS_OWN;
use nicon_core::{Record, Result, Status};
use nicon_rtnl::record::label;
use nicon_rtnl::{Link, NetnsHandle};

use crate::link::from::open_from;
use crate::link::mark::{Mark, Tie};
use crate::link::namespaces::Namespaces;
use crate::link::tag::recorded_origin;
use crate::link::undo::Undo;
use crate::linkadd::existing::is_as_asked;
use crate::record::act::Act;
use crate::record::passing::is_unknown;
use crate::wire::input::Input;
use crate::wire::marked::MarkedLink;
use crate::wire::unit::Unit;

/// The links of a plan that are to be there.
#[derive(Default)]
pub(crate) struct Wanted {
    /// By the inode number of the network namespace, and the name. There is more than one in a place if two paths lead there.
    places: HashMap<(u64, String), Vec<Wish>>,
    /// The links that are to be moved, by the inode number of the namespace that they come from, and their names there.
    moves: Vec<(u64, Selector)>,
    /// What the records call their namespaces, by inode number.
    labels: HashMap<u64, String>,
    /// The names of links whose containers may be there, although nobody can say, such as while their engine is silent. What is called
    /// so is spared in all namespaces that no record names.
    somewhere: HashSet<String>,
}

/// What is to be in a place.
enum Wish {
    /// A link that was moved there.
    Moved,
    /// One that was changed there.
    Changed,
    /// The first or the second end of a pair whose other end has this name, in this namespace.
    End { other: Rc<NetnsHandle>, far: String, is_first: bool },
    /// A single link that was made as this record asks for it.
    Made(Record),
    /// Whatever is there.
    Spared,
}

impl Wanted {
    /// What units ask for.
    ///
    /// # Errors
    /// If a process is gone, or its namespace must not be entered.
    pub(crate) fn of(units: &[Unit], namespaces: &Namespaces) -> Result<Self> {
        let mut wanted = Self::default();
        units.iter().try_for_each(|unit| wanted.add(unit, namespaces))?;
        Ok(wanted)
    }

    /// The same of units of which some have a container that is not there now: what is there of those stays as it is.
    ///
    /// # Errors
    /// If a namespace must not be entered.
    pub(crate) fn of_present<'u>(units: impl IntoIterator<Item = &'u Unit>, namespaces: &Namespaces) -> Result<Self> {
        let mut wanted = Self::default();
        for unit in units {
            match if unit.is_away() { Ok(false) } else { wanted.add(unit, namespaces).map(|()| true) } {
                Ok(true) => {}
                Err(error) if error.status() != Status::No => return Err(error),
                Ok(false) | Err(_) => wanted.spare(unit, namespaces)?,
            }
        }
        Ok(wanted)
    }

    /// The same of only those units whose ends are all there.
    ///
    /// # Errors
    /// If a namespace must not be entered.
    pub(crate) fn of_complete<'u>(units: impl IntoIterator<Item = &'u Unit>, namespaces: &Namespaces) -> Result<Self> {
        let mut wanted = Self::default();
        for unit in units.into_iter().filter(|unit| !unit.is_away()) {
            match wanted.add(unit, namespaces) {
                Err(error) if error.status() != Status::No => return Err(error),
                _ => {}
            }
        }
        Ok(wanted)
    }

    fn add(&mut self, unit: &Unit, namespaces: &Namespaces) -> Result<()> {
        let mut places = Vec::new();
        for (_, record) in &unit.records {
            let netns = namespaces.of_record(record)?;
            self.labels.entry(netns.ns.id().ino).or_insert_with(|| label(record));
            places.push((netns, Mark::of(record)?.map(|mark| mark.name)));
        }
        let from = match (unit.act, &unit.records[..]) {
            (Act::Link, [(_, record)]) => {
                let from = open_from(record, &places[0].0, &namespaces.home)?.ns.id().ino;
                self.moves.push((from, record.text("link")?.unwrap_or_default().parse()?));
                Some(from)
            }
            _ => None,
        };
        for at in 0..places.len() {
            let (netns, Some(name)) = &places[at] else { continue };
            let wish = match (unit.act, places.get(1 - at.min(1))) {
                (Act::Pair, Some((other, Some(far)))) => {
                    Wish::End { other: other.clone(), far: far.clone(), is_first: at == 0 }
                }
                (Act::Kind, _) => Wish::Made(unit.records[at].1.clone()),
                _ if from == Some(netns.ns.id().ino) => Wish::Changed,
                _ => Wish::Moved,
            };
            self.places.entry((netns.ns.id().ino, name.clone())).or_default().push(wish);
        }
        Ok(())
    }

    /// Spares what is there of a unit: in its places, as far as they are known, and where a link comes from that it moves. It went
    /// home when its container ended.
    fn spare(&mut self, unit: &Unit, namespaces: &Namespaces) -> Result<()> {
        for (_, record) in &unit.records {
            let Some(mark) = Mark::of(record)? else { continue };
            let known = || Some(namespaces.of_record(record).ok()?.ns.id().ino);
            let mut places: Vec<u64> = net_of(record).or_else(known).into_iter().collect();
            if places.is_empty() && is_unknown(record) {
                self.somewhere.insert(mark.name.clone());
            }
            if unit.act == Act::Link && record.get("from").is_none_or(|from| from != TARGETS_OWN) {
                let from = open_from(record, &namespaces.home, &namespaces.home);
                if let Ok(from) = from.map(|from| from.ns.id().ino) {
                    self.moves.push((from, record.text("link")?.unwrap_or_default().parse()?));
                    places.push(from);
                }
            }
            for place in places {
                self.places.entry((place, mark.name.clone())).or_default().push(Wish::Spared);
            }
        }
        Ok(())
    }

    /// Nothing, but what records call the namespaces whose inode numbers they have.
    pub(crate) fn labels_of(input: &Input) -> Self {
        let labelled = |record: &Record| Some((net_of(record)?, label(record)));
        Self { labels: input.records().filter_map(labelled).collect(), ..Self::default() }
    }

    /// Whether a link that carries a mark is what is asked for in its place.
    ///
    /// # Errors
    /// If the kernel does not answer.
    pub(crate) fn has(&self, marked: &MarkedLink, home: &NetnsHandle) -> Result<bool> {
        let (place, name) = (marked.netns.ns.id().ino, &marked.mark.name);
        let Some(wishes) = self.places.get(&(place, name.clone())) else {
            return Ok(self.somewhere.contains(name) && !self.labels.contains_key(&place) && !marked.netns.is(home));
        };
        for wish in wishes {
            if wish.is_met_by(marked, home)? {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Whether a link that carries a mark has the place and the name of another one that is to be made.
    pub(crate) fn has_in_the_way(&self, marked: &MarkedLink) -> bool {
        let wishes = self.places.get(&(marked.netns.ns.id().ino, marked.mark.name.clone()));
        let is_made = |wish: &Wish| matches!(wish, Wish::End { .. } | Wish::Made(_));
        is_called(&marked.link, &marked.mark.name) && wishes.is_some_and(|wishes| wishes.iter().any(is_made))
    }

    /// Whether it may spare what is not asked for, since it is not known where containers are.
    pub(crate) fn is_vague(&self) -> bool {
        !self.somewhere.is_empty()
    }

    /// Whether a link that was like this before a plan moved it is to be moved still.
    pub(crate) fn moves(&self, before: &Undo) -> bool {
        self.moves.iter().any(|(netns, selector)| match selector {
            Selector::Name(name) => (*netns, name) == (before.netns, &before.name),
            // It may be the one.
            Selector::Mac(_) | Selector::Pci(_) => *netns == before.netns,
        })
    }

    /// What the records call a namespace.
    pub(crate) fn label<'a>(&'a self, netns: &'a NetnsHandle) -> &'a str {
        self.labels.get(&netns.ns.id().ino).unwrap_or(&netns.label)
    }
}

impl Wish {
    fn is_met_by(&self, MarkedLink { netns, link, mark }: &MarkedLink, home: &NetnsHandle) -> Result<bool> {
        Ok(match self {
            Self::Spared => true,
            _ if !is_called(link, &mark.name) => false,
            Self::Moved => recorded_origin(link).is_some(),
            Self::Changed => mark.tie == Tie::Kept,
            Self::Made(record) => mark.tie == Tie::Made && is_as_asked(record, (link, netns), home)?,
            Self::End { other, far, is_first } => {
                let peer = link.lower.map_or(Ok(None), |ifindex| other.netlink.link_at(ifindex))?;
                match peer.filter(|peer| is_called(peer, far)) {
                    None => false,
                    Some(_) if link.kind.as_deref() != Some("veth") => false,
                    // Both ends say the same, so that one direction is enough to ask about.
                    Some(peer) if *is_first => leads_to((netns, link), (other, &peer))?,
                    Some(peer) => link.lower == Some(peer.ifindex) && leads_to((other, &peer), (netns, link))?,
                }
            }
        })
    }
}

/// The inode number of the network namespace that a record says its process has, or had.
fn net_of(record: &Record) -> Option<u64> {
    record.get("ns")?.get("net")?.as_u64()
}

/// Whether an end of a pair says that the other is its peer.
fn leads_to((netns, link): (&NetnsHandle, &Link), (other, peer): (&NetnsHandle, &Link)) -> Result<bool> {
    Ok(link.lower == Some(peer.ifindex) && netns.leads_into(link, other)?)
}

/// Whether a link is found by a name. One that was renamed is made, or moved, anew.
fn is_called(link: &Link, name: &String) -> bool {
    link.name == *name || link.altnames.contains(name)
}
