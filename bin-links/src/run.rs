//! The run: namespaces in, their links out, and then what happens to them.

use nicon_core::filter::stream::{Answers, View as Show};
use nicon_core::{Context, Error, Result, Status};
use nicon_rtnl::Place;
use nix::sys::resource::{Resource, getrlimit, setrlimit};

use crate::args::Args;
use crate::output::{PROGRAM, columns};
use crate::tell::tell;
use crate::view::views;
use crate::watch::watch;
use crate::wiring::Wiring;

/// Lists what the command line or the records ask for.
///
/// # Errors
/// What ends the whole run; a namespace that cannot be listed does not.
pub(crate) fn run(args: &Args) -> Result<Status> {
    // A table is printed when all is known; of what goes on happening that is never.
    let mut answers = Answers::new(PROGRAM, Show::choose(args.json || args.watch, columns(args.stats)))?;
    allow_many_namespaces()?;
    let home = Place::home()?;
    let views = views(args, &home, &mut answers)?;
    if args.watch {
        watch(views, args, &home, &mut answers)?;
        return answers.finish();
    }
    let wiring = Wiring::new(&home, &views);
    for view in &views {
        if !view.settled {
            let restless = format!("{}: links come and go too fast: some may be missing", view.place.label);
            answers.give(None, Err(Error::failed(restless)))?;
        }
        answers.give_all(view.links.values().map(|link| tell(view, link, &wiring)))?;
    }
    answers.finish()
}

/// Each namespace is held open by a few descriptors, and there may be thousands of them.
fn allow_many_namespaces() -> Result<()> {
    let (_, hard) = getrlimit(Resource::RLIMIT_NOFILE).context(|| "ask for the limit of open files")?;
    setrlimit(Resource::RLIMIT_NOFILE, hard, hard).context(|| "raise the limit of open files")
}
