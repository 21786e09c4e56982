//! Explains why no engine knows a name.

use std::collections::BTreeMap;

use nicon_core::Error;
use nicon_core::container::is_id;
use nicon_core::near::nearest;

use crate::container::{brief, short};
use crate::name::is_name;
use crate::roster::Member;

/// How many containers are named if none has a similar name.
const MAX_SHOWN: usize = 5;

/// Why `asked` was not found among `known`.
pub(crate) fn explain(asked: &str, known: &[Member]) -> Error {
    let matching: Vec<_> = known.iter().filter(|known| is_id(&known.id) && known.id.starts_with(asked)).collect();
    if matching.len() > 1 {
        let shown: Vec<_> = matching.iter().map(|known| short(&known.id)).collect();
        return Error::failed(format!("ID prefix \"{asked}\" is ambiguous: it matches {}", shown.join(", ")));
    }
    let names: Vec<&str> = known.iter().map(|known| &known.name[..]).filter(|name| is_name(name)).collect();
    Error::no(match hint(asked, &names) {
        Some(hint) => format!("no container \"{asked}\" ({})", brief(&hint)),
        None => format!("no container \"{asked}\""),
    })
}

fn hint(asked: &str, names: &[&str]) -> Option<String> {
    if let Some(dotted) = names.iter().find(|name| name.strip_prefix(asked).is_some_and(|rest| rest.starts_with('.'))) {
        return Some(format!("a container is called \"{dotted}\": separate names with slashes, as in /{dotted}"));
    }
    let by_lowercase: BTreeMap<String, &str> = names.iter().map(|name| (name.to_ascii_lowercase(), *name)).collect();
    let near = nearest(&asked.to_ascii_lowercase(), by_lowercase.keys().map(String::as_str));
    if !near.is_empty() {
        let near: Vec<_> = near.into_iter().map(|name| by_lowercase[name]).collect();
        return Some(format!("did you mean {}?", near.join(" or ")));
    }
    let mut shown: Vec<_> = by_lowercase.into_values().take(MAX_SHOWN + 1).collect();
    if shown.len() > MAX_SHOWN {
        shown[MAX_SHOWN] = "...";
    }
    (!shown.is_empty()).then(|| format!("containers here: {}", shown.join(", ")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hint_says_what_may_have_been_meant() {
        let names = ["setup", "Olt_1", "my.dotted"];
        for (asked, expected) in [
            ("SETUP", "did you mean setup?"),
            ("olt1", "did you mean Olt_1?"),
            ("my", "a container is called \"my.dotted\": separate names with slashes, as in /my.dotted"),
            ("qqqqqqqq", "containers here: my.dotted, Olt_1, setup"),
        ] {
            assert_eq!(hint(asked, &names).as_deref(), Some(expected));
        }
        assert_eq!(hint("qqqqqqqq", &["a", "b", "c", "d", "e", "f"]).unwrap(), "containers here: a, b, c, d, e, ...");
        assert_eq!(hint("web", &[]), None);
    }
}
