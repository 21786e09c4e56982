//! The run: namespaces in, their links out, and then what happens to them.

use nicon_core::filter::open_files;
use nicon_core::filter::stream::{Answers, View};
use nicon_core::{Error, Result, Status};
use nicon_rtnl::NetnsHandle;

use crate::args::Args;
use crate::found;
use crate::input::{self, Input};
use crate::numbers::Numbers;
use crate::output::{PROGRAM, columns};
use crate::record::to_record;
use crate::watch::watch;
use crate::wiring::Wiring;

/// Lists what the command line or the records ask for.
///
/// # Errors
/// What ends the whole run; a namespace that cannot be listed does not.
pub(crate) fn run(args: &Args) -> Result<Status> {
    let view = if args.watch { View::choose_rows } else { View::choose };
    let mut answers = Answers::new(PROGRAM, view(args.json, columns(args)))?;
    // Each namespace is held open by a few descriptors, and there may be thousands of them.
    open_files::allow_many()?;
    let home = NetnsHandle::home()?;
    let mut input = if args.all { Input::default() } else { input::open_all(args, &home, &mut answers)? };
    if args.watch {
        watch(input, args, &home, &mut answers)?;
        return answers.finish();
    }
    if args.all {
        let (opened, left_out) = found::open_new(&input.listings, &mut None, &home, args)?;
        answers.give_all(left_out.into_iter().map(Err))?;
        for listing in opened {
            input.listings.add(listing);
        }
    }
    let (listings, numbers) = (&input.listings, Numbers::default());
    let wiring = Wiring::new(&home, listings, &numbers);
    for (_, listing) in listings.iter() {
        if !listing.settled {
            let restless = format!("{}: links come and go too fast: some may be missing", listing.netns.label);
            answers.give(None, Err(Error::failed(restless)))?;
        }
        answers.give_all(listing.links.values().map(|link| to_record(listing, link, &wiring)))?;
    }
    answers.finish()
}
