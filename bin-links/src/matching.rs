//! Finding: whose name, MAC, address or port it is.

use std::collections::BTreeSet;
use std::rc::Rc;

use nicon_core::filter::stream::Answers;
use nicon_core::{Error, NsId, Record, Result, Status};
use serde::Serialize;

use crate::args::Args;
use crate::conditions::Conditions;
use crate::having::Having;
use crate::listening::{self, ListenerFacts};
use crate::listing::{ListedLink, Listing};
use crate::listings::Listings;

/// A network namespace in which something listens: the record that named it, with what listens added.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct ListenerRecord {
    #[serde(flatten)]
    pub(crate) record: Rc<Record>,
    pub(crate) listening: Vec<ListenerFacts>,
}

/// What is found in one listing: links that have what is asked for, and who listens there.
pub(crate) type FoundLink<'l> = (&'l ListedLink, Option<Vec<ListenerFacts>>);

/// The links of a listing that have what is asked for, with what listens behind them if ports are.
///
/// # Errors
/// If the kernel does not answer.
pub(crate) fn links<'l>(
    listing: &'l Listing,
    conditions: &Conditions<'_>,
) -> Result<(Vec<FoundLink<'l>>, Option<Error>)> {
    let matching: Vec<&ListedLink> = listing.links.values().filter(|link| conditions.hold_of(link)).collect();
    if matching.is_empty() || conditions.ports().next().is_none() {
        return Ok((matching.into_iter().map(|link| (link, None)).collect(), None));
    }
    let listening = listening::on_ports(listing, conditions)?;
    let mut found = Vec::new();
    for link in matching {
        let reached = listening::reached(&listening, Some(link), conditions);
        if !reached.is_empty() {
            found.push((link, Some(listening::facts(listing, &reached)?)));
        }
    }
    Ok((found, listening.more.then(|| listening::too_many(listing))))
}

/// Prints the record of each network namespace in which something listens on all ports that are asked for.
///
/// # Errors
/// If standard output fails.
pub(crate) fn listeners(
    listings: &Listings,
    conditions: &Conditions<'_>,
    args: &Args,
    answers: &mut Answers<ListenerRecord>,
) -> Result<()> {
    let mut tally = Tally::default();
    for (_, listing) in listings.iter() {
        let found = listening::on_ports(listing, conditions).and_then(|listening| {
            let reached = listening::reached(&listening, None, conditions);
            Ok((listening::facts(listing, &reached)?, listening.more))
        });
        match found {
            Ok((listening, more)) => {
                tally.count(listing, listening.len());
                let record = listing.record.clone();
                let found = (!listening.is_empty()).then(|| Ok(ListenerRecord { record, listening }));
                answers.give_all(found.into_iter().chain(more.then(|| Err(listening::too_many(listing)))))?;
            }
            Err(error) => answers.give(None, Err(error.prefix(&listing.netns.label)))?,
        }
    }
    tally.finish(args, answers)
}

/// What was looked at, and how much was found.
#[derive(Default)]
pub(crate) struct Tally {
    looked_at: BTreeSet<NsId>,
    has_home: bool,
    found: usize,
}

impl Tally {
    pub(crate) fn count(&mut self, listing: &Listing, found: usize) {
        self.looked_at.insert(listing.netns.ns.id());
        self.has_home |= listing.netns.is_home();
        self.found += found;
    }

    /// Tells if nothing has what was asked for.
    ///
    /// # Errors
    /// If standard output fails.
    pub(crate) fn finish<A: Serialize>(self, args: &Args, answers: &mut Answers<A>) -> Result<()> {
        if self.found > 0 || args.having.is_empty() {
            return Ok(());
        }
        let place = match self.looked_at.len() {
            // Nobody was asked, so nobody has answered no.
            0 if answers.worst() == Status::Answered => {
                let nobody = "no record names a network namespace: none was looked at";
                return answers.give(None, Err(Error::failed(nobody)));
            }
            // Each has said why.
            0 => return Ok(()),
            1 => " in 1 network namespace".to_owned(),
            count => format!(" in {count} network namespaces"),
        };
        // One that is kept by an open file or a socket alone is not among them.
        let which = match (args.all, self.has_home) {
            (true, _) => " (of those that a process is in, or that have a name)",
            (false, true) => "",
            // Engines leave the other ends of their containers' links there.
            (false, false) => "; the host's was not among them (-t host)",
        };
        answers.give(None, Err(Error::no(format!("{}{place}{which}", nothing(args)))))
    }
}

/// `no link of kind veth has the name eth0 where something listens on tcp:8080`: what there was none of.
fn nothing(args: &Args) -> String {
    let (ports, attributes): (Vec<&Having>, Vec<&Having>) =
        args.having.iter().partition(|having| matches!(having, Having::Port(_)));
    let list = |all: &[&Having]| all.iter().map(ToString::to_string).collect::<Vec<_>>().join(" and ");
    let ports = list(&ports);
    if !args.asks_for_links() {
        return format!("nothing listens on {ports}");
    }
    let kind = args.kind.as_ref().map(|kind| format!(" of kind {kind}")).unwrap_or_default();
    let has = match attributes.as_slice() {
        [] => String::new(),
        [one] => format!(" has {one}"),
        // Other links of the same namespace may have the rest.
        all => {
            format!(" has {} (all must hold of one link; for several, pipe one nicon-links into another)", list(all))
        }
    };
    let place = if ports.is_empty() { String::new() } else { format!(" where something listens on {ports}") };
    format!("no link{kind}{has}{place}")
}
