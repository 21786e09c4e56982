//! The network namespaces that the command line or standard input asks for.

use nicon_core::filter::stream::{Answers, Lines};
use nicon_core::link::target::{self, Target};
use nicon_core::{Process, Record, Result, Status, proc};
use nicon_rtnl::NetnsHandle;
use nicon_rtnl::netns::{self, Found, Way};
use nicon_rtnl::record::RECORDS;

use crate::args::Args;
use crate::listing::Listing;
use crate::record::LinkRecord;

/// Everything that the command line or standard input asks for. All of it is read before the first link is printed, since any
/// record may name the namespace of the other end of a link.
pub(crate) fn listings(args: &Args, home: &NetnsHandle, answers: &mut Answers<LinkRecord>) -> Result<Vec<Listing>> {
    let mut listings = Vec::new();
    if args.all {
        let census = netns::all()?;
        if let Some(complaint) = proc::complaint(&census.denied) {
            answers.give(None, Err(complaint))?;
        }
        for found in census.found {
            let mut listing = of_found(&found, args, home);
            if is_no(&listing) {
                // It was found by a process that has ended since, but may have others.
                let others = netns::find(found.ino)?;
                let others = others.iter().map(|other| of_found(other, args, home));
                listing = others.into_iter().find(|other| !is_no(other)).unwrap_or(listing);
            }
            // It was not requested by name, so it is no error if it is gone.
            if !is_no(&listing) {
                keep(&mut listings, None, listing, answers)?;
            }
        }
    } else if args.targets.is_empty() && args.netns.is_empty() {
        for line in Lines::stdin("give --target PID, --netns NAME or --all")? {
            let line = line?;
            let listing = || {
                let record = line.record(RECORDS)?;
                let netns = home.open_record(&record)?;
                Listing::new(record, netns, args)
            };
            keep(&mut listings, Some(line.number), listing(), answers)?;
        }
    }
    for target in &args.targets {
        let listing = || {
            let record = match target {
                Target::Host | Target::File(_) => Record::from(target),
                Target::Pid(pid) => of_process(*pid)?,
            };
            let netns = home.open_record(&record)?;
            Listing::new(record, netns, args)
        };
        keep(&mut listings, None, listing(), answers)?;
    }
    for name in &args.netns {
        let listing = || {
            let file = Target::File(target::path(name));
            let netns = home.open_record(&Record::from(&file))?;
            Listing::new(Record::from(&file), netns, args)
        };
        keep(&mut listings, None, listing(), answers)?;
    }
    Ok(listings)
}

fn is_no(listing: &Result<Listing>) -> bool {
    listing.as_ref().is_err_and(|error| error.status() == Status::No)
}

/// The listing of a namespace that nobody requested by name.
fn of_found(found: &Found, args: &Args, home: &NetnsHandle) -> Result<Listing> {
    let record = match &found.way {
        _ if found.ino == home.ns.id().ino => Record::from(&Target::Host),
        Way::Process(pid) => of_process(*pid)?,
        // What is opened is what was found: on a name that is being removed nothing is mounted for a moment.
        Way::Name(path) => {
            let netns = home.open_namespace(found.open()?, path.display().to_string())?;
            return Listing::new(Record::from(&Target::File(path.clone())), netns, args);
        }
    };
    let netns = home.open_record(&record)?;
    Listing::new(record, netns, args)
}

fn keep(
    listings: &mut Vec<Listing>,
    line: Option<u64>,
    listing: Result<Listing>,
    answers: &mut Answers<LinkRecord>,
) -> Result<()> {
    match listing {
        Ok(listing) => listings.push(listing),
        Err(error) => answers.give(line, Err(error))?,
    }
    Ok(())
}

/// A record that names a process as nicon-resolve would, so that the next program can act on it.
fn of_process(pid: i32) -> Result<Record> {
    let mut record = Record::default();
    Process::pin(pid)?.write_to(&mut record)?;
    Ok(record)
}
