//! nicon-resolve --watch with records on standard input: those of plans, and those whose links come from elsewhere.

use libtest_mimic::{Failed, Trial};
use nicon_lab::Lab;
use serde_json::{Value, json};

use crate::support::expect::is_process;
use crate::support::suite::Suite;
use crate::support::watching::Watching;

pub(crate) fn trials(suite: &Suite) -> Vec<Trial> {
    vec![
        suite.trial("resolve::watch_records::each_goes_on_by_itself", each_goes_on_by_itself),
        suite.trial("resolve::watch_records::a_newer_revision_replaces_the_older", a_newer_revision),
        suite.trial("resolve::watch_records::a_plan_that_asks_for_nothing_any_more", a_plan_of_nothing),
        suite.trial("resolve::watch_records::where_a_link_comes_from", where_a_link_comes_from),
        suite.trial("resolve::watch_records::another_process_than_expected", another_process_than_expected),
        suite.trial("resolve::watch_records::what_is_not_understood", what_is_not_understood),
    ]
}

/// A record of a plan, as nicon-plan would print it.
fn planned(target: &str, item: usize, size: usize, revision: usize) -> String {
    let more =
        json!({"target": target, "plan": "lab", "plan_item": item, "plan_size": size, "plan_revision": revision});
    format!("{more}\n")
}

/// Has its fields, and those of the process that it is.
#[track_caller]
fn is_record(event: &Value, line: &str) {
    for (field, value) in serde_json::from_str::<Value>(line).unwrap().as_object().unwrap() {
        assert_eq!(&event[field], value, "{event}");
    }
}

/// A stopped container holds nobody up, each record has all its fields, and the end of the input is that of no record.
fn each_goes_on_by_itself(suite: &Suite, lab: &Lab) -> Result<(), Failed> {
    let mut watching = Watching::records(suite, &[])?;
    let there = r#"{"target":"setup.olt_1.lt_1","x":{"deep":[1]},"plan":"old","plan_size":4,"plan_item":1}"#;
    let missing = r#"{"target":"setup.by-itself","nic":{"name":"eth0"},"plan":"old","plan_size":4,"plan_item":2}"#;
    let host = r#"{"target":"host","plan":"old","plan_size":4,"plan_item":3}"#;
    let pattern = r#"{"target":"setup.by-itsel?","plan":"old","plan_size":4,"plan_item":4}"#;
    watching.feed(&format!("{there}\n{missing}\n{host}\n{pattern}\nsetup.olt_1\n"))?;
    let present = watching.expect("setup.olt_1.lt_1", "present");
    is_process(&present, lab.host_pid("setup.olt_1.lt_1")?);
    is_record(&present, there);
    let gone = watching.expect("setup.by-itself", "gone");
    is_record(&gone, missing);
    assert!(gone.get("pid").is_none(), "{gone}");
    let host_there = watching.expect("host", "present");
    is_record(&host_there, host);
    assert!(host_there.get("pid").is_none(), "{host_there}");
    watching.expect("setup.olt_1", "present");
    watching.end_input();
    lab.run_container("setup", "by-itself", &[])?;
    let is_matched = |event: &Value| event.get("pattern").is_some();
    let asked = watching.next_that("the path", |event| event["target"] == "setup.by-itself" && !is_matched(event));
    is_record(&asked, missing);
    let matched = watching.next_that("the pattern", is_matched);
    for event in [&asked, &matched] {
        assert_eq!(event["event"], "arrived", "{event}");
        is_process(event, lab.host_pid("setup.by-itself")?);
    }
    assert_eq!((&matched["pattern"], &matched["plan_item"]), (&json!("setup.by-itsel?"), &json!(4)), "{matched}");
    lab.remove("setup", "by-itself")?;
    for _ in 0..2 {
        let gone = watching.expect("setup.by-itself", "gone");
        assert_eq!(gone["pid"], asked["pid"], "{gone}");
    }
    assert_eq!(watching.said(), "");
    Ok(())
}

fn a_newer_revision(suite: &Suite, lab: &Lab) -> Result<(), Failed> {
    for name in ["revised-a", "revised-b", "revised-c"] {
        lab.run_container("setup", name, &[])?;
    }
    let [a, b, c] = ["setup.revised-a", "setup.revised-b", "setup.revised-c"];
    let mut watching = Watching::records(suite, &[])?;
    watching.feed(&(planned(a, 1, 2, 1) + &planned(b, 2, 2, 1)))?;
    for (path, item) in [(a, 1), (b, 2)] {
        is_record(&watching.expect(path, "present"), &planned(path, item, 2, 1));
    }
    // The records of the newer one are all told, also what is known of them already.
    watching.feed(&planned(b, 1, 3, 2))?;
    is_record(&watching.next_of(b), &planned(b, 1, 3, 2));
    watching.feed(&(planned(c, 2, 3, 2) + &planned("setup.revised-d", 3, 3, 2)))?;
    is_record(&watching.next_of(c), &planned(c, 2, 3, 2));
    is_record(&watching.expect("setup.revised-d", "gone"), &planned("setup.revised-d", 3, 3, 2));
    // Of those of the older one nothing more is told.
    lab.remove("setup", "revised-a")?;
    lab.remove("setup", "revised-b")?;
    is_record(&watching.expect(b, "gone"), &planned(b, 1, 3, 2));
    lab.remove("setup", "revised-c")?;
    is_record(&watching.expect(c, "gone"), &planned(c, 2, 3, 2));
    let rest = watching.drain();
    assert!(rest.is_empty(), "{rest:?}");
    watching.end_input();
    let (status, said) = watching.end()?;
    assert_eq!(status.code(), Some(2), "{said}");
    assert_eq!(said, "nicon-resolve: the plan's stream has ended\n");
    Ok(())
}

