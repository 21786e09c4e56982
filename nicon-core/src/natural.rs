//! The order of names as people have it: `lt_2` is before `lt_10`.

use std::cmp::Ordering;
use std::iter;

/// Compares names: numbers in them by what they are worth, and all else by its bytes. Names are equal only if their bytes are.
#[must_use]
pub fn compare(a: &str, b: &str) -> Ordering {
    parts(a.as_bytes()).cmp(parts(b.as_bytes())).then_with(|| a.cmp(b))
}

/// Compares paths: by their names, from the outside in. A container is before those in it.
#[must_use]
pub fn compare_paths(a: &[String], b: &[String]) -> Ordering {
    let names = a.iter().zip(b).map(|(a, b)| compare(a, b));
    names.fold(Ordering::Equal, Ordering::then).then_with(|| a.len().cmp(&b.len()))
}

/// A part of a name, in the order in which parts are.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
enum Part<'a> {
    /// How many digits it has, and which, without leading zeros.
    Number(usize, &'a [u8]),
    Byte(u8),
}

fn parts(mut name: &[u8]) -> impl Iterator<Item = Part<'_>> {
    iter::from_fn(move || {
        let digits = name.iter().take_while(|byte| byte.is_ascii_digit()).count();
        let (part, rest) = name.split_at(digits.max(1).min(name.len()));
        name = rest;
        if digits == 0 {
            return part.first().copied().map(Part::Byte);
        }
        let zeros = part.iter().take_while(|digit| **digit == b'0').count();
        Some(Part::Number(digits - zeros, &part[zeros..]))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_compared_by_what_they_are_worth() {
        let sorted = [
            "",
            "7",
            "10",
            "a",
            "lt",
            "lt_01",
            "lt_1",
            "lt_2",
            "lt_10",
            "lt_10a",
            "lt_10b2",
            "lt_10b10",
            "lt_x",
            "z99999999999999999999",
            "z100000000000000000000",
            "é",
        ];
        let mut shuffled = sorted;
        shuffled.reverse();
        shuffled.sort_by(|a, b| compare(a, b));
        assert_eq!(shuffled, sorted);
        assert!(sorted.iter().all(|name| compare(name, name).is_eq()));
    }

    #[test]
    fn a_container_is_before_those_in_it() {
        let path = |text: &str| text.split('.').map(str::to_owned).collect::<Vec<_>>();
        let sorted = ["a", "a.c2", "a.c10", "a.c10.x", "ab", "b"].map(path);
        let mut shuffled = sorted.clone();
        shuffled.reverse();
        shuffled.sort_by(|a, b| compare_paths(a, b));
        assert_eq!(shuffled, sorted);
    }
}
