//! Colour: of what is down or gone, at a terminal, and nowhere else.

use std::process::Command;

use libtest_mimic::{Failed, Trial};
use nicon_lab::{LIMIT, output_within, tool};
use serde_json::json;

use crate::support::links::Place;
use crate::support::suite::Suite;

pub(crate) fn trials(suite: &Suite) -> Vec<Trial> {
    let trial = |name, test: fn(&Suite) -> Result<(), Failed>| {
        suite.trial_of_kernel(&[], &format!("filters::colour::{name}"), test)
    };
    vec![
        trial("of_a_table", of_a_table),
        trial("of_a_tree", of_a_tree),
        trial("of_what_goes_on", of_what_goes_on),
        trial("never_of_what_a_container_is_called", never_of_names),
    ]
}

const DOWN: &str = "\u{1b}[31mDOWN\u{1b}[0m";
const GONE: &str = "\u{1b}[2mgone\u{1b}[0m";

/// What a line of shell writes to a terminal that knows colours, with this in its environment.
fn at_terminal(suite: &Suite, line: &str, environment: &[(&str, &str)]) -> Result<String, Failed> {
    let path = format!("{}:{}", suite.bins()?.display(), std::env::var("PATH")?);
    let line = format!("stty rows 50 columns 200; {line}");
    let mut script: Command = tool("script");
    script.args(["-qec", &line, "/dev/null"]).env("PATH", path).env("TERM", "xterm").env("LC_ALL", "C.UTF-8");
    script.env_remove("NO_COLOR").envs(environment.iter().copied()).stdin(std::process::Stdio::null());
    Ok(output_within(&mut script, LIMIT)?.ok()?)
}

/// Whatever asks for colour or not: with it only where that is right.
fn is_right(suite: &Suite, line: &str, coloured: &str) -> Result<(), Failed> {
    let plain = coloured.replace("\u{1b}[31m", "").replace("\u{1b}[2m", "").replace("\u{1b}[0m", "");
    for (environment, is_coloured) in [
        (&[][..], true),
        (&[("NO_COLOR", "")], true),
        (&[("NO_COLOR", "1")], false),
        (&[("TERM", "dumb")], false),
        (&[("CLICOLOR_FORCE", "1"), ("NO_COLOR", "1")], false),
    ] {
        let shown = at_terminal(suite, line, environment)?;
        assert_eq!(shown.contains(coloured), is_coloured, "{environment:?}: {shown:?}");
        assert!(is_coloured || shown.contains(&plain) && !shown.contains('\u{1b}'), "{environment:?}: {shown:?}");
    }
    let piped = at_terminal(suite, &format!("{line} | cat"), &[("CLICOLOR_FORCE", "1")])?;
    assert!(piped.contains(&plain) && !piped.contains('\u{1b}'), "{piped:?}");
    Ok(())
}

fn of_a_table(suite: &Suite) -> Result<(), Failed> {
    let place = Place::new();
    place.ip("link add br0 type bridge");
    let line = format!("nicon-links -t {} -o table", place.pid());
    is_right(suite, &line, &format!("  bridge  {DOWN}  "))?;
    // Colour takes no room: rows are cut where they would be without.
    let cut = at_terminal(suite, &format!("stty columns 60; {line}"), &[])?;
    let row = cut.lines().find(|row| row.contains("br0")).ok_or("no row")?;
    let shown = row.trim_end().replace("\u{1b}[31m", "").replace("\u{1b}[0m", "");
    assert_eq!((shown.chars().count(), row.contains(DOWN)), (60, true), "{row:?}");
    Ok(())
}

fn of_a_tree(suite: &Suite) -> Result<(), Failed> {
    let place = Place::new();
    place.ip("link add br0 type bridge");
    let line = format!("nicon-links -t {} -J | nicon-tree --links", place.pid());
    is_right(suite, &line, &format!("bridge   -     -      {DOWN}").replace("-     -", &pid_cells(place.pid())))?;
    let ended = json!({"pid": place.pid(), "starttime": 1}).to_string();
    let shown = at_terminal(suite, &format!("echo '{ended}' | nicon-tree"), &[])?;
    assert!(shown.contains(GONE), "{shown:?}");
    Ok(())
}

/// Two empty cells, of which the first is as wide as this PID.
fn pid_cells(pid: u32) -> String {
    format!("{:width$}  -", "-", width = pid.to_string().len().max(3))
}

/// The rows of a table, and the pictures of a tree, that go on.
fn of_what_goes_on(suite: &Suite) -> Result<(), Failed> {
    let place = Place::new();
    place.ip("link add br0 type bridge");
    let pid = place.pid();
    let change = format!("(sleep 4; nsenter --net=/proc/{pid}/ns/net ip link del br0; sleep 3; kill {pid}) &");
    let shown = at_terminal(suite, &format!("{change} nicon-links -t {pid} --watch; true"), &[])?;
    assert!(shown.contains(DOWN) && shown.contains(GONE), "{shown:?}");
    let place = Place::new();
    place.ip("link add br0 type bridge");
    let line = format!("nicon-links -t {} -J | nicon-tree --links --watch", place.pid());
    let shown = at_terminal(suite, &line, &[])?;
    assert!(shown.contains("\u{1b}[?1049h") && shown.contains(DOWN), "{shown:?}");
    let shown = at_terminal(suite, &line, &[("NO_COLOR", "1")])?;
    assert!(shown.contains("\u{1b}[?1049h") && !shown.contains("\u{1b}[31m"), "{shown:?}");
    Ok(())
}

/// A name that reads like a state is a name.
fn never_of_names(suite: &Suite) -> Result<(), Failed> {
    let place = Place::new();
    place.ip("link add gone type bridge");
    place.ip("link set gone up");
    place.ip("link add DOWN type veth peer name x9");
    place.ip("link set DOWN up");
    place.ip("link set x9 up");
    let shown = at_terminal(suite, &format!("nicon-links -t {} --kind veth", place.pid()), &[])?;
    assert!(shown.contains("DOWN in ") && !shown.contains('\u{1b}'), "{shown:?}");
    let shown = at_terminal(suite, &format!("nicon-links -t {} -J --kind veth | nicon-tree -l", place.pid()), &[])?;
    assert!(shown.contains("DOWN in ") && !shown.contains('\u{1b}'), "{shown:?}");
    Ok(())
}
