//! Containers whose paths begin with what was typed.

use std::time::{Duration, Instant};

use nicon_core::Record;
use nicon_core::path::parse;

use crate::complete::answer::Word;
use crate::pipe::records::until;
use crate::pipe::stage::Stage;

/// How long the engines have, together. People wait for it.
pub(super) const PATIENCE: Duration = Duration::from_millis(1500);

/// Lists containers without starting an engine; each hop has this much time, in seconds, so that an engine that hangs leaves some for its files.
pub(super) fn lister() -> Stage {
    Stage::new("resolve").with(["--no-start", "--json", "--timeout=1", "--"])
}

/// The containers at the level that was reached whose paths begin so. If it is only one, which has others in it, its path with a separator
/// behind it is a second one: so a shell does not take the word for complete.
pub(super) fn that_begin(typed: &str) -> Vec<Word> {
    let deadline = Instant::now() + PATIENCE;
    let level = Level::of(typed);
    let mut found: Vec<Word> = level.list(deadline).into_iter().filter(|word| word.text.starts_with(typed)).collect();
    if let [only] = &found[..] {
        let within = format!("{}{}", only.text, level.separator);
        if !Level::of(&within).list(deadline).is_empty() {
            found.push(Word::new(within, "what is in it"));
        }
    }
    found
}

/// One level of a nest, as it was typed.
struct Level<'a> {
    /// The path of the container around it, and a separator; nothing for the outermost level.
    around: &'a str,
    separator: char,
    /// Which engine is asked: `podman:`, `alice@`, `pod:`.
    prefix: &'a str,
}

impl<'a> Level<'a> {
    fn of(typed: &'a str) -> Self {
        let separator = if typed.contains('/') { '/' } else { '.' };
        let (mut begin, mut is_escaped) = (0, false);
        for (at, letter) in typed.char_indices() {
            if letter == separator && !is_escaped {
                begin = at + 1;
            }
            is_escaped = letter == '\\' && !is_escaped;
        }
        let (around, last) = typed.split_at(begin);
        let prefix = last.rfind([':', '@']).map_or("", |at| &last[..=at]);
        Self { around, separator, prefix }
    }

    /// Its containers.
    fn list(&self, deadline: Instant) -> Vec<Word> {
        let pattern = format!("{}{}*", self.around, self.prefix);
        // What has wildcards is no path.
        let Ok(path) = parse(&format!("{}x", self.around)) else { return Vec::new() };
        let depth = path.len();
        until(deadline, &[lister().with([pattern])]).iter().filter_map(|record| self.word(record, depth)).collect()
    }

    /// A container's path, begun as it was typed. One of a pod that was not typed is a level further in.
    fn word(&self, record: &Record, depth: usize) -> Option<Word> {
        let names = parse(record.text("target").ok()??).ok().filter(|names| names.len() == depth)?;
        let name = names.last()?;
        let name = if self.separator == '.' { name.replace('.', "\\.") } else { name.clone() };
        let hop = record.get("hops").and_then(|hops| hops.as_array()?.last());
        let engine =
            hop.and_then(|hop| if hop.get("sandbox").is_some() { Some("pod") } else { hop["engine"].as_str() });
        Some(Word::new(format!("{}{name}", self.around), engine.unwrap_or_default()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn levels_begin_behind_the_last_separator() {
        for (typed, around, prefix) in [
            ("", "", ""),
            ("set", "", ""),
            ("setup.", "setup.", ""),
            ("setup.olt_1.l", "setup.olt_1.", ""),
            (r"my\.box", "", ""),
            (r"my\.box.a", r"my\.box.", ""),
            ("/my.b", "/", ""),
            ("a/my.b", "a/", ""),
            ("pod:kube-system:d", "", "pod:kube-system:"),
            ("node/pod:default:front/w", "node/pod:default:front/", ""),
            ("alice@docker:w", "", "alice@docker:"),
            ("pid:42.w", "pid:42.", ""),
        ] {
            let level = Level::of(typed);
            assert_eq!((level.around, level.prefix), (around, prefix), "{typed}");
        }
    }
}
