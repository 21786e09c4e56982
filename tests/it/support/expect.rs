//! What tests ask of an outcome.

use nicon_lab::{Ran, witness};
use serde_json::Value;

/// All records of a run that answered everything.
#[track_caller]
pub(crate) fn records(ran: &Ran) -> Vec<Value> {
    assert_eq!(ran.code(), Some(0), "{ran:?}");
    parse(&ran.stdout)
}

/// The one record of a run that answered everything.
#[track_caller]
pub(crate) fn record(ran: &Ran) -> Value {
    let mut records = records(ran);
    assert_eq!(records.len(), 1, "{ran:?}");
    records.remove(0)
}

/// The records of an output.
#[track_caller]
pub(crate) fn parse(output: &str) -> Vec<Value> {
    output.lines().map(|line| serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}"))).collect()
}

/// What the last program of a pipe has done, as its record lists it.
#[track_caller]
pub(crate) fn deed(record: &Value) -> &Value {
    record["done"].as_array().and_then(|done| done.last()).unwrap_or_else(|| panic!("nothing was done: {record}"))
}

/// The one thing that was undone.
#[track_caller]
pub(crate) fn undone(record: &Value) -> &Value {
    match record["undone"].as_array().map(Vec::as_slice) {
        Some([undone]) => undone,
        _ => panic!("not one thing was undone: {record}"),
    }
}

/// An undoing that failed with `status`, printed its input again with why, and said all of `words` in one line.
#[track_caller]
pub(crate) fn not_undone(ran: &Ran, status: i32, words: &[&str]) {
    let left = parse(&ran.stdout);
    assert!(left.iter().all(|record| record.get("undone").is_none()), "{ran:?}");
    assert!(left.iter().any(|record| record["failed"].as_str().is_some_and(|why| ran.stderr.contains(why))), "{ran:?}");
    refusal(&Ran { stdout: String::new(), ..ran.clone() }, status, words);
}

/// A run that failed with `status`, printed no record, and said all of `words` in one line.
#[track_caller]
pub(crate) fn refusal(ran: &Ran, status: i32, words: &[&str]) {
    assert_eq!(ran.code(), Some(status), "{ran:?}");
    assert_eq!(ran.stdout, "", "{ran:?}");
    assert_eq!(ran.stderr.lines().count(), 1, "{ran:?}");
    for word in words {
        assert!(ran.stderr.contains(word), "\"{word}\" is not in {ran:?}");
    }
}

/// A record whose process is `pid`, as /proc tells it.
#[track_caller]
pub(crate) fn is_process(record: &Value, pid: u32) {
    assert_eq!(record["pid"], pid, "{record}");
    assert_eq!(record["starttime"], witness::stat(pid).unwrap().start_time, "{record}");
    assert_eq!(record["nspid"], serde_json::json!(witness::nspid(pid).unwrap()), "{record}");
    let types = record["ns"].as_object().unwrap();
    assert!(types.len() >= 7, "{record}");
    for (name, inode) in types {
        assert_eq!(format!("{name}:[{inode}]"), witness::ns_link(pid, name).unwrap(), "{record}");
    }
}
