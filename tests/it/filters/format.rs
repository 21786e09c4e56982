//! -o: a table or records, wherever standard output leads.

use libtest_mimic::{Failed, Trial};
use nicon_lab::Lab;

use crate::support::expect::parse;
use crate::support::suite::Suite;

pub(crate) fn trials(suite: &Suite) -> Vec<Trial> {
    vec![
        suite.trial("filters::format::the_same_wherever_it_leads", the_same_wherever_it_leads),
        suite.trial("filters::format::cut_to_the_terminal", cut_to_the_terminal),
    ]
}

/// Each program that has answers, with some.
const LINES: [&str; 9] = [
    "nicon-resolve setup setup.olt_1",
    "nicon-nsid self",
    "nicon-nsfind -T net --first $(readlink /proc/self/ns/net)",
    "nicon-links -t host",
    "echo '{\"links\":[{\"endpoint\":\"setup:x0\",\"kind\":\"bridge\"}]}' | nicon-plan",
    "nicon-resolve setup | nicon-linkadd bridge br-format --dry-run",
    "nicon-resolve setup setup.olt_1 | nicon-veth format0 format1 --dry-run",
    "nicon-resolve setup | nicon-linkmv lo --from target --dry-run",
    "echo '{\"links\":[{\"endpoint\":\"setup:x0\",\"kind\":\"bridge\"}]}' | nicon-plan | nicon-resolve | nicon-wire --check",
];

fn the_same_wherever_it_leads(suite: &Suite, _: &Lab) -> Result<(), Failed> {
    for line in LINES {
        // Processes, and what they do, are others each time.
        let titles =
            |text: &str| text.lines().next().unwrap_or_default().split_whitespace().map(str::to_owned).collect();
        let table: Vec<String> = titles(&suite.at_terminal(500, line).stdout);
        assert!(table.len() > 1 && table.iter().all(|title| *title == title.to_uppercase()), "{line}: {table:?}");
        for format in ["-o table", "-o wide", "--output=table"] {
            assert_eq!(titles(&suite.shell(&format!("{line} {format}"), "").stdout), table, "{line} {format}");
        }
        for format in ["-o json", "-J"] {
            assert!(!parse(&suite.at_terminal(500, &format!("{line} {format}")).stdout).is_empty(), "{line} {format}");
        }
        for format in ["-J -o table", "-o yaml"] {
            let ran = suite.shell(&format!("{line} {format}"), "");
            assert!(ran.code() == Some(2) && ran.stdout.is_empty(), "{line} {format}: {ran:?}");
        }
    }
    Ok(())
}

fn cut_to_the_terminal(suite: &Suite, _: &Lab) -> Result<(), Failed> {
    let line = "nicon-resolve setup.olt_1.lt_1";
    let whole = suite.at_terminal(500, line).stdout;
    assert!(!whole.contains('…') && whole.lines().all(|line| line.len() > 40), "{whole}");
    let cut = suite.at_terminal(40, line).stdout;
    // A heading, and what it is of.
    assert_eq!((cut.lines().count(), whole.lines().count()), (2, 2), "{cut}{whole}");
    for (cut, whole) in cut.lines().zip(whole.lines()) {
        assert_eq!(cut.chars().count(), 40, "{cut}");
        assert!(whole.starts_with(cut.trim_end_matches('…')), "{cut}");
    }
    assert_eq!(cut.lines().count(), 2);
    assert_eq!(suite.at_terminal(40, &format!("{line} -o wide")).stdout, whole);
    // A pipe has no width.
    assert_eq!(suite.at_terminal(40, &format!("{line} -o table | cat")).stdout, whole);
    Ok(())
}
