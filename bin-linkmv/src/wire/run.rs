//! The run: all records in, and then one of the things that can be done with a plan; or a stream, whose plans are kept wired.

use nicon_core::filter::interrupt::Interrupt;
use nicon_core::{Result, Status};

use crate::link::namespaces::Namespaces;
use crate::wire::args::Args;
use crate::wire::context::Context;
use crate::wire::input::Input;
use crate::wire::read::Read;
use crate::wire::{apply, check, destroy, keep};

/// Does what the command line asks for.
///
/// # Errors
/// What ends the whole run.
pub(crate) fn run(args: &Args, interrupt: &Interrupt) -> Result<Status> {
    let namespaces = if args.check { Namespaces::looking_once()? } else { Namespaces::new()? };
    let context = Context::new(args, &namespaces, interrupt)?;
    let input = match Read::stdin(interrupt, args)? {
        Read::Stream(first, rows) => return keep::keep(first, rows, &context),
        Read::Whole(rows) => Input::of(rows),
    };
    if !args.destroy {
        namespaces.open_all(input.records())?;
    }
    if args.destroy {
        destroy::destroy(&input, &context)
    } else if args.check {
        check::check(input, &context)
    } else {
        apply::apply(input, &context)
    }
}
