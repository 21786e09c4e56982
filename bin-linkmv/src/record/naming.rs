//! What messages call the records that they are about.

use nicon_core::record::cell;
use nicon_core::{Error, Record};
use nicon_rtnl::record::label;

/// An error that says what it is about: the link of a plan by the plan's name and its endpoints, as their author wrote them, who may never have
/// seen a record; else the number of the line.
pub(crate) fn named(error: Error, line: Option<u64>, records: &[Record]) -> Error {
    let plan = records.first().and_then(|record| record.text("plan").ok().flatten());
    match (plan, line) {
        (Some(plan), _) => {
            let endpoints: Vec<_> = records.iter().map(endpoint).collect();
            error.prefix(endpoints.join(", ")).prefix(plan)
        }
        (None, Some(line)) => error.prefix(format!("line {line}")),
        (None, None) => error,
    }
}

fn endpoint(record: &Record) -> String {
    let place = label(record);
    match record.get("name").or_else(|| record.get("link")).filter(|name| !name.is_null()) {
        Some(name) => format!("{place}:{}", cell(Some(name))),
        None => place,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_of_plans_are_called_by_their_endpoints() {
        let said = |lines: &[&str]| {
            let records: Vec<_> = lines.iter().map(|line| Record::parse(line).unwrap()).collect();
            named(Error::no("why"), Some(4), &records).to_string()
        };
        let end = r#"{"target":"a.b","plan":"p","pair":"x","name":"eth1"}"#;
        assert_eq!(said(&[end, r#"{"target":"host","plan":"p","pair":"x","name":"y"}"#]), "p: a.b:eth1, host:y: why");
        assert_eq!(said(&[r#"{"pid":7,"plan":"p","link":"veth0"}"#]), "p: process 7:veth0: why");
        assert_eq!(said(&[r#"{"target":"a.b","plan":"p"}"#]), "p: a.b: why");
        assert_eq!(said(&[r#"{"target":"a.b","name":"eth1"}"#]), "line 4: why");
        assert_eq!(said(&[]), "line 4: why");
    }
}
