//! Makes the pair that two records ask for, and writes it down in them.

use nicon_core::{Record, Result};
use nicon_rtnl::record::{LinkFacts, NIC};
use nicon_rtnl::{Link, NetnsHandle};
use serde_json::{Value, json};

use crate::link::mark::Mark;
use crate::link::namespaces::Namespaces;
use crate::link::undo::Undo;
use crate::making::Options;
use crate::making::new_link::NewLink;
use crate::record::deed::{Deed, PairUndo, PeerUndo};
use crate::record::program::VETH;
use crate::record::steps::STEPS;
use crate::veth::end::end_of;
use crate::veth::pair::{Made, Pair};
use crate::wishes;

/// The namespaces that are wired.
pub(crate) struct Wiring<'a> {
    options: Options<'a>,
    namespaces: &'a Namespaces,
}

impl<'a> Wiring<'a> {
    pub(crate) fn new(options: Options<'a>, namespaces: &'a Namespaces) -> Self {
        Self { options, namespaces }
    }

    /// Makes the pair that the records ask for. If it is new, its ends get the `marks`.
    ///
    /// # Errors
    /// Nothing is made, and the records are as they were.
    pub(crate) fn wire_as_asked(&self, records: &mut [Record; 2], marks: [Option<Mark>; 2]) -> Result<Vec<Undo>> {
        let [first, second] = marks;
        let first = NewLink { mark: first, ..end_of(&records[0])? };
        let ends = [first, NewLink { mark: second, ..end_of(&records[1])? }];
        let changes = self.wire(records, &ends)?;
        if !self.options.dry_run {
            for record in records {
                record.remove("pair");
                record.remove_all(&wishes::FIELDS);
            }
        }
        Ok(changes)
    }

    /// Makes a pair, and writes it down in the records of its ends. If it was there already, returns how the ends were that were
    /// changed.
    ///
    /// # Errors
    /// Nothing is made, and the records are as they were.
    pub(crate) fn wire(&self, records: &mut [Record; 2], ends: &[NewLink; 2]) -> Result<Vec<Undo>> {
        for record in &*records {
            // What cannot be read could not be undone, either.
            Deed::all(record)?;
        }
        ends.iter().try_for_each(|end| self.options.readiness.check_up(&end.spec, "an end"))?;
        let first = &*self.namespaces.of_record(&records[0])?;
        let second = &*self.namespaces.of_record(&records[1])?;
        let pair = Pair::new([first, second], ends, self.options.exact)?;
        if self.options.dry_run {
            let steps = pair.plan(&self.options.readiness)?;
            records.iter_mut().zip(steps).for_each(|(record, steps)| record.set(STEPS, steps));
            return Ok(Vec::new());
        }
        if self.options.all_or_nothing {
            self.namespaces.hold(first);
            self.namespaces.hold(second);
        }
        let id = Deed::new_id()?;
        let made = pair.make(&self.options.readiness)?;
        write_down(&mut records[0], &id, &made, [(0, first), (1, second)]);
        write_down(&mut records[1], &id, &made, [(1, second), (0, first)]);
        Ok(made.changes)
    }
}

/// Adds one end's facts and deed to its record, given the index and namespace of this end and of the other.
fn write_down(record: &mut Record, id: &str, made: &Made, [(own, netns), (other, far)]: [(usize, &NetnsHandle); 2]) {
    let (link, peer) = (&made.links[own], &made.links[other]);
    let netns = netns.ns.id().ino;
    // What a dry run said would be done.
    record.remove(STEPS);
    record.set(NIC, nic(link, netns, (peer, far)));
    let undo = made.inodes.map(|inodes| PairUndo {
        inode: inodes[own],
        peer: PeerUndo { netns: far.ns.id().ino, name: peer.name.clone(), ifindex: peer.ifindex, inode: inodes[other] },
    });
    Deed { changed: made.is_changed(), ..Deed::of(VETH, id, link, netns, &undo) }.add_to(record);
}

fn nic(link: &Link, netns: u64, (peer, far): (&Link, &NetnsHandle)) -> Value {
    let mut nic = serde_json::to_value(LinkFacts::new(link, netns)).expect("plain data");
    nic["peer"] = json!({
        "name": peer.name, "ifindex": peer.ifindex, "netns": far.ns.id().ino, "target": far.label
    });
    nic
}
