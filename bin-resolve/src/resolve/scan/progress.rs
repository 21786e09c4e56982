//! How far a container has matched a pattern.

use glob::MatchOptions;

use crate::engine::container::{Fit, fit};
use crate::lookup::listing::ListedContainer;
use crate::query::pattern::{Pattern, Segment};
use crate::query::{Qualifier, Subject};

/// How far a container has matched a pattern: the segments that containers inside it may match next, in ascending
/// order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Progress(Vec<usize>);

impl Progress {
    /// The progress at the first wildcard.
    pub(crate) fn begin(pattern: &Pattern) -> Self {
        Self::with_skipped_depths(pattern, vec![0])
    }

    /// Which engines are to be asked inside a container with this progress: those that the next segments name.
    pub(crate) fn asks(&self, pattern: &Pattern) -> Qualifier {
        // With several next segments one of them is `**`.
        match self.0[..] {
            [at] => match pattern.rest.get(at) {
                Some(Segment::Glob(of, _)) => of.clone(),
                Some(Segment::Name(name)) => Subject::qualifier(name),
                Some(Segment::Depths) | None => Qualifier::default(),
            },
            _ => Qualifier::default(),
        }
    }

    /// The progress of `container`, one of `list`, given this one of the container around them.
    ///
    /// A container of a pod is in that, but is also found without it.
    pub(crate) fn advance(&self, pattern: &Pattern, container: &ListedContainer, list: &[ListedContainer]) -> Self {
        let mut positions = self.0.clone();
        if let Some(pod) = &container.within {
            positions.extend(self.clone().step(pattern, pod, list).0);
        }
        Self(positions).step(pattern, container, list)
    }

    /// The progress of `container` beside others.
    fn step(self, pattern: &Pattern, container: &ListedContainer, list: &[ListedContainer]) -> Self {
        let mut next = Vec::new();
        for &at in &self.0 {
            match pattern.rest.get(at) {
                Some(Segment::Depths) => next.push(at),
                Some(Segment::Glob(of, glob))
                    if container.is_of(of) && glob.matches_with(container.shown_name(), MatchOptions::new()) =>
                {
                    next.push(at + 1);
                }
                Some(Segment::Name(name)) if is_meant(name, container, list) => next.push(at + 1),
                _ => {}
            }
        }
        Self::with_skipped_depths(pattern, next)
    }

    /// Whether a container with this progress matches the whole pattern.
    pub(crate) fn is_fit(&self, pattern: &Pattern) -> bool {
        self.0.contains(&pattern.rest.len())
    }

    /// Whether containers inside one with this progress may match.
    pub(crate) fn leads_on(&self, pattern: &Pattern) -> bool {
        self.0.iter().any(|&at| at < pattern.rest.len())
    }

    /// `**` matches nothing as well, so the segment after it may come at once.
    fn with_skipped_depths(pattern: &Pattern, mut positions: Vec<usize>) -> Progress {
        let mut next = 0;
        while next < positions.len() {
            if pattern.rest.get(positions[next]) == Some(&Segment::Depths) {
                positions.push(positions[next] + 1);
            }
            next += 1;
        }
        positions.sort_unstable();
        positions.dedup();
        Self(positions)
    }
}

