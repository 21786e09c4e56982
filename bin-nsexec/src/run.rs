//! The run: find the target, open everything, enter, and become the command or watch over it.

use nicon_core::{Error, Result};

use crate::cli::args::Args;
use crate::entry::{Beginning, Entry};
use crate::failure::fail;
use crate::watch::{Ended, supervise};
use crate::{each, self_protection, sys, target};

/// Does what the command line asks for; returns the exit status if it did not become the command.
pub(crate) fn run(args: &Args) -> u8 {
    try_run(args).unwrap_or_else(|error| fail(&error))
}

fn try_run(args: &Args) -> Result<u8> {
    if !args.enters() {
        return Err(Error::failed("no namespace was chosen: use --all, or name those you mean, such as --net"));
    }
    if let Some(contradiction) = args.contradiction() {
        return Err(Error::failed(contradiction));
    }
    self_protection::hold_standard_descriptors()?;
    if args.is_contained() {
        self_protection::deny_inspection()?;
    }
    if args.each {
        return each::run(args);
    }
    let target = args.needs_target().then(|| target::find(args)).transpose()?;
    let entry = Entry::open(args, target.as_ref())?;
    // The caller's own programs, out of the container's reach, need no supervisor.
    if args.no_fork || !args.is_contained() {
        args.stdio().input.connect()?;
        let filters = entry.enter()?;
        entry.become_command(&Beginning { filters: filters.as_ref(), ..Beginning::default() });
    }
    let Ended { status, .. } = supervise(&entry, args.stdio())?;
    // Not to free our memory saves the kernel from copying each page that the command's parent had, too.
    sys::exit(status)
}
