//! Colour for what should not be overlooked: what is down, or gone.
//!
//! Only a terminal gets colour: never a pipe or a file, whatever the environment says. `NO_COLOR` (<https://no-color.org>) turns it
//! off, and so does a terminal that has none.

use std::fmt::Write as _;
use std::io::{IsTerminal, stdout};
use std::ops::Range;

use anstyle::{AnsiColor, Style};

/// Why a part of a line is coloured.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mark {
    /// Nothing goes through a link.
    Down,
    /// It is no more, or not there yet.
    Gone,
}

impl Mark {
    /// What is to be noticed about a state or an event: an operational state of a link (RFC 2863), as `ip link` prints it, or `gone`, `absent` or `unknown`.
    #[must_use]
    pub fn of_state(state: &str) -> Option<Self> {
        match state {
            "DOWN" | "LOWERLAYERDOWN" | "NOTPRESENT" | "DORMANT" | "TESTING" => Some(Self::Down),
            "gone" | "absent" | "unknown" => Some(Self::Gone),
            _ => None,
        }
    }

    fn style(self) -> Style {
        match self {
            // As in `ip -color`.
            Self::Down => AnsiColor::Red.on_default(),
            Self::Gone => Style::new().dimmed(),
        }
    }
}

/// Whether lines are coloured.
#[derive(Clone, Copy, Debug, Default)]
pub struct Palette {
    is_coloured: bool,
}

impl Palette {
    /// That of standard output.
    #[must_use]
    pub fn of_stdout() -> Self {
        let is_asked = !anstyle_query::no_color() && anstyle_query::term_supports_color();
        Self { is_coloured: is_asked && stdout().is_terminal() }
    }

    /// A line with these parts of it coloured, which are in their order. A line that was cut may end before them, or in one.
    #[must_use]
    pub fn paint(self, line: &str, marks: impl IntoIterator<Item = (Range<usize>, Mark)>) -> String {
        let mut painted = String::new();
        let mut done = 0;
        for (part, mark) in marks.into_iter().filter(|_| self.is_coloured) {
            let Some(text) = line.get(part.start..line.floor_char_boundary(part.end)) else { continue };
            let style = mark.style();
            painted += &line[done..part.start];
            let _ = write!(painted, "{style}{text}{style:#}");
            done = part.start + text.len();
        }
        painted + &line[done..]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn marked_parts_are_coloured() {
        let marks = [(0..4, Mark::of_state("gone").unwrap()), (6..10, Mark::of_state("DOWN").unwrap())];
        let coloured = Palette { is_coloured: true };
        assert_eq!(
            coloured.paint("gone  DOWN  x", marks.clone()),
            "\u{1b}[2mgone\u{1b}[0m  \u{1b}[31mDOWN\u{1b}[0m  x"
        );
        assert_eq!(Palette::default().paint("gone  DOWN  x", marks.clone()), "gone  DOWN  x");
        assert_eq!(coloured.paint("gone", marks.clone()), "\u{1b}[2mgone\u{1b}[0m");
        // Cut in a part, and in a letter of it.
        assert_eq!(coloured.paint("go", marks.clone()), "\u{1b}[2mgo\u{1b}[0m");
        assert_eq!(coloured.paint("gone  DOW…", marks.clone()), "\u{1b}[2mgone\u{1b}[0m  \u{1b}[31mDOW\u{1b}[0m…");
    }

    #[test]
    fn what_is_up_is_not_marked() {
        assert!(["UP", "UNKNOWN", "-", "", "down"].iter().all(|state| Mark::of_state(state).is_none()));
    }
}
