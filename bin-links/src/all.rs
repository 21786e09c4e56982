//! The network namespaces of the whole machine, which nobody asked for by name.

use std::collections::BTreeSet;

use nicon_core::link::target::Target;
use nicon_core::{Error, Record, Result, Status, proc};
use nicon_rtnl::NetnsHandle;
use nicon_rtnl::netns::{self, Found, Way};

use crate::args::Args;
use crate::input::{of_process, open};
use crate::listing::{Listing, Origin};
use crate::listings::Listings;

/// Those that could not be opened, by inode number: each is reported once.
#[derive(Default)]
pub(crate) struct LeftOut(BTreeSet<u64>);

/// Opens all that are not listed yet. What is left out is told in one line, when it is left out for the first time.
pub(crate) fn open_new(
    listings: &Listings,
    left_out: &mut Option<LeftOut>,
    home: &NetnsHandle,
    args: &Args,
) -> Result<(Vec<Listing>, Option<Error>)> {
    let census = netns::all()?;
    let (mut opened, mut refused) = (Vec::new(), Vec::new());
    // Processes that may not be inspected are told of at the start: later ones are no news.
    let complaint = proc::complaint(&census.denied).filter(|_| left_out.is_none());
    let unread = census.unread.filter(|_| left_out.is_none());
    let LeftOut(known) = left_out.get_or_insert_default();
    known.retain(|ino| census.found.iter().any(|found| found.ino == *ino));
    for found in census.found {
        if listings.has(found.ino) || known.contains(&found.ino) {
            continue;
        }
        match found.look(|way| open_found(way, listings, home, args)) {
            Ok(listing) => opened.push(listing),
            // It was not requested by name, so it is no error if it is gone.
            Err(error) if error.status() == Status::No => {}
            Err(error) => {
                known.insert(found.ino);
                refused.push(error.prefix(found.way));
            }
        }
    }
    Ok((opened, together([complaint, unread], refused)))
}

/// The listing of a namespace that nobody requested by name. That of a container is called after it, if the container's name is known.
fn open_found(found: &Found, listings: &Listings, home: &NetnsHandle, args: &Args) -> Result<Listing> {
    let named = listings.names.record(found.ino);
    let listing = match &found.way {
        _ if found.ino == home.ns.id().ino => open(&Record::from(&Target::Host), home, args),
        Way::Process(pid) => open(&named.map_or_else(|| of_process(*pid), |record| Ok(record.clone()))?, home, args),
        // What is opened is what was found: on a name that is being removed nothing is mounted for a moment.
        Way::Name(path) => {
            let netns = home.open_namespace(found.open()?, path.display().to_string())?;
            Listing::new(Record::from(&Target::File(path.clone())), netns, args)
        }
    };
    let listing = listing?;
    // The process may have gone elsewhere, or its number may be that of another one by now.
    if listing.netns.ns.id().ino != found.ino {
        return Err(Error::no(format!("{} is not net:[{}] any more", found.way, found.ino)));
    }
    Ok(Listing { origin: Origin::Found, ..listing })
}

/// One line for all.
fn together(complaints: [Option<Error>; 2], refused: Vec<Error>) -> Option<Error> {
    let count = refused.len();
    let refused = refused.into_iter().next().map(|first| match count {
        1 => first,
        _ => Error::failed(format!("{count} network namespaces are left out, such as {first}")),
    });
    let all = complaints.into_iter().chain([refused]).flatten();
    all.reduce(|first, second| Error::failed(format!("{first}; {second}")))
}
