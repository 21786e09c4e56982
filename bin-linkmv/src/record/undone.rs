//! What was undone, as the field `undone` of a record lists it.

use nicon_core::Record;
use nicon_core::record::cell;
use serde_json::Value;

/// The field.
pub(crate) const UNDONE: &str = "undone";

/// What it says of a link that was removed.
pub(crate) const REMOVED: &str = "removed";

/// A field of each of its entries, as a cell of a table.
pub(crate) fn of_each(record: &Record, field: &str) -> String {
    cell_of_each(record, |entry| cell(entry.get(field)))
}

/// What became of the link of each of its entries, in a word, as a cell of a table.
pub(crate) fn words(record: &Record) -> String {
    let is = |entry: &Value, field: &str| entry.get(field).is_some_and(|value| *value == true);
    cell_of_each(record, |entry| {
        let word = match (is(entry, REMOVED), is(entry, "changed")) {
            (true, _) => REMOVED,
            (false, true) => "put back",
            (false, false) => "nothing",
        };
        word.to_owned()
    })
}

fn cell_of_each(record: &Record, of: impl Fn(&Value) -> String) -> String {
    let entries = record.get(UNDONE).and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    let cells: Vec<_> = entries.iter().map(of).collect();
    if cells.is_empty() { "-".to_owned() } else { cells.join(", ") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_entry_is_told_in_a_word() {
        for (entries, told) in [
            (r#"[{"changed":true,"removed":true}]"#, "removed"),
            // The other end of a pair goes with the first.
            (r#"[{"changed":false,"removed":true},{"changed":true}]"#, "removed, put back"),
            (r#"[{"changed":false}]"#, "nothing"),
            ("[]", "-"),
            ("7", "-"),
        ] {
            let record = Record::parse(&format!(r#"{{"undone":{entries}}}"#)).unwrap();
            assert_eq!(words(&record), told, "{entries}");
        }
    }
}
