//! Records and words that name something else than a process, and what can be done with them.

use nicon_core::{Error, Record};

/// Why a record names no process, and what does instead; `None` if it may.
pub(crate) fn explain(record: &Record) -> Option<Error> {
    if record.get("pid").is_some() {
        return None;
    }
    let target = record.get("target")?.as_str()?;
    let (what, way_out) = match target.split_once(':') {
        None if target == "host" => ("the host", "--target 1 is its first process".to_owned()),
        Some(("netns", name)) => ("a network namespace", format!("--net={name} enters it")),
        Some(("file", path)) => ("a file", format!("--net={path} enters a network namespace")),
        _ => ("no process", "nicon-resolve adds its \"pid\"".to_owned()),
    };
    let is_not = if what == "no process" { "" } else { ", which is no process" };
    Some(Error::failed(format!("the record names {what}{is_not} ({way_out})")))
}

/// What was expected of a word that is not a PID.
pub(crate) fn expected(word: &str) -> String {
    match word.strip_prefix("pid:") {
        Some(pid) if pid.parse::<u32>().is_ok() => format!("expected PID or PID:INODE: {pid}"),
        _ if word == "host" => "expected PID or PID:INODE (1 is the host's first process)".to_owned(),
        _ => "expected PID or PID:INODE (for a container: nicon-resolve PATH | nicon-nsexec ...)".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_process() {
        let told = |text: &str| explain(&Record::parse(text).unwrap()).map(|error| error.to_string());
        assert!(told(r#"{"target":"netns:blue"}"#).unwrap().contains("--net=blue"));
        assert!(told(r#"{"target":"file:/a/b"}"#).unwrap().contains("--net=/a/b"));
        assert_eq!(told(r#"{"target":"host","pid":1}"#), None);
        assert_eq!(told(r#"{"link":"eth0"}"#), None);
    }
}
