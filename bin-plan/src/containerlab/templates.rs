//! Go templates, which containerlab expands before it reads a file, and nicon does not.

use crate::fault::{Fault, Position};

/// What is wrong with a value that holds one.
pub(super) const WHY: &str =
    "a Go template is not expanded: give the file that containerlab deploy --export-rendered FILE writes";

/// Whether a text holds a template.
pub(super) fn is_in(text: &str) -> bool {
    text.contains("{{")
}

/// The first template of a text that looks like a topology, and is no YAML before its templates are expanded.
pub(crate) fn first(text: &str) -> Option<Fault> {
    let looks_like_one = text.lines().any(|line| line.starts_with("topology:"));
    all(text).next().filter(|_| looks_like_one).map(|(position, _)| position.fault(WHY))
}

/// Templates in comments, which can make the lines around them come and go.
pub(super) fn in_comments(text: &str) -> Vec<Fault> {
    all(text).filter(|(_, line)| line.trim_start().starts_with('#')).map(|(position, _)| position.fault(WHY)).collect()
}

/// The first template of each line that has one, and the line.
fn all(text: &str) -> impl Iterator<Item = (Position, &str)> {
    text.lines().zip(1..).filter_map(|(line, number)| {
        let before = line[..line.find("{{")?].chars().count();
        Some((Position { line: number, column: u32::try_from(before).ok()? + 1 }, line))
    })
}
