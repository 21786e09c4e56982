//! What can be shown: characters and columns.

use std::borrow::Cow;
use std::env;
use std::io::{self, IsTerminal};

use nicon_core::text;
use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

use crate::args::Args;

/// What the picture is drawn on.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Screen {
    /// How many columns it has; `None` where it is as wide as it takes.
    pub(crate) width: Option<usize>,
    /// Whether it shows more than ASCII.
    pub(crate) unicode: bool,
}

impl Screen {
    /// The one that the command line asks for, else the one that we have.
    pub(crate) fn new(args: &Args) -> Self {
        let terminal = || terminal_size::terminal_size().filter(|_| io::stdout().is_terminal());
        let width = args.width.or_else(|| terminal().map(|(width, _)| width.0));
        let locale = ["LC_ALL", "LC_CTYPE", "LANG"]
            .into_iter()
            .find_map(|name| env::var(name).ok().filter(|value| !value.is_empty()));
        Self {
            width: width.filter(|width| *width > 0).map(usize::from),
            unicode: !args.ascii && is_utf8(&locale.unwrap_or_default()),
        }
    }

    /// A text with all escaped that it cannot show, or that would steer it.
    pub(crate) fn show(self, text: &str) -> Cow<'_, str> {
        let shown = text::escape(text);
        if self.unicode || shown.is_ascii() {
            return shown;
        }
        Cow::Owned(shown.chars().map(|c| if c.is_ascii() { c.to_string() } else { ascii(c) }).collect())
    }

    /// As much of a text as fits, with a mark where some is left out.
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
        // Where not even the mark fits, as much of that.
        Cow::Owned(head + mark.get(..columns).unwrap_or(mark))
    }
}

/// A text filled up with blanks.
pub(crate) fn pad(text: &str, columns: usize) -> String {
    format!("{text}{}", " ".repeat(columns.saturating_sub(text.width())))
}

fn ascii(c: char) -> String {
    match c {
        '\u{2194}' => "<->".to_owned(),
        other => other.escape_unicode().to_string(),
    }
}

fn is_utf8(locale: &str) -> bool {
    let locale = locale.to_ascii_lowercase();
    locale.contains("utf-8") || locale.contains("utf8")
}

#[cfg(test)]
mod tests {
    use super::*;

    const UNICODE: Screen = Screen { width: None, unicode: true };
    const ASCII: Screen = Screen { width: None, unicode: false };

    #[test]
    fn texts_are_cut_by_columns() {
        assert_eq!(UNICODE.fit("abcdef", 6), "abcdef");
        assert_eq!(UNICODE.fit("abcdef", 4), "abc…");
        // Each of these takes two columns.
        assert_eq!(UNICODE.fit("網路網路", 6), "網路…");
        assert_eq!(UNICODE.fit("e\u{301}e\u{301}e\u{301}", 2), "e\u{301}…");
        assert_eq!((ASCII.fit("abcdef", 5).as_ref(), ASCII.fit("abcdef", 2).as_ref()), ("ab...", ".."));
        assert_eq!(pad("網", 4), "網  ");
    }

    #[test]
    fn what_cannot_be_shown_is_escaped() {
        assert_eq!(UNICODE.show("größe\u{1b}[2J\u{202e}"), "größe\\u{1b}[2J\\u{202e}");
        assert_eq!(ASCII.show("größe \u{2194}"), "gr\\u{f6}\\u{df}e <->");
        assert!(is_utf8("C.UTF-8") && is_utf8("de_DE.utf8") && !is_utf8("C") && !is_utf8(""));
    }
}
