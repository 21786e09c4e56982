//! nicon-resolve --watch tells whatever happens to containers, at any depth.

use libtest_mimic::{Failed, Trial};
use nicon_lab::Lab;
use serde_json::json;

use crate::support::expect::is_process;
use crate::support::suite::Suite;
use crate::support::watching::{Watching, without_event};

pub(crate) fn trials(suite: &Suite) -> Vec<Trial> {
    vec![
        suite.trial("resolve::watch::each_event_at_each_depth", each_event_at_each_depth),
        suite.trial("resolve::watch::a_path_through_three_engines", a_path_through_three_engines),
        suite.trial("resolve::watch::paths_and_patterns_together", paths_and_patterns_together),
        suite.trial("resolve::watch::a_path_from_a_process", a_path_from_a_process),
        suite.trial("resolve::watch::as_a_table", as_a_table),
        suite.trial("resolve::watch::what_has_changed_as_a_table", what_has_changed_as_a_table),
        suite.trial(
            "resolve::watch::what_one_pattern_leaves_out_and_another_names",
            what_one_pattern_leaves_out_and_another_names,
        ),
    ]
}

/// Where the engines of the lab are.
const DEPTHS: [&str; 3] = ["", "setup", "setup.olt_1"];

fn at(depth: &str, name: &str) -> String {
    if depth.is_empty() { name.to_owned() } else { format!("{depth}.{name}") }
}

/// What is not there is absent, whether it is seen before or after the other, and the heading stands above both.
fn as_a_table(suite: &Suite, lab: &Lab) -> Result<(), Failed> {
    let ran = suite.shell("nicon-resolve --watch -o table nobody-here setup.olt_1.lt_1 | head -n 3", "");
    let (heading, rows) = ran.stdout.split_once('\n').ok_or("no table")?;
    let cells = |row: &str| {
        let cell = |title: &str| row[heading.find(title)?..].split_whitespace().next().map(str::to_owned);
        ["EVENT", "TARGET", "PID", "HOPS"].map(|title| cell(title).unwrap_or_default())
    };
    let mut told: Vec<_> = rows.lines().map(cells).collect();
    told.sort_unstable();
    let pid = lab.host_pid("setup.olt_1.lt_1")?.to_string();
    let expected = [["absent", "nobody-here", "-", "-"], ["present", "setup.olt_1.lt_1", &pid, "host:setup"]]
        .map(|row| row.map(str::to_owned));
    assert_eq!(told, expected, "{ran:?}");
    Ok(())
}

/// Whatever has happened to a container, its row differs from the one before.
fn what_has_changed_as_a_table(suite: &Suite, lab: &Lab) -> Result<(), Failed> {
    lab.run_daemon_container("", "shown", &[])?;
    lab.run_container("shown", "first", &[])?;
    let mut watching = Watching::rows(suite, &["shown.**"])?;
    let heading = watching.next_row();
    let begin = heading.find("WAS").ok_or("no column WAS")?;
    let mut next_is = |event: &str, was: &str| {
        let row = watching.next_row();
        assert!(row.starts_with(event) && row[begin..].starts_with(&format!("{was} ")), "{event} {was}: {row}");
    };
    next_is("present", "-");
    lab.run_container("shown", "dood", &["--volume=/run/docker.sock:/run/docker.sock"])?;
    next_is("arrived", "-");
    next_is("changed", "engine_of=-");
    for (words, was) in [
        (&["pause", "dood"][..], "paused=-"),
        (&["unpause", "dood"], "paused=true"),
        (&["rename", "dood", "door"], "target=shown.dood"),
    ] {
        lab.docker("shown", words)?.ok()?;
        next_is("changed", was);
    }
    Ok(lab.remove("", "shown")?)
}

