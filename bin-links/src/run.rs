//! The run: namespaces in, their links out, and then what happens to them.

use nicon_core::filter::open_files;
use nicon_core::filter::stream::{Answers, View};
use nicon_core::{Error, Result, Status};
use nicon_rtnl::NetnsHandle;

use crate::args::Args;
use crate::input::listings;
use crate::output::{PROGRAM, columns};
use crate::record::to_record;
use crate::watch::watch;
use crate::wiring::Wiring;

/// Lists what the command line or the records ask for.
///
/// # Errors
/// What ends the whole run; a namespace that cannot be listed does not.
pub(crate) fn run(args: &Args) -> Result<Status> {
    // A table is printed when all is known; of what goes on happening that is never.
    let mut answers = Answers::new(PROGRAM, View::choose(args.json || args.watch, columns(args.stats)))?;
    // Each namespace is held open by a few descriptors, and there may be thousands of them.
    open_files::allow_many()?;
    let home = NetnsHandle::home()?;
    let listings = listings(args, &home, &mut answers)?;
    if args.watch {
        watch(listings, args, &home, &mut answers)?;
        return answers.finish();
    }
    let wiring = Wiring::new(&home, &listings);
    for listing in &listings {
        if !listing.settled {
            let restless = format!("{}: links come and go too fast: some may be missing", listing.netns.label);
            answers.give(None, Err(Error::failed(restless)))?;
        }
        answers.give_all(listing.links.values().map(|link| to_record(listing, link, &wiring)))?;
    }
    answers.finish()
}
