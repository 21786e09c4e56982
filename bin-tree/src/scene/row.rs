//! The rows of text in a box.

use nicon_core::path::HOST;
use unicode_width::UnicodeWidthStr;

use super::details;
use crate::block::{Block, Line};
use crate::compare::Comparison;
use crate::layout::Size;
use crate::link::Link;
use crate::nest::Nest;
use crate::screen::Screen;

/// Sizes in pixels: the height of a row, the room around the rows of a box, and the width of a character in common monospace fonts.
pub(crate) const ROW: i32 = 15;
pub(crate) const INSET: i32 = 7;
pub(crate) const CHARACTER: f64 = 7.3;

/// The room for a bus, in pixels.
pub(crate) const BUS: i32 = 10;

/// The most columns of text in a row, and of what is told before a link's name. The details have all of it.
const COLUMNS: usize = 40;
const BEFORE: usize = 28;

const IMAGE: Screen = Screen { width: None, unicode: true };

/// A row of text in a box.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Row {
    pub(crate) style: Style,
    pub(crate) text: String,
    /// At the right side, where a wire ends: the name of a link.
    pub(crate) name: String,
    pub(crate) of: RowOf,
    /// How many masters are above it, whose port it is.
    pub(crate) depth: usize,
    /// How many buses there is room for between the name and the right side.
    pub(crate) buses: i32,
}

#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) enum RowOf {
    #[default]
    Node,
    Link(usize),
    /// Of a link that has its row in a column before, and more ports in this one.
    More(usize),
}

#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) enum Style {
    Name,
    /// What is told in passing.
    #[default]
    Facts,
    /// What should be noticed.
    Notice,
}

/// What the rows take.
pub(super) fn size(rows: &[Row], inset: i32) -> Size {
    let width = rows.iter().map(Row::width).max().unwrap_or(0);
    let height = i32::try_from(rows.len()).unwrap_or(i32::MAX) * ROW;
    Size { width: width + 2 * inset, height: height + 2 * inset }
}

impl Row {
    fn new(style: Style, text: &str) -> Self {
        Self { style, text: fit(text, COLUMNS), ..Self::default() }
    }

    fn width(&self) -> i32 {
        let columns = self.text.width() + self.gap() + self.name.width();
        #[allow(
            clippy::cast_possible_truncation,
            clippy::cast_precision_loss,
            reason = "a row has at most some hundred columns"
        )]
        let width = (columns as f64 * CHARACTER).ceil() as i32;
        width + self.right()
    }

    /// The room right of its name for buses.
    pub(crate) fn right(&self) -> i32 {
        self.buses * BUS
    }

    /// That more ports of a link follow.
    pub(super) fn more(link: usize, name: &str, depth: usize) -> Self {
        Self { name: format!("\u{2026} {name}"), of: RowOf::More(link), depth, ..Self::default() }
    }

    /// The columns between text and name, and behind the name for its port.
    fn gap(&self) -> usize {
        match (self.text.is_empty(), self.name.is_empty()) {
            (_, true) => 0,
            (true, false) => 1,
            (false, false) => 3,
        }
    }
}

/// The heading of the box around several machines, or around nothing.
pub(super) fn outermost(machines: usize) -> Vec<Row> {
    let text = if machines == 0 { HOST.to_owned() } else { format!("{machines} machines") };
    vec![Row::new(Style::Name, &text)]
}

/// The heading of a node: its name, what it is, and what is unusual about it.
pub(super) fn heading(nest: &Nest, comparison: &Comparison, block: &Block) -> Vec<Row> {
    let line = &block.lines[0];
    let mut rows = vec![Row::new(Style::Name, &line.name)];
    let facts = Some(line.facts()).filter(|facts| !facts.is_empty() && !nest.nodes[block.node].is_machine());
    rows.extend(facts.map(|facts| Row::new(Style::Facts, &facts)));
    rows.extend(details::notices(nest, comparison, block.node).iter().map(|notice| Row::new(Style::Notice, notice)));
    rows
}

/// A link, with its peer if there is no wire that leads to it, and with its master if there is no bus.
pub(super) fn link(link: &Link, is_wired: bool, depth: usize) -> Row {
    let kind = Some(link.kind.clone()).filter(|kind| kind != "veth");
    let state = link.is_down().then(|| link.state.clone());
    let mut addresses = link.addresses.iter().filter(|address| !address.starts_with("fe80:"));
    let address = addresses.next().map(|address| match addresses.count() {
        0 => address.clone(),
        more => format!("{address} +{more}"),
    });
    let master = link.master.as_ref().filter(|_| depth == 0).map(|master| format!("master {}", master.name));
    let peer =
        link.peer.as_ref().filter(|_| !is_wired).map(|peer| format!("\u{2194} {} in {}", peer.name, peer.place()));
    let before: Vec<String> = [kind, state, master, address, peer].into_iter().flatten().collect();
    Row { text: fit(&before.join(" "), BEFORE), name: fit(&link.name, COLUMNS), depth, ..Row::default() }
}

pub(super) fn process(line: &Line) -> Row {
    // The limit keeps deeply nested processes from making the image huge.
    let indent = "  ".repeat(line.depth.clamp(1, 10) - 1);
    let rest =
        if line.rest.starts_with(&line.name) { line.rest.clone() } else { format!("{}  {}", line.name, line.rest) };
    Row::new(Style::Facts, &format!("{indent}{} {rest}", line.pid))
}

fn fit(text: &str, columns: usize) -> String {
    IMAGE.fit(&IMAGE.show(text), columns).into_owned()
}
