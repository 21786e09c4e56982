//! The branches of a tree that is drawn as text.

use std::env;

/// The branches before each line, given the lines' depths. Of a deeper line than `levels`, the outermost levels are replaced by
/// their number. Without `unicode` they are drawn in ASCII.
#[must_use]
pub fn guides(depths: &[usize], levels: usize, unicode: bool) -> Vec<String> {
    // They are drawn from the bottom up: then it is known whether a level continues below.
    let ascii = ["`- ", "|- ", "|  ", "..."];
    let [last, another, through, more] = if unicode { ["└─ ", "├─ ", "│  ", "…"] } else { ascii };
    let mut goes_on: Vec<bool> = Vec::new();
    let mut guides = Vec::new();
    for &depth in depths.iter().rev() {
        goes_on.resize(depth + 1, false);
        let first = (depth + 1).saturating_sub(levels).max(1);
        let mut guide = String::new();
        if first > 1 {
            guide = format!("{} {more} ", first - 1);
        }
        for (level, &goes_on) in goes_on.iter().enumerate().skip(first) {
            guide += match (level == depth, goes_on) {
                (true, true) => another,
                (true, false) => last,
                (false, true) => through,
                (false, false) => "   ",
            };
        }
        goes_on[depth] = true;
        guides.push(guide);
    }
    guides.reverse();
    guides
}

/// Whether the locale can show more than ASCII: see `locale(7)`.
#[must_use]
pub fn has_unicode() -> bool {
    let set = |name| env::var(name).ok().filter(|value| !value.is_empty());
    is_utf8(&["LC_ALL", "LC_CTYPE", "LANG"].into_iter().find_map(set).unwrap_or_default())
}

fn is_utf8(locale: &str) -> bool {
    let locale = locale.to_ascii_lowercase();
    locale.contains("utf-8") || locale.contains("utf8")
}

#[cfg(test)]
mod tests {
    use unicode_width::UnicodeWidthStr;

    use super::*;

    #[test]
    fn levels_that_continue_have_a_line() {
        let drawn = guides(&[0, 1, 2, 1, 2, 3, 0, 1], 100, true);
        assert_eq!(drawn, ["", "├─ ", "│  └─ ", "└─ ", "   └─ ", "      └─ ", "", "└─ "]);
        assert_eq!(guides(&[0, 1, 2, 1], 100, false), ["", "|- ", "|  `- ", "`- "]);
    }

    #[test]
    fn the_outermost_levels_of_a_deep_tree_are_counted() {
        let depths: Vec<usize> = (0..=64).collect();
        let drawn = guides(&depths, 10, true);
        assert_eq!(
            (drawn[10].as_str(), drawn[64].as_str()),
            ("                           └─ ", "54 …                            └─ ")
        );
        let deep: Vec<usize> = (0..5_000).collect();
        assert!(guides(&deep, 100, true).iter().all(|guide| guide.width() <= 310));
    }

    #[test]
    fn locales_tell_what_can_be_shown() {
        assert!(is_utf8("C.UTF-8") && is_utf8("de_DE.utf8") && !is_utf8("C") && !is_utf8(""));
    }
}