fn each_event_at_each_depth(suite: &Suite, lab: &Lab) -> Result<(), Failed> {
    for depth in DEPTHS {
        lab.run_container(depth, "watched", &[])?;
    }
    let mut watching = Watching::patterns(suite, &["**"])?;
    for depth in DEPTHS {
        let docker = |words: &[&str]| lab.docker(depth, words).and_then(|ran| ran.ok());
        let path = at(depth, "watched");
        watching.expect(&path, "present");
        let pid = lab.host_pid(&path)?;
        docker(&["pause", "watched"])?;
        let paused = watching.expect(&path, "changed");
        assert_eq!((&paused["paused"], &paused["was"]), (&json!(true), &json!({"paused": null})), "{paused}");
        is_process(&paused, pid);
        docker(&["unpause", "watched"])?;
        let unpaused = watching.expect(&path, "changed");
        assert_eq!((unpaused.get("paused"), &unpaused["was"]), (None, &json!({"paused": true})), "{unpaused}");
        let other = at(depth, "watched-by-another-name");
        docker(&["rename", "watched", "watched-by-another-name"])?;
        let renamed = watching.expect(&other, "changed");
        assert_eq!(renamed["was"], json!({"target": path}), "{renamed}");
        is_process(&renamed, pid);
        docker(&["restart", "watched-by-another-name"])?;
        assert_eq!(without_event(&watching.expect(&other, "gone")), without_event(&renamed));
        let again = watching.expect(&other, "arrived");
        is_process(&again, lab.host_pid(&other)?);
        assert_ne!(again["pid"], pid);
        docker(&["kill", "watched-by-another-name"])?;
        assert_eq!(watching.expect(&other, "gone")["pid"], again["pid"]);
        docker(&["start", "watched-by-another-name"])?;
        let started = watching.expect(&other, "arrived");
        lab.remove(depth, "watched-by-another-name")?;
        assert_eq!(watching.expect(&other, "gone")["pid"], started["pid"]);
        lab.run_container(depth, "watched-anew", &[])?;
        let path = at(depth, "watched-anew");
        is_process(&watching.expect(&path, "arrived"), lab.host_pid(&path)?);
        lab.remove(depth, "watched-anew")?;
        watching.expect(&path, "gone");
    }
    Ok(())
}

/// It comes and goes with each of the containers around it, also where the engine in these is there only later.
fn a_path_through_three_engines(suite: &Suite, lab: &Lab) -> Result<(), Failed> {
    let (path, middle) = ("way.through.leaf", "way.through");
    let mut watching = Watching::paths(suite, &[path, middle])?;
    for path in [path, middle] {
        let absent = watching.expect(path, "gone");
        assert_eq!(absent, json!({"target": path, "event": "gone"}));
    }
    lab.run_daemon_container("", "way", &[])?;
    lab.run_daemon_container("way", "through", &[])?;
    is_process(&watching.expect(middle, "arrived"), lab.host_pid(middle)?);
    lab.run_container("way.through", "leaf", &[])?;
    let arrived = watching.expect(path, "arrived");
    is_process(&arrived, lab.host_pid(path)?);
    assert_eq!(arrived["hops"].as_array().map(Vec::len), Some(3), "{arrived}");
    lab.docker("way.through", &["rename", "leaf", "other"])?.ok()?;
    assert_eq!(watching.expect(path, "gone")["pid"], arrived["pid"]);
    lab.docker("way.through", &["rename", "other", "leaf"])?.ok()?;
    assert_eq!(watching.expect(path, "arrived")["pid"], arrived["pid"]);
    // The name means another container.
    lab.run_container("way.through", "another", &[])?;
    lab.docker("way.through", &["rename", "leaf", "other"])?.ok()?;
    lab.docker("way.through", &["rename", "another", "leaf"])?.ok()?;
    let another = lab.host_pid(path)?;
    assert_eq!(watching.expect(path, "gone")["pid"], arrived["pid"]);
    is_process(&watching.expect(path, "arrived"), another);
    lab.remove("", "way")?;
    watching.expect(path, "gone");
    watching.expect(middle, "gone");
    Ok(())
}

