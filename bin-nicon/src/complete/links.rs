//! Links by their names, of the network namespace that a command line names.

use std::time::Instant;

use nicon_core::path::HOST;
use nicon_core::text::escape;

use crate::complete::answer::Word;
use crate::complete::containers::{PATIENCE, lister};
use crate::complete::spot::Context;
use crate::pipe::records::until;
use crate::pipe::stage::Stage;

/// The links among which one of this kind is chosen; none where only a record would tell.
pub(super) fn of(kind: &str, context: &Context) -> Vec<Word> {
    let deadline = Instant::now() + PATIENCE;
    let [first, second] = [0, 1].map(|number| context.targets.get(number).map(String::as_str));
    let list = |place: &str| Stage::new("links").with(["--json", "-t", place]);
    let stages = match (&context.path, kind) {
        (Some(path), _) => vec![lister().with([path]), Stage::new("links").with(["--json"])],
        (None, "link of origin") => match context.from.as_deref() {
            Some("target") => first.map(list).into_iter().collect(),
            from => vec![list(from.unwrap_or(HOST))],
        },
        (None, "link of the peer") => second.map(list).into_iter().collect(),
        (None, _) => first.map(list).into_iter().collect(),
    };
    let any = (context.path.is_some() && context.before != "dev").then(|| Word::new("any", "all of them"));
    let records = until(deadline, &stages);
    let words = records.iter().filter_map(|record| {
        let nic = record.get("nic")?;
        let kind = nic["kind"].as_str().unwrap_or("link");
        Some(Word::new(nic["name"].as_str()?, escape(kind)))
    });
    any.into_iter().chain(words).collect()
}
