//! The run: namespaces in, their links or who listens there out, and then what happens to the links.

use nicon_core::filter::names::is_stdin;
use nicon_core::filter::open_files;
use nicon_core::filter::stream::Answers;
use nicon_core::{Error, Result, Status};
use nicon_rtnl::NetnsHandle;
use serde::Serialize;

use crate::all;
use crate::args::Args;
use crate::conditions::Conditions;
use crate::input::{self, Input};
use crate::listings::Listings;
use crate::matching::{self, Tally};
use crate::names::Names;
use crate::numbers::Numbers;
use crate::output::{LISTENERS, PROGRAM, columns};
use crate::record::{LinkRecord, to_record};
use crate::watch::watch;
use crate::wiring::Wiring;

/// Lists what the command line or the records ask for.
///
/// # Errors
/// What ends the whole run; a namespace that cannot be listed does not.
pub(crate) fn run(args: &Args) -> Result<Status> {
    if args.watch && !args.having.is_empty() {
        let way_out = r#"pick from what it prints, as with: nicon-links --watch | jq -c 'select(.nic.name == "eth0")'"#;
        return Err(Error::failed(format!("--having looks once, and --watch goes on: {way_out}")));
    }
    if args.names.as_deref().is_some_and(is_stdin) && input::reads_stdin(args) {
        return Err(Error::failed(format!("--names - reads standard input: {}", input::OPERANDS)));
    }
    let names = Names::of(args)?;
    // Each namespace is held open by a few descriptors, and there may be thousands of them.
    open_files::allow_many()?;
    let home = NetnsHandle::home()?;
    let conditions = Conditions::new(args);
    if !args.asks_for_links() {
        let mut answers = Answers::new(PROGRAM, args.format.view(LISTENERS))?;
        let listings = open_all(args, names, &home, &mut answers)?;
        matching::listeners(&listings, &conditions, args, &mut answers)?;
        return answers.finish();
    }
    let (format, columns) = (args.format, columns(args));
    let mut answers =
        Answers::new(PROGRAM, if args.watch { format.view_of_rows(columns) } else { format.view(columns) })?;
    if args.watch {
        let input = if args.all { Input::new(names) } else { input::open_all(args, names, &home, &mut answers)? };
        watch(input, args, &home, &mut answers)?;
    } else {
        let listings = open_all(args, names, &home, &mut answers)?;
        list(&listings, &home, &conditions, args, &mut answers)?;
    }
    answers.finish()
}

/// Opens what was asked for, or all that there is.
fn open_all<A: Serialize>(args: &Args, names: Names, home: &NetnsHandle, answers: &mut Answers<A>) -> Result<Listings> {
    if !args.all {
        return Ok(input::open_all(args, names, home, answers)?.listings);
    }
    let mut listings = Listings::new(names);
    let (opened, left_out) = all::open_new(&listings, &mut None, home, args)?;
    answers.give_all(left_out.into_iter().map(Err))?;
    for listing in opened {
        listings.add(listing);
    }
    Ok(listings)
}

/// Prints the links that have what is asked for.
fn list(
    listings: &Listings,
    home: &NetnsHandle,
    conditions: &Conditions<'_>,
    args: &Args,
    answers: &mut Answers<LinkRecord>,
) -> Result<()> {
    let numbers = Numbers::default();
    let wiring = Wiring::new(home, listings, &numbers);
    let mut tally = Tally::default();
    for (_, listing) in listings.iter() {
        if !listing.settled {
            let restless = format!("{}: links come and go too fast: some may be missing", listing.netns.label);
            answers.give(None, Err(Error::failed(restless)))?;
        }
        let (found, left_out) = match matching::links(listing, conditions) {
            Ok(found) => found,
            Err(error) => {
                answers.give(None, Err(error.prefix(&listing.netns.label)))?;
                continue;
            }
        };
        tally.count(listing, found.len());
        let records = found.into_iter().map(|(link, listening)| {
            to_record(listing, link, &wiring).map(|record| LinkRecord { listening, ..record })
        });
        answers.give_all(records.chain(left_out.map(Err)))?;
    }
    tally.finish(args, answers)
}
