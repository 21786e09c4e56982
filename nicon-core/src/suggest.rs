//! Suggestions for mistyped names.

use strsim::levenshtein;

/// The longest name that is compared, in bytes: an engine may tell of very many, and may be anybody's.
const LONGEST: usize = 100;

/// The names among `known` that are similar to `asked`, the most similar first; at most three.
#[must_use]
pub fn nearest<'a>(asked: &str, known: impl IntoIterator<Item = &'a str>) -> Vec<&'a str> {
    let short = known.into_iter().filter(|name| name.len() <= LONGEST && asked.len() <= LONGEST);
    let mut similar: Vec<&str> = short.filter(|name| is_similar(name, asked)).collect();
    similar.sort_by_cached_key(|name| levenshtein(name, asked));
    similar.truncate(3);
    similar
}

/// The parts of a text that was meant as several values: two or more, between commas or blanks, of which each `is_one`.
#[must_use]
pub fn several(text: &str, is_one: impl Fn(&str) -> bool) -> Option<Vec<&str>> {
    let is_between = |letter: char| letter == ',' || letter.is_whitespace();
    let parts: Vec<&str> = text.split(is_between).filter(|part| !part.is_empty()).collect();
    (parts.len() > 1 && parts.iter().all(|part| is_one(part))).then_some(parts)
}

/// Whether one contains the other (parts of one or two letters do not count), or at most a third of the letters differ.
fn is_similar(name: &str, asked: &str) -> bool {
    let is_part = |part: &str, whole: &str| part.len() > 2 && whole.contains(part);
    let most = asked.chars().count().div_ceil(3);
    let is_near = || name.chars().count().abs_diff(asked.chars().count()) <= most && levenshtein(name, asked) <= most;
    is_part(asked, name) || is_part(name, asked) || is_near()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn several_values_are_told_from_a_wrong_one() {
        let is_one = |part: &str| part.parse::<u8>().is_ok();
        assert_eq!(several("1, 2 3", is_one), Some(vec!["1", "2", "3"]));
        assert!(several("1", is_one).is_none() && several("1,x", is_one).is_none() && several("", is_one).is_none());
    }

    #[test]
    fn similar_names_are_suggested() {
        let known = ["database", "xsetup", "olt_1", "setup"];
        assert_eq!(nearest("olt1", known), ["olt_1"]);
        assert_eq!(nearest("setup", known), ["setup", "xsetup"]);
        assert!(nearest("web", known).is_empty() && nearest("t", known).is_empty());
    }
}