/// What more than one of them names is told for each, and a name at which a pattern begins need not be there yet.
fn paths_and_patterns_together(suite: &Suite, lab: &Lab) -> Result<(), Failed> {
    let mut watching = Watching::patterns(suite, &["both.in*"])?;
    let mut paths = Watching::paths(suite, &["both.inner", "both.outside"])?;
    for path in ["both.inner", "both.outside"] {
        assert!(paths.expect(path, "gone").get("pid").is_none());
    }
    lab.run_daemon_container("", "both", &[])?;
    lab.run_container("both", "inner", &[])?;
    lab.run_container("both", "outside", &[])?;
    let pid = lab.host_pid("both.inner")?;
    is_process(&watching.expect("both.inner", "arrived"), pid);
    is_process(&paths.expect("both.inner", "arrived"), pid);
    is_process(&paths.expect("both.outside", "arrived"), lab.host_pid("both.outside")?);
    // One that is renamed into the pattern, and one out of it.
    lab.docker("both", &["rename", "outside", "inside"])?.ok()?;
    watching.expect("both.inside", "arrived");
    paths.expect("both.outside", "gone");
    lab.docker("both", &["rename", "inside", "outside"])?.ok()?;
    watching.expect("both.inside", "gone");
    paths.expect("both.outside", "arrived");
    lab.remove("", "both")?;
    watching.expect("both.inner", "gone");
    assert!(!watching.has("both.outside"));
    let mut again = Watching::patterns(suite, &["setup.olt_1.lt_*", "setup.olt_*"])?;
    again.expect("setup.olt_1.lt_1", "present");
    again.expect("setup.olt_1", "present");
    Ok(())
}

fn a_path_from_a_process(suite: &Suite, lab: &Lab) -> Result<(), Failed> {
    lab.run_daemon_container("", "by-pid", &[])?;
    let outer = format!("pid:{}", lab.host_pid("by-pid")?);
    let path = format!("{outer}.leaf");
    let mut watching = Watching::paths(suite, &[&path, &outer])?;
    watching.expect(&path, "gone");
    assert_eq!(watching.expect(&outer, "present")["pid"], lab.host_pid("by-pid")?);
    lab.run_container("by-pid", "leaf", &[])?;
    is_process(&watching.expect(&path, "arrived"), lab.host_pid("by-pid.leaf")?);
    lab.remove("by-pid", "leaf")?;
    watching.expect(&path, "gone");
    lab.remove("", "by-pid")?;
    watching.expect(&outer, "gone");
    Ok(())
}

/// A pattern that names no engine leaves to Docker what Docker keeps in containerd, and one that names another engine than --engine
/// has that one asked: also beside each other.
fn what_one_pattern_leaves_out_and_another_names(suite: &Suite, lab: &Lab) -> Result<(), Failed> {
    lab.run_daemon_container("", "lists", &[])?;
    let mut both = Watching::paths(suite, &["lists.*", "lists.containerd:*"])?;
    let mut other = Watching::paths(suite, &["--engine=docker", "lists.*", "lists.containerd:*"])?;
    let begun = lab.run_container("lists", "begun", &[])?;
    let pid = lab.host_pid("lists.begun")?;
    for watching in [&mut both, &mut other] {
        is_process(&watching.expect("lists.begun", "arrived"), pid);
        is_process(&watching.expect(&format!("lists.containerd:{begun}"), "arrived"), pid);
    }
    let mut late = Watching::paths(suite, &["lists.containerd:*", "lists.docker:*", "lists.begun"])?;
    for path in [&format!("lists.containerd:{begun}"), "lists.docker:begun", "lists.begun"] {
        is_process(&late.expect(path, "present"), pid);
    }
    lab.remove("lists", "begun")?;
    for watching in [&mut both, &mut other, &mut late] {
        watching.expect("lists.begun", "gone");
        watching.expect(&format!("lists.containerd:{begun}"), "gone");
    }
    late.expect("lists.docker:begun", "gone");
    Ok(lab.remove("", "lists")?)
}