/// Such a revision is one record, which goes on as it is.
fn a_plan_of_nothing(suite: &Suite, lab: &Lab) -> Result<(), Failed> {
    let mut watching = Watching::records(suite, &[])?;
    watching.feed(&planned("setup.olt_1.lt_1", 1, 1, 1))?;
    watching.expect("setup.olt_1.lt_1", "present");
    watching.feed(&planned("host", 0, 0, 2))?;
    let empty = watching.next_of("host");
    assert_eq!(empty, serde_json::from_str::<Value>(&planned("host", 0, 0, 2))?);
    // It is watched no more, and there is nothing left but the stream.
    watching.feed(&planned("setup.of-nothing", 1, 1, 3))?;
    watching.expect("setup.of-nothing", "gone");
    lab.run_container("setup", "of-nothing", &[])?;
    watching.expect("setup.of-nothing", "arrived");
    lab.remove("setup", "of-nothing")?;
    watching.end_input();
    assert_eq!(watching.end()?.0.code(), Some(2));
    Ok(())
}

fn where_a_link_comes_from(suite: &Suite, lab: &Lab) -> Result<(), Failed> {
    lab.run_container("setup", "source", &[])?;
    let mut watching = Watching::records(suite, &[])?;
    let line = r#"{"target":"setup.sink","from":{"target":"setup.source"},"nic":{"name":"eth1"}}"#;
    watching.feed(&format!("{line}\n"))?;
    let absent = watching.expect("setup.sink", "gone");
    assert_eq!(absent["from"], json!({"target": "setup.source"}), "{absent}");
    lab.run_container("setup", "sink", &[])?;
    let arrived = watching.expect("setup.sink", "arrived");
    is_process(&arrived, lab.host_pid("setup.sink")?);
    is_process(&arrived["from"], lab.host_pid("setup.source")?);
    // Either end that goes or comes counts.
    lab.docker("setup", &["restart", "source"])?.ok()?;
    let gone = watching.expect("setup.sink", if arrived["pid"].is_null() { "arrived" } else { "gone" });
    assert_eq!((&gone["pid"], &gone["from"]), (&arrived["pid"], &arrived["from"]), "{gone}");
    let again = watching.expect("setup.sink", "arrived");
    assert_eq!(again["pid"], arrived["pid"], "{again}");
    is_process(&again["from"], lab.host_pid("setup.source")?);
    lab.remove("setup", "sink")?;
    watching.expect("setup.sink", "gone");
    lab.remove("setup", "source")?;
    lab.run_container("setup", "sink", &[])?;
    lab.run_container("setup", "source", &[])?;
    let last = watching.expect("setup.sink", "arrived");
    is_process(&last, lab.host_pid("setup.sink")?);
    is_process(&last["from"], lab.host_pid("setup.source")?);
    lab.remove("setup", "sink")?;
    Ok(lab.remove("setup", "source")?)
}

/// It is said, and the record is one of a container that is not there, until it is.
fn another_process_than_expected(suite: &Suite, lab: &Lab) -> Result<(), Failed> {
    let pid = lab.host_pid("setup.olt_1.lt_1")?;
    let mut watching = Watching::records(suite, &[])?;
    let record = |expected: u32| format!("{{\"target\":\"setup.olt_1.lt_1\",\"expected_pid\":{expected}}}\n");
    watching.feed(&record(pid + 1))?;
    let gone = watching.expect("setup.olt_1.lt_1", "gone");
    assert!(gone.get("pid").is_none(), "{gone}");
    watching.until_said(&format!("setup.olt_1.lt_1: its PID is {pid}, but {} was expected", pid + 1));
    watching.feed(&record(pid))?;
    is_process(&watching.expect("setup.olt_1.lt_1", "present"), pid);
    assert_eq!(watching.said().lines().count(), 1, "{}", watching.said());
    Ok(())
}

/// A bad line is told, and ends nothing.
fn what_is_not_understood(suite: &Suite, _: &Lab) -> Result<(), Failed> {
    let mut watching = Watching::records(suite, &[])?;
    watching.feed("{\"target\":7}\n{\n\na..b\n{\"target\":\"a\",\"from\":{\"target\":\"b*\"}}\nsetup\n")?;
    watching.expect("setup", "present");
    for line in ["line 1", "line 2", "line 4", "line 5"] {
        watching.until_said(line);
    }
    Ok(())
}
