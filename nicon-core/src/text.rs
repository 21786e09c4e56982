//! Text for people: what comes from a container or a daemon is made safe to print, and long lists are made short.

use std::borrow::Cow;
use std::fmt::Write as _;

/// Escapes what could control a terminal or mislead its reader: control characters (C0, DEL, C1), and the Unicode
/// characters that separate lines or change the direction of writing.
#[must_use]
pub fn escape(text: &str) -> Cow<'_, str> {
    if !text.contains(is_unsafe) {
        return Cow::Borrowed(text);
    }
    let mut safe = String::with_capacity(text.len() + 8);
    for c in text.chars() {
        if is_unsafe(c) {
            let _ = write!(safe, "{}", c.escape_default());
        } else {
            safe.push(c);
        }
    }
    Cow::Owned(safe)
}

/// Whether [`escape`] escapes it.
pub(crate) fn is_unsafe(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// The first of these in a row, at most so many, and how many more there are: `eth0, eth1, and 7 more`.
#[must_use]
pub fn first(most: usize, all: &[String]) -> String {
    let (shown, left) = all.split_at(most.min(all.len()));
    let left = (!left.is_empty()).then(|| format!("and {} more", left.len()));
    shown.iter().cloned().chain(left).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_list_is_made_short() {
        let all = ["a", "b", "c"].map(str::to_owned);
        assert_eq!(
            [0, 2, 3, 9].map(|most| first(most, &all)),
            ["and 3 more", "a, b, and 1 more", "a, b, c", "a, b, c"]
        );
        assert_eq!(first(2, &[]), "");
    }

    #[test]
    fn terminal_controls_are_shown_not_sent() {
        assert_eq!(escape("a\x1b[2Jb\n\u{9b}\u{202e}\u{61c}"), "a\\u{1b}[2Jb\\n\\u{9b}\\u{202e}\\u{61c}");
        assert!(matches!(escape("größe 網"), Cow::Borrowed(_)));
    }
}
