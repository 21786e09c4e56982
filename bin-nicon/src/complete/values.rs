//! What fits at a place of a command line, by the kind of what can stand there.

use std::fs;

use nicon_core::link::target::NAMED;
use nicon_core::natural::compare;
use nicon_core::path::HOST;

use crate::complete::answer::{Answer, Word};
use crate::complete::spot::{Context, Spot, Wanted};
use crate::complete::{containers, links};
use crate::words::table::{Row, Table, programs};

/// What fits there.
pub(super) fn of(spot: &Spot) -> Answer {
    let Spot { wanted, head, typed, context } = spot;
    match wanted {
        Wanted::Command if !typed.contains('/') => Answer::Commands,
        Wanted::Command | Wanted::Argument => Answer::Files,
        Wanted::Option(table) => options(table, typed),
        Wanted::Jobs(table) => {
            let all = table.jobs.iter().copied().chain(programs());
            // nicon's own wire has nicon-wire in it.
            let all = all.filter(|(name, about)| table.jobs.iter().all(|(job, does)| job != name || does == about));
            Answer::values(head, typed, all.map(|(name, about)| Word::new(name, about)))
        }
        Wanted::Value(kind) => value(kind, head, typed, context),
    }
}

fn options(table: &Table, typed: &str) -> Answer {
    let words = |row: &Row| row.names.split(' ').map(|name| Word::new(name, row.about)).collect::<Vec<_>>();
    let words = table.options.iter().flat_map(words).filter(|word| word.text.starts_with(typed));
    Answer::Words(words.collect())
}

fn value(kind: &str, head: &str, typed: &str, context: &Context) -> Answer {
    let words = match kind {
        "file" => return Answer::Files,
        "directory" => return Answer::Directories,
        "place" | "place of origin" | "netns" if typed.contains('/') => return Answer::Files,
        "netns" => netns_names(""),
        "place" | "place of origin" => {
            let here = [Word::new(HOST, "our own network namespace")];
            let same = (kind == "place of origin").then(|| Word::new("target", "where the link is to be"));
            let prefix = if typed.starts_with("netns:") { "netns:" } else { "" };
            here.into_iter().chain(same).chain(netns_names(prefix)).collect()
        }
        "container" if typed.starts_with("netns:") => netns_names("netns:"),
        "container" => containers::that_begin(typed),
        "link" | "link of the peer" | "link of origin" => links::of(kind, context),
        kind => kind
            .strip_prefix("one of ")
            .map(|all| all.split(' ').map(|one| Word::new(one, "")))
            .into_iter()
            .flatten()
            .collect(),
    };
    Answer::values(head, typed, words)
}

/// Network namespaces by the names that `ip netns` knows.
fn netns_names(prefix: &str) -> Vec<Word> {
    let files = fs::read_dir(NAMED).into_iter().flatten().flatten();
    let mut names: Vec<String> = files.filter_map(|file| file.file_name().into_string().ok()).collect();
    names.sort_by(|a, b| compare(a, b));
    names.into_iter().map(|name| Word::new(format!("{prefix}{name}"), "network namespace")).collect()
}
