//! The characters and columns of the output.

use std::borrow::Cow;
use std::io::{self, IsTerminal};

use nicon_core::filter::guides::has_unicode;
use nicon_core::text;
use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

use crate::args::Args;

/// The columns and rows of the terminal, where standard output is one that knows them.
pub(crate) fn terminal() -> Option<(u16, u16)> {
    let size = terminal_size::terminal_size().filter(|_| io::stdout().is_terminal());
    // A terminal that does not know its size reports 0.
    size.map(|(width, height)| (width.0, height.0)).filter(|(width, height)| *width > 0 && *height > 0)
}

/// What the tree is drawn on.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Screen {
    /// The number of columns; `None` if that is unlimited.
    pub(crate) width: Option<usize>,
    /// Whether it can show more than ASCII.
    pub(crate) unicode: bool,
}

impl Screen {
    /// What the command line asks for, otherwise what the terminal and the locale have.
    pub(crate) fn new(args: &Args) -> Self {
        let width = args.width.or_else(|| terminal().map(|(width, _)| width));
        Self { width: width.map(usize::from), unicode: !args.ascii && has_unicode() }
    }

    /// Escapes what the screen cannot show, or what would control the terminal.
    pub(crate) fn show(self, text: &str) -> Cow<'_, str> {
        let shown = text::escape(text);
        if self.unicode || shown.is_ascii() {
            return shown;
        }
        Cow::Owned(shown.chars().map(|c| if c.is_ascii() { c.to_string() } else { ascii(c) }).collect())
    }

    /// Truncates a text to a number of columns, with a mark at the end.
    pub(crate) fn fit(self, text: &str, columns: usize) -> Cow<'_, str> {
        if text.width() <= columns {
            return Cow::Borrowed(text);
        }
        let mark = if self.unicode { "…" } else { "..." };
        let mut left = columns.saturating_sub(mark.width());
        let fits = |c: &char| {
            let width = c.width().unwrap_or(0);
            let fits = width <= left;
            left = left.saturating_sub(width);
            fits
        };
        let head: String = text.chars().take_while(fits).collect();
        // If not even the mark fits, truncate it.
        Cow::Owned(head + mark.get(..columns).unwrap_or(mark))
    }
}

fn ascii(c: char) -> String {
    match c {
        '\u{2194}' => "<->".to_owned(),
        other => other.escape_unicode().to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const UNICODE: Screen = Screen { width: None, unicode: true };
    const ASCII: Screen = Screen { width: None, unicode: false };

    #[test]
    fn texts_are_truncated_by_columns() {
        assert_eq!(UNICODE.fit("abcdef", 6), "abcdef");
        assert_eq!(UNICODE.fit("abcdef", 4), "abc…");
        // Each of these takes two columns.
        assert_eq!(UNICODE.fit("網路網路", 6), "網路…");
        assert_eq!(UNICODE.fit("e\u{301}e\u{301}e\u{301}", 2), "e\u{301}…");
        assert_eq!((ASCII.fit("abcdef", 5).as_ref(), ASCII.fit("abcdef", 2).as_ref()), ("ab...", ".."));
    }

    #[test]
    fn what_the_screen_cannot_show_is_escaped() {
        assert_eq!(UNICODE.show("größe\u{1b}[2J\u{202e}"), "größe\\u{1b}[2J\\u{202e}");
        assert_eq!(ASCII.show("größe \u{2194}"), "gr\\u{f6}\\u{df}e <->");
    }
}
