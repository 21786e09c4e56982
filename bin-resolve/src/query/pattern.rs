//! Patterns: paths that match many containers.

use glob::Pattern as Glob;

use crate::query::Qualifier;
use crate::query::path::Path;

/// One segment of a pattern.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Segment {
    /// A container as a path names it, by its name or ID.
    Name(String),
    /// Containers whose names match.
    Glob(Qualifier, Glob),
    /// Any number of nested containers, including none: `**`.
    Depths,
}

/// A path with wildcards.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Pattern {
    /// The names before the first wildcard, which are looked up like any other path.
    pub(crate) prefix: Path,
    pub(crate) rest: Vec<Segment>,
}

impl Pattern {
    /// A pattern of these segments, at least one of which is a wildcard. A `**` at the end means everything below.
    pub(crate) fn new(segments: Vec<Segment>) -> Self {
        let mut prefix = Vec::new();
        let mut rest = Vec::new();
        for segment in segments {
            match segment {
                Segment::Name(name) if rest.is_empty() => prefix.push(name),
                _ => rest.push(segment),
            }
        }
        if rest.last() == Some(&Segment::Depths) {
            rest.push(Segment::Glob(Qualifier::default(), Glob::new("*").expect("a star is a pattern")));
        }
        Self { prefix, rest }
    }
}
