//! The links that the records ask for, by the places where they are to be.

use std::collections::HashMap;
use std::rc::Rc;

use nicon_core::link::Selector;
use nicon_core::{Record, Result};
use nicon_rtnl::record::label;
use nicon_rtnl::{Link, NetnsHandle};

use crate::link::from::open_from;
use crate::link::mark::{Mark, Tie};
use crate::link::namespaces::Namespaces;
use crate::link::tag::recorded_origin;
use crate::link::undo::Undo;
use crate::linkadd::existing::is_as_asked;
use crate::record::act::Act;
use crate::wire::input::Input;
use crate::wire::marked::MarkedLink;
use crate::wire::unit::Unit;

/// The links of a plan that are to be there.
#[derive(Default)]
pub(crate) struct Wanted {
    /// By the inode number of the network namespace, and the name.
    places: HashMap<(u64, String), Wish>,
    /// The links that are to be moved, by the inode number of the namespace that they come from, and their names there.
    moves: Vec<(u64, Selector)>,
    /// What the records call their namespaces, by inode number.
    labels: HashMap<u64, String>,
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
}

impl Wanted {
    /// What units ask for.
    ///
    /// # Errors
    /// If a process is gone, or its namespace must not be entered.
    pub(crate) fn of(units: &[Unit], namespaces: &Namespaces) -> Result<Self> {
        let mut wanted = Self::default();
        for unit in units {
            let mut places = Vec::new();
            for (_, record) in &unit.records {
                let netns = namespaces.of_record(record)?;
                wanted.labels.entry(netns.ns.id().ino).or_insert_with(|| label(record));
                places.push((netns, Mark::of(record)?.map(|mark| mark.name)));
            }
            let from = match (unit.act, &unit.records[..]) {
                (Act::Link, [(_, record)]) => {
                    let from = open_from(record, &places[0].0, &namespaces.home, &namespaces.home)?.ns.id().ino;
                    wanted.moves.push((from, record.text("link")?.unwrap_or_default().parse()?));
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
                wanted.places.insert((netns.ns.id().ino, name.clone()), wish);
            }
        }
        Ok(wanted)
    }

    /// Nothing, but what records call the namespaces whose inode numbers they have.
    pub(crate) fn labels_of(input: &Input) -> Self {
        let labelled = |record: &Record| Some((record.get("ns")?.get("net")?.as_u64()?, label(record)));
        Self { labels: input.records().filter_map(labelled).collect(), ..Self::default() }
    }

    /// Whether a link that carries a mark is what is asked for in its place.
    ///
    /// # Errors
    /// If the kernel does not answer.
    pub(crate) fn has(&self, MarkedLink { netns, link, mark }: &MarkedLink, home: &NetnsHandle) -> Result<bool> {
        if !is_called(link, &mark.name) {
            return Ok(false);
        }
        Ok(match self.places.get(&(netns.ns.id().ino, mark.name.clone())) {
            None => false,
            Some(Wish::Moved) => recorded_origin(link).is_some(),
            Some(Wish::Changed) => mark.tie == Tie::Kept,
            Some(Wish::Made(record)) => mark.tie == Tie::Made && is_as_asked(record, (link, netns), home)?,
            Some(Wish::End { other, far, is_first }) => {
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

/// Whether an end of a pair says that the other is its peer.
fn leads_to((netns, link): (&NetnsHandle, &Link), (other, peer): (&NetnsHandle, &Link)) -> Result<bool> {
    Ok(link.lower == Some(peer.ifindex) && netns.leads_into(link, other)?)
}

/// Whether a link is found by a name. One that was renamed is made, or moved, anew.
fn is_called(link: &Link, name: &String) -> bool {
    link.name == *name || link.altnames.contains(name)
}