/// The engine's own rule: a name takes precedence over the beginning of an ID, which must be unique.
pub(crate) fn is_meant(asked: &str, container: &ListedContainer, list: &[ListedContainer]) -> bool {
    let fit = |listed: &ListedContainer| match Subject::parse(asked).ok()? {
        Subject::Container { of, name } if of.is_pod => {
            (listed.is_of(&of) && listed.shown_name() == name).then_some(Fit::Exact)
        }
        Subject::Container { of, name } if listed.is_of(&of) => fit(name, &listed.id, &listed.name),
        Subject::Id { of, digits } if listed.is_of(&of) && listed.id == digits => Some(Fit::Exact),
        Subject::Id { of, digits } if listed.is_of(&of) && listed.id.starts_with(digits) => Some(Fit::ShortId),
        _ => None,
    };
    let other = |other: &ListedContainer| other.id != container.id && fit(other).is_some();
    match fit(container) {
        Some(Fit::Exact) => true,
        Some(Fit::ShortId) => !list.iter().any(other),
        None => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::address::Address;
    use crate::engine::container::Summary;
    use crate::query::Kind;
    use crate::query::parse::{Target, parse};
    use crate::rootfs::directory::FileId;

    /// Whether a container at `path` matches. Next to each on the way is another, whose ID begins with "b".
    fn fits(pattern: &str, path: &[&str]) -> bool {
        let Ok(Target::Many(pattern)) = parse(pattern) else { panic!("{pattern}") };
        let Some(path) = path.strip_prefix(&pattern.prefix.iter().map(String::as_str).collect::<Vec<_>>()[..]) else {
            return false;
        };
        let mut progress = Progress::begin(&pattern);
        for name in path {
            let listed =
                |id: &str, name: &str| Summary { id: id.repeat(32), name: name.to_owned(), ..Summary::default() };
            let listed_as =
                |id, name| ListedContainer::new(listed(id, name), Address::usual(Kind::Docker), FileId::default());
            let list = [listed_as("a0", name), listed_as("b1", "besides")];
            progress = progress.advance(&pattern, &list[0], &list);
        }
        progress.is_fit(&pattern)
    }

    #[test]
    fn within_a_segment() {
        for (pattern, fit, other) in [
            ("*", "x", ""),
            ("lt_?", "lt_1", "lt_12"),
            ("lt_*", "lt_", "xlt_1"),
            ("*lt*", "xlt_1", "l_t"),
            ("lt_[0-3]", "lt_2", "lt_4"),
            ("lt_[!0-3]", "lt_4", "lt_2"),
            ("/my.*", "my.dotted", "my_dotted"),
            (r"my\.*", "my.dotted", "my_dotted"),
            ("*.*", "", "x"),
        ] {
            assert!(fit.is_empty() || fits(pattern, &[fit]), "{pattern} {fit}");
            assert!(other.is_empty() || !fits(pattern, &[other]), "{pattern} {other}");
        }
    }

    #[test]
    fn any_depth() {
        for (pattern, fit) in [
            ("**", &[&["a"][..], &["a", "b"], &["a", "b", "c"]][..]),
            ("a.**", &[&["a", "b"], &["a", "b", "c"]]),
            ("a.**.c", &[&["a", "c"], &["a", "x", "c"], &["a", "c", "c"], &["a", "x", "y", "c"]]),
            ("**.c", &[&["c"], &["a", "c"], &["c", "c"]]),
            ("**.**.b?", &[&["b1"], &["a", "a", "b1"]]),
            ("*.b", &[&["a", "b"]]),
        ] {
            for path in fit {
                assert!(fits(pattern, path), "{pattern} {path:?}");
            }
        }
        for (pattern, path) in
            [("a.**", &["a"][..]), ("a.**.c", &["a", "c", "x"]), ("*.b", &["b"]), ("a.*", &["a", "b", "c"])]
        {
            assert!(!fits(pattern, path), "{pattern} {path:?}");
        }
    }

    #[test]
    fn a_name_is_a_name_or_an_id() {
        let (own, others) = ("a0".repeat(6), "b1".repeat(6));
        assert!(fits(&format!("*.{own}"), &["x", "y"]) && fits("*.y", &["x", "y"]) && fits("*.id:a0", &["x", "y"]));
        assert!(!fits("*.a0", &["x", "y"]), "so few digits are a name");
        assert!(!fits(&format!("*.{others}"), &["x", "y"]) && !fits("*.id:b1", &["x", "y"]), "another's ID");
        assert!(fits(&format!("*.{others}"), &["x", &others]), "another's ID, but its name");
        assert!(!fits("*.ya", &["x", "yay"]), "a name is whole");
    }
}
