//! Going on: what happens to links, told as it happens.

use std::collections::{BTreeMap, BTreeSet};
use std::convert::Infallible;

use nicon_core::stream::Answers;
use nicon_core::{Record, Result};
use nicon_linkmv::news::{Ear, News, hear};
use nicon_linkmv::{Link, Place};
use serde_json::{Map, Value, json};

use crate::args::Args;
use crate::tell::tell;
use crate::view::View;
use crate::wiring::Wiring;

/// What was told last of each link of a view, by its ifindex.
type Told = BTreeMap<u32, Record>;

/// The views, and what was told of them.
struct Watch<'a> {
    views: Vec<View>,
    told: Vec<Told>,
    args: &'a Args,
    home: &'a Place,
    answers: &'a mut Answers,
}

/// Tells all links that are there, and then every change. Listening begins before the list is made, so that nothing falls
/// between the two; what the socket could not hold is made up for by another list, compared with the last one.
pub(crate) fn watch(views: Vec<View>, args: &Args, home: &Place, answers: &mut Answers) -> Result<Infallible> {
    let ears: Vec<Ear> = views.iter().map(|view| view.place.listen(home)).collect::<Result<_>>()?;
    let told = vec![Told::new(); views.len()];
    let mut watch = Watch { views, told, args, home, answers };
    for number in 0..watch.views.len() {
        watch.look_again(number, "present")?;
    }
    loop {
        for (number, event) in hear(&ears)? {
            watch.hear(number, event)?;
        }
    }
}

impl Watch<'_> {
    fn hear(&mut self, number: usize, event: News) -> Result<()> {
        let links = &mut self.views[number].links;
        let ifindex = match event {
            News::Overrun => return self.look_again(number, "arrived"),
            News::Gone(link) => return self.depart(number, &link),
            News::Link(link) => {
                if self.args.kind.is_some() && link.kind != self.args.kind {
                    return Ok(());
                }
                let ifindex = link.ifindex;
                let addresses = links.remove(&ifindex).map(|(_, addresses)| addresses).unwrap_or_default();
                links.insert(ifindex, (Link { stats: None, ..*link }, addresses));
                ifindex
            }
            News::Address(ifindex, address) => {
                if let Some((_, addresses)) = links.get_mut(&ifindex)
                    && !addresses.contains(&address)
                {
                    addresses.push(address);
                }
                ifindex
            }
            News::AddressGone(ifindex, address) => {
                if let Some((_, addresses)) = links.get_mut(&ifindex) {
                    addresses.retain(|other| *other != address);
                }
                ifindex
            }
        };
        self.compare(number, ifindex, "arrived")
    }

    /// Lists a view, and tells how it differs from what was told last.
    fn look_again(&mut self, number: usize, arrival: &str) -> Result<()> {
        // What is missing in it will be heard of.
        self.views[number].list(self.args)?;
        let present: BTreeSet<u32> = self.views[number].links.keys().copied().collect();
        let told: BTreeSet<u32> = self.told[number].keys().copied().collect();
        for gone in told.difference(&present) {
            if let Some(record) = self.told[number].remove(gone) {
                self.answers.give(None, Ok(event("gone", record)))?;
            }
        }
        for ifindex in present {
            self.compare(number, ifindex, arrival)?;
        }
        Ok(())
    }

    /// Tells how a link differs from what was told of it last.
    fn compare(&mut self, number: usize, ifindex: u32, arrival: &str) -> Result<()> {
        let view = &self.views[number];
        let Some((link, addresses)) = view.links.get(&ifindex) else { return Ok(()) };
        let now = tell(view, link, addresses, &Wiring::new(self.home, &self.views))?;
        match self.told[number].insert(ifindex, now.clone()) {
            None => self.answers.give(None, Ok(event(arrival, now))),
            Some(before) if before != now => {
                let was = was(&before, &now);
                let mut record = event("changed", now);
                record.set("was", was);
                self.answers.give(None, Ok(record))
            }
            Some(_) => Ok(()),
        }
    }

    /// Tells that a link has left, and where to, if it was moved: the kernel says so in the namespace that it left.
    fn depart(&mut self, number: usize, link: &Link) -> Result<()> {
        self.views[number].links.remove(&link.ifindex);
        let Some(record) = self.told[number].remove(&link.ifindex) else { return Ok(()) };
        let mut record = event("gone", record);
        if let Some((nsid, ifindex)) = link.gone_to {
            let id = Wiring::new(self.home, &self.views).identify(&self.views[number].place, nsid)?;
            record.set("to", json!({ "netns": id.map(|id| id.ino), "ifindex": ifindex }));
        }
        self.answers.give(None, Ok(record))
    }
}

fn event(what: &str, mut record: Record) -> Record {
    record.set("event", what);
    record
}

/// The fields that were different, as they were.
fn was(before: &Record, now: &Record) -> Value {
    const FIELDS: [&str; 11] =
        ["name", "kind", "mac", "mtu", "flags", "operstate", "master", "alias", "altnames", "addresses", "peer"];
    let changed = FIELDS.iter().filter(|field| before.get(field) != now.get(field));
    let fields = changed.map(|field| ((*field).to_owned(), before.get(field).cloned().unwrap_or_default()));
    Value::Object(fields.collect::<Map<_, _>>())
}
