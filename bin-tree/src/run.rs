//! The run: all records in, a drawing out.

use nicon_core::filter::output::write_out;
use nicon_core::filter::stream::{Answers, Lines, RECORDS, View};
use nicon_core::{Error, Result, Status};

use crate::args::Args;
use crate::nest::Nest;
use crate::picture;

/// The program's name, as its messages begin.
pub(crate) const PROGRAM: &str = "nicon-tree";

/// What records would be read from otherwise.
pub(crate) const INPUT: &str = "run nicon-resolve '**' | nicon-tree";

/// Draws the records on standard input.
///
/// # Errors
/// A failure that ends the run. A record that cannot be drawn is only reported.
pub(crate) fn run(args: &Args) -> Result<Status> {
    let mut answers: Answers = Answers::new(PROGRAM, View::Records)?;
    let mut nest = Nest::default();
    for line in Lines::stdin(INPUT)? {
        let line = line?;
        let added = line.record(RECORDS).and_then(|record| nest.add(record));
        if let Err(error) = added {
            answers.give(Some(line.number), Err(error))?;
        }
    }
    if args.links && !nest.nodes.is_empty() && !nest.has_links {
        let none = "--links: no links in the input: nicon-resolve PATH... | nicon-links | nicon-tree --links";
        answers.give(None, Err(Error::failed(none)))?;
    }
    let is_empty = nest.nodes.is_empty();
    let (picture, incomplete) = picture::draw(nest, args)?;
    answers.give_all(incomplete.map(Err))?;
    if !is_empty {
        write_out(picture)?;
    }
    answers.finish()
}
