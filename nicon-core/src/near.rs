//! What somebody may have meant who mistyped a name.

/// Those of `known` that are near to what was `asked` for, the nearest first; three at the most.
#[must_use]
pub fn nearest<'a>(asked: &str, known: impl IntoIterator<Item = &'a str>) -> Vec<&'a str> {
    let mut near: Vec<&str> = known.into_iter().filter(|name| is_near(name, asked)).collect();
    near.sort_by_key(|name| distance(name, asked));
    near.truncate(3);
    near
}

/// Near enough to have been meant: one is a part of the other (a letter or two are a part of too much), or a third of the
/// letters at most were mistyped.
fn is_near(name: &str, asked: &str) -> bool {
    let is_part = |part: &str, whole: &str| part.len() > 2 && whole.contains(part);
    is_part(asked, name) || is_part(name, asked) || distance(name, asked) <= asked.chars().count().div_ceil(3)
}

/// The number of letters to insert, delete or replace to make one out of the other (Levenshtein).
fn distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.chars().enumerate() {
        let mut diagonal = std::mem::replace(&mut row[0], i + 1);
        for (j, y) in b.iter().enumerate() {
            let replaced = diagonal + usize::from(x != *y);
            diagonal = row[j + 1];
            row[j + 1] = replaced.min(row[j] + 1).min(diagonal + 1);
        }
    }
    row[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn near_misses() {
        assert_eq!(distance("kitten", "sitting"), 3);
        let known = ["database", "xsetup", "olt_1", "setup"];
        assert_eq!(nearest("olt1", known), ["olt_1"]);
        assert_eq!(nearest("setup", known), ["setup", "xsetup"]);
        assert!(nearest("web", known).is_empty() && nearest("t", known).is_empty());
    }
}
