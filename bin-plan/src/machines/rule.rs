//! Which containers are on a machine: a path, or a pattern of paths.

use glob::Pattern as Glob;
use nicon_core::path::{Letter, split};

/// Names of one, and whatever is inside of what they name.
#[derive(Debug)]
pub(super) struct Rule {
    segments: Vec<Segment>,
    /// Whether it has no wildcards.
    pub(super) is_path: bool,
}

#[derive(Debug)]
enum Segment {
    One(Glob),
    /// Any number of names, also none: `**`.
    Any,
}

impl Rule {
    /// Reads a path, in which `*`, `?`, `[a-z]` and `**` are wildcards.
    ///
    /// # Errors
    /// If it is no pattern.
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        let segments = split(text).map_err(|error| error.to_string())?;
        let is_path = !segments.iter().flatten().any(|letter| matches!(letter, ('*' | '?' | '[', false)));
        let segments = segments.iter().map(|segment| read(segment)).collect::<Result<_, _>>()?;
        Ok(Self { segments, is_path })
    }

    /// Whether the container at a path is meant, or one that it is inside of.
    pub(super) fn fits(&self, path: &[String]) -> bool {
        fits(&self.segments, path)
    }
}

fn read(segment: &[Letter]) -> Result<Segment, String> {
    if matches!(segment, [('*', false), ('*', false)]) {
        return Ok(Segment::Any);
    }
    let text = segment.iter().map(|&(c, escaped)| if escaped { Glob::escape(&c.to_string()) } else { c.to_string() });
    let text = text.collect::<String>();
    let glob = Glob::new(&text).map(Segment::One);
    glob.map_err(|_| format!("\"{text}\" is not a pattern (use *, ?, [a-z], [!a-z], or ** as a whole segment)"))
}

fn fits(segments: &[Segment], path: &[String]) -> bool {
    match segments.split_first() {
        None => true,
        Some((Segment::One(glob), others)) => {
            path.split_first().is_some_and(|(name, inside)| glob.matches(name) && fits(others, inside))
        }
        Some((Segment::Any, others)) => (0..=path.len()).any(|from| fits(others, &path[from..])),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_inside_is_meant_too() {
        let fits = |rule: &str, path: &str| Rule::parse(rule).unwrap().fits(&nicon_core::path::parse(path).unwrap());
        for (rule, path) in [
            ("core*", "core1"),
            ("core*", "core1.a.b"),
            ("setup.olt_?", "setup.olt_1"),
            ("**", "a"),
            ("**.web", "a.b.web"),
            ("a.**.web", "a.web"),
            ("my/r1.a", "my/r1.a"),
            (r"r1\.a", "r1\\.a.inside"),
            ("podman:*", "podman:web"),
        ] {
            assert!(fits(rule, path), "{rule} {path}");
        }
        for (rule, path) in [("core*", "leaf"), ("setup.olt_?", "setup"), ("a.**.web", "b.web"), ("web", "podman:web")]
        {
            assert!(!fits(rule, path), "{rule} {path}");
        }
        assert!(Rule::parse("a***").is_err() && Rule::parse("a..b").is_err());
    }
}
