//! The run: all records in, a drawing out.

use nicon_core::filter::output::write_out;
use nicon_core::filter::stream::{Answers, Lines, View};
use nicon_core::privileges::ptrace_hint;
use nicon_core::{Error, Result, Status};

use crate::args::Args;
use crate::nest::Nest;
use crate::screen::Screen;
use crate::{block, compare, dot, procs, svg, text};

/// The program's name, as its messages begin.
pub(crate) const PROGRAM: &str = "nicon-tree";

/// Draws the records on standard input.
///
/// # Errors
/// A failure that ends the run. A record that cannot be drawn is only reported.
pub(crate) fn run(args: &Args) -> Result<Status> {
    let mut answers: Answers = Answers::new(PROGRAM, View::Records)?;
    let mut nest = Nest::default();
    for line in Lines::stdin("run nicon-resolve | nicon-tree")? {
        let line = line?;
        let added = line.record("nicon-resolve prints one for each container").and_then(|record| nest.add(record));
        if let Err(error) = added {
            answers.give(Some(line.number), Err(error))?;
        }
    }
    if args.links && !nest.nodes.is_empty() && nest.nodes.iter().all(|node| node.links.is_empty()) {
        let none = "--links: no links in the input: nicon-resolve PATH... | nicon-links | nicon-tree --links";
        answers.give(None, Err(Error::failed(none)))?;
    }
    let comparisons = compare::compare(&nest)?;
    let procs = args.procs.then(|| procs::find(&nest, &comparisons)).transpose()?;
    if let Some(denied) = procs.as_ref().map(|procs| procs.denied).filter(|denied| *denied > 0) {
        let message =
            format!("{denied} processes could not be inspected ({}): some may be missing", ptrace_hint("they have"));
        answers.give(None, Err(Error::failed(message)))?;
    }
    let (blocks, wires) = block::blocks(&nest, &comparisons, procs.as_ref(), args);
    if !blocks.is_empty() {
        let title = if args.links || args.procs { "DETAILS" } else { "NAMESPACES" };
        write_out(match (args.dot, args.svg) {
            (true, _) => dot::draw(&blocks, &wires),
            (_, true) => svg::draw(&blocks, &wires),
            _ => text::draw(&blocks, title, Screen::new(args)),
        })?;
    }
    answers.finish()
}
