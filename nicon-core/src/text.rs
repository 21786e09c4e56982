//! Text from a container or a daemon, made safe to print.

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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn terminal_controls_are_shown_not_sent() {
        assert_eq!(escape("a\x1b[2Jb\n\u{9b}\u{202e}\u{61c}"), "a\\u{1b}[2Jb\\n\\u{9b}\\u{202e}\\u{61c}");
        assert!(matches!(escape("größe 網"), Cow::Borrowed(_)));
    }
}
