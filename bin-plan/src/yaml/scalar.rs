//! Single values: text, numbers and booleans.
//!
//! YAML reads `1e3` as a number and `off` as a boolean, and its versions disagree about such words. A word that any version
//! reads as something other than text must be in quotes, so that a plan means the same to every program.

use std::borrow::Cow;
use std::ops::RangeInclusive;

/// A scalar as it was written.
#[derive(Debug)]
pub(crate) struct Scalar {
    pub(crate) text: String,
    /// Whether it has no quotes.
    pub(crate) plain: bool,
}

impl Scalar {
    /// Its text.
    ///
    /// # Errors
    /// If a version of YAML reads it as something else, or it is empty, or contains control characters.
    pub(crate) fn text(&self) -> Result<&str, String> {
        let shown = shorten(&self.text);
        match self.other_type() {
            Some("nothing") => Err("expected text, found nothing".to_owned()),
            Some(what) => Err(format!("expected text, found the {what} {shown}: write \"{shown}\" in quotes")),
            None if self.text.is_empty() => Err("it is empty".to_owned()),
            None if self.text.contains(char::is_control) => {
                Err("it contains a line break or a control character".to_owned())
            }
            None => Ok(&self.text),
        }
    }

    /// Its value as a whole number of a range, without a sign or leading zeros.
    ///
    /// # Errors
    /// If it is something else, or in quotes, which make it text.
    pub(crate) fn number(&self, range: &RangeInclusive<u32>) -> Result<u32, String> {
        let has_zeros = self.text.len() > 1 && self.text.starts_with('0');
        let digits = self.plain && self.text.bytes().all(|byte| byte.is_ascii_digit()) && !has_zeros;
        match self.text.parse() {
            Ok(number) if digits && range.contains(&number) => Ok(number),
            _ => {
                let (least, most) = (range.start(), range.end());
                Err(format!("expected a whole number from {least} to {most}, found {}", self.display()))
            }
        }
    }

    /// Its value as a boolean.
    ///
    /// # Errors
    /// For all but `true` and `false`: YAML's versions disagree about other words.
    pub(crate) fn boolean(&self) -> Result<bool, String> {
        match self.text.as_str() {
            "true" if self.plain => Ok(true),
            "false" if self.plain => Ok(false),
            _ => Err(format!("expected true or false, found {}", self.display())),
        }
    }

    /// Whether nothing was written, or a word for nothing.
    pub(crate) fn is_nothing(&self) -> bool {
        self.other_type() == Some("nothing")
    }

    /// The value in a message. Text has quotes.
    pub(crate) fn display(&self) -> String {
        match self.other_type() {
            Some("nothing") => "nothing".to_owned(),
            Some(_) => shorten(&self.text).into_owned(),
            None => format!("\"{}\"", shorten(&self.text)),
        }
    }

    /// The type that some version of YAML gives it, if that is not text: the core schema of 1.2.2 (section 10.3.2) and the
    /// types of 1.1 (yaml.org/type).
    fn other_type(&self) -> Option<&'static str> {
        let word = self.text.as_str();
        let lower = word.to_ascii_lowercase();
        match lower.as_str() {
            _ if !self.plain => None,
            "" | "~" | "null" => Some("nothing"),
            "y" | "n" | "yes" | "no" | "true" | "false" | "on" | "off" => Some("boolean"),
            _ if is_number(&lower) => Some("number"),
            _ if is_date(word) => Some("date"),
            _ => None,
        }
    }
}

/// Shortens a text for a message.
fn shorten(text: &str) -> Cow<'_, str> {
    match text.char_indices().nth(40) {
        Some((end, _)) => Cow::Owned(format!("{}…", &text[..end])),
        None => Cow::Borrowed(text),
    }
}

fn is_number(word: &str) -> bool {
    let bare = word.strip_prefix(['+', '-']).unwrap_or(word).replace('_', "");
    if matches!(bare.as_str(), ".inf" | ".nan") {
        return true;
    }
    let radix = [("0x", 16), ("0o", 8), ("0b", 2)]
        .into_iter()
        .find_map(|(prefix, radix)| Some((bare.strip_prefix(prefix)?, radix)));
    if let Some((digits, radix)) = radix {
        return !digits.is_empty() && digits.chars().all(|c| c.is_digit(radix));
    }
    // Numbers in base 60, such as 12:34:56.
    let parts = bare.split(':');
    bare.starts_with(|c: char| c.is_ascii_digit() || c == '.')
        && parts.into_iter().all(|part| part.parse::<f64>().is_ok())
}

/// `2026-11-22`, with or without a time.
fn is_date(word: &str) -> bool {
    let end = word.find(['T', 't', ' ']).unwrap_or(word.len());
    let parts: Vec<&str> = word[..end].split('-').collect();
    let digits = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
    matches!(parts[..], [year, month, day] if year.len() == 4 && (1..=2).contains(&month.len())
        && (1..=2).contains(&day.len()) && digits(year) && digits(month) && digits(day))
}

#[cfg(test)]
mod tests {
    use super::*;

    const PIDS: RangeInclusive<u32> = 1..=i32::MAX as u32;

    fn plain(text: &str) -> Scalar {
        Scalar { text: text.to_owned(), plain: true }
    }

    #[test]
    fn text_is_what_all_versions_of_yaml_read_as_text() {
        for text in [
            "eth0",
            "setup.olt_1.lt_1",
            "0a1b",
            "3f2a91",
            "1.2.3",
            "e1",
            "-",
            "+",
            "nan",
            "inf",
            "no1",
            "a:b",
            "0xg",
            "1-2-3",
        ] {
            assert_eq!(plain(text).text(), Ok(text));
        }
        for text in [
            "",
            "~",
            "Null",
            "on",
            "OFF",
            "y",
            "0",
            "17",
            "-1",
            "1e3",
            "1.5",
            ".5",
            "1_000",
            "0x1F",
            "0o17",
            "0b1",
            "+.inf",
            ".NaN",
            "12:34:56:01:02:03",
            "1:30",
            "2026-11-22",
            "2026-11-22T10:00:00Z",
        ] {
            assert!(plain(text).text().is_err(), "{text}");
            let quoted = Scalar { text: text.to_owned(), plain: false };
            assert_eq!(quoted.text().is_ok(), !text.is_empty(), "{text}");
        }
        assert!(Scalar { text: "a\nb".to_owned(), plain: false }.text().is_err());
    }

    #[test]
    fn a_boolean_is_true_or_false() {
        assert_eq!((plain("true").boolean(), plain("false").boolean()), (Ok(true), Ok(false)));
        for text in ["", "yes", "on", "True", "1", "maybe"] {
            assert!(plain(text).boolean().is_err(), "{text}");
        }
        assert!(Scalar { text: "true".to_owned(), plain: false }.boolean().is_err());
    }

    #[test]
    fn a_number_is_decimal_and_not_quoted() {
        assert_eq!((plain("17180").number(&PIDS), plain("0").number(&(0..=9))), (Ok(17180), Ok(0)));
        for text in ["", "0", "-1", "017", "0x10", "1_000", "1e3", "1.0", "99999999999", "+5", "abc", "off"] {
            assert!(plain(text).number(&PIDS).is_err(), "{text}");
        }
        let quoted = Scalar { text: "17180".to_owned(), plain: false };
        assert_eq!(quoted.number(&PIDS).unwrap_err(), "expected a whole number from 1 to 2147483647, found \"17180\"");
    }
}
