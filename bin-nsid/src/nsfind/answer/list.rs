//! The list of the machine's namespaces: those with processes, and those that something else keeps.

use std::collections::BTreeMap;

use nicon_core::containers::Containers;
use nicon_core::{Error, NsType, Record, Result, proc};

use crate::answer::inside::Inside;
use crate::answer::leader;
use crate::answer::output;
use crate::answer::replies::{Replies, Searched};
use crate::answer::tree;
use crate::holding::holders::Holders;
use crate::question::args::Args;
use crate::question::query::Query;
use crate::walk::census::Census;
use crate::walk::scope::Scope;

/// Lists the namespaces that the command line narrows them to.
///
/// # Errors
/// If /proc cannot be read, or standard output fails.
pub(crate) fn list(args: &Args, names: Option<&Containers>, replies: &mut Replies) -> Result<()> {
    let types = args.types.chosen();
    let census = Census::take(&Scope::every(types))?;
    // Without a process there is no PID to print.
    let searched = (!args.pid || args.owner.is_some()).then(|| Searched::now(types)).transpose()?;
    let holders = searched.as_ref().map(|searched| &searched.found.holders);
    let owns = |ino: u64| match (&args.owner, &searched) {
        (Some(owner), Some(searched)) => owner.owns(ino, &searched.found.ancestry),
        _ => Some(true),
    };
    let mut listed = known(&census, holders, types);
    if let Some(containers) = names.filter(|_| args.within.is_some()) {
        let inside = Inside::find(containers, types)?;
        listed.retain(|ino, _| inside.covers(*ino, holders));
    }
    listed.retain(|ino, _| owns(*ino) != Some(false));
    let order = match &searched {
        Some(searched) if args.tree => tree::order(&listed, &searched.found.ancestry),
        _ => listed.keys().map(|ino| (*ino, 0)).collect(),
    };
    let queries: Vec<Query> = order.iter().map(|(ino, _)| Query::found(listed[ino], *ino)).collect();
    // Nobody asked for these by name, so one that has ended since the walk is not an error.
    let found = leader::answers(&queries, &census, holders, names, !args.pid)?;
    let (mut answers, mut answered): (Vec<(usize, Result<Record>)>, Vec<&Query>) = (Vec::new(), Vec::new());
    let mut unknown = 0;
    for ((query, (_, depth)), answer) in queries.iter().zip(&order).zip(found) {
        let Some(answer) = answer else { continue };
        if owns(query.ino).is_none() {
            unknown += 1;
            continue;
        }
        answers.push((*depth, answer));
        answered.push(query);
    }
    if args.tree && output::is_table(args) {
        output::draw(&mut answers);
    }
    if args.owner.is_some() {
        replies.complain(incomplete(unknown, answers.is_empty()))?;
    }
    // One after the other, since there may be many holders.
    for ((_, mut answer), query) in answers.into_iter().zip(answered) {
        let mut untold = None;
        if let (Ok(record), Some(searched)) = (&mut answer, &searched) {
            untold = searched.describe(record, query, args.holders);
        }
        replies.give(None, answer)?;
        replies.complain(untold)?;
    }
    match searched {
        Some(searched) => replies.complain_of(&census, searched),
        None => replies.complain(proc::complaint(&census.denied)),
    }
}

/// The namespaces of these types that have processes or holders.
fn known(census: &Census, holders: Option<&Holders>, types: &[NsType]) -> BTreeMap<u64, NsType> {
    let counted = census.tallies.iter().map(|(ino, tally)| (*ino, tally.ns_type));
    let held = holders.into_iter().flat_map(Holders::namespaces).map(|(ns_type, ino)| (ino, ns_type));
    counted.chain(held).filter(|(_, known)| types.contains(known)).collect()
}

/// What is to be said of a list that was narrowed by owner: that it is empty, or that some owners are not known.
fn incomplete(unknown: usize, is_empty: bool) -> Option<Error> {
    match unknown {
        0 if is_empty => Some(Error::no("no namespace of that owner was found")),
        0 => None,
        1 => Some(Error::failed("the owner of 1 namespace could not be found: it may be missing")),
        many => Some(Error::failed(format!("the owners of {many} namespaces could not be found: some may be missing"))),
    }
}
