//! A whole picture of a nest, in the format that was asked for.

use nicon_core::filter::colour::Palette;
use nicon_core::privileges::ptrace_hint;
use nicon_core::{Error, Result};

use crate::args::Args;
use crate::nest::Nest;
use crate::scene::making::make;
use crate::screen::Screen;
use crate::{block, compare, dot, html, places, procs, svg, text, tunnels};

/// Draws a nest, and tells what may be missing in the picture.
///
/// # Errors
/// If our own namespaces, or processes, cannot be read.
pub(crate) fn draw(mut nest: Nest, args: &Args) -> Result<(String, Option<Error>)> {
    tunnels::connect(&mut nest);
    places::name(&mut nest);
    let nest = &nest;
    let comparisons = compare::compare(nest)?;
    let procs = args.procs.then(|| procs::find(nest, &comparisons)).transpose()?;
    let denied = procs.as_ref().map_or(0, |procs| procs.denied);
    let incomplete = (denied > 0).then(|| {
        let hint = ptrace_hint("they have");
        Error::failed(format!("{denied} processes could not be inspected ({hint}): some may be missing"))
    });
    let (blocks, wiring) = block::blocks(nest, &comparisons, procs.as_ref(), args);
    let title = if args.links || args.procs { "DETAILS" } else { "NAMESPACES" };
    let scene = || make(nest, &comparisons, &blocks, &wiring);
    let picture = match (args.dot, args.svg, args.html) {
        (true, ..) => dot::draw(&blocks, &wiring),
        (_, true, _) => svg::draw(&scene()),
        (.., true) => html::draw(&scene()),
        _ => text::draw(&blocks, title, Screen::new(args), Palette::of_stdout()),
    };
    Ok((picture, incomplete))
}
