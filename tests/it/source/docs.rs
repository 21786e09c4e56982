//! The documents say what the programs do.

use std::path::Path;

use libtest_mimic::{Failed, Trial};
use nicon_lab::{LIMIT, Lab, output_within, tool};
use serde_json::Value;

use super::tidy::rust_files;
use crate::support::kernel::is_linux;
use crate::support::subject::answers;
use crate::support::suite::Suite;

pub(crate) fn trials(suite: &Suite) -> Vec<Trial> {
    vec![
        suite.trial("source::docs::examples_of_the_protocol", examples_of_the_protocol),
        suite.trial("source::docs::help_of_the_programs", help_of_the_programs),
        suite.trial_of_kernel(&[], "source::docs::pages_of_the_manual", |_| pages_of_the_manual()),
        Trial::test("source::docs::tests_that_are_named", tests_that_are_named),
    ]
}

const PROGRAMS: [&str; 12] = [
    "nicon",
    "nicon-resolve",
    "nicon-plan",
    "nicon-tree",
    "nicon-nsid",
    "nicon-nsfind",
    "nicon-nsexec",
    "nicon-linkmv",
    "nicon-linkadd",
    "nicon-veth",
    "nicon-wire",
    "nicon-links",
];

fn document(path: &str) -> std::io::Result<String> {
    std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(path))
}

/// The examples of a document: each a command line and the output that is printed below it.
fn examples(text: &str) -> Vec<(&str, &str)> {
    let blocks = text.split("```console\n").skip(1).filter_map(|block| block.split("\n```").next());
    blocks.filter_map(|block| block.strip_prefix("$ ")?.split_once('\n')).collect()
}

/// What the examples take for granted beside the nest: a veth with an address and a route, and one without.
const BEFORE_EXAMPLES: &str = "ip link add veth0 type veth peer name veth0p && ip link set veth0p up &&
    ip link set veth0 up && ip address add 203.0.113.1/25 dev veth0 &&
    ip route add 203.0.113.128/25 via 203.0.113.2 dev veth0 metric 77 && ip link add veth1 type veth peer name veth1p";

fn examples_of_the_protocol(suite: &Suite, _: &Lab) -> Result<(), Failed> {
    let path = format!("{}:{}", suite.bins()?.display(), nicon_lab::search_path().to_string_lossy());
    let try_to_run = |line: &str| output_within(tool("sh").args(["-c", line]).env("PATH", &path), LIMIT);
    let run = |line: &str| try_to_run(line)?.ok();
    run(BEFORE_EXAMPLES)?;
    let text = document("docs/protocol.md")?;
    let examples = examples(&text);
    for program in PROGRAMS {
        assert!(examples.iter().any(|(line, _)| line.contains(program)), "no example of {program}");
    }
    for (line, printed) in examples {
        if !printed.starts_with('{') {
            assert_eq!(run(line)?, printed, "{line}");
            continue;
        }
        let ran = try_to_run(line)?;
        // Where we may not look at PID 1, what may be missing is said.
        let mut real = if ran.code() == Some(2) { answers(&ran).remove(0) } else { serde_json::from_str(&ran.ok()?)? };
        let mut printed: Value = serde_json::from_str(printed)?;
        take_out_what_is_newer(&mut printed);
        take_out_passing_holders(&mut real);
        assert_eq!(shape(&real), shape(&printed), "{line}: {real}");
        for field in real.as_object().ok_or("not an object")?.keys() {
            let tables = text.lines().filter(|line| line.starts_with('|')).filter_map(|line| line.split('|').nth(1));
            let documented = tables.flat_map(|cell| cell.split(", ")).any(|name| name.trim() == format!("`{field}`"));
            let documented = documented || field == "wanted_by";
            assert!(documented, "{field} is not in the table of fields");
        }
    }
    Ok(())
}

/// Leaves of an example what this kernel can tell.
fn take_out_what_is_newer(value: &mut Value) {
    if let Some(fields) = value.as_object_mut() {
        let newer = [("pidfs", (6, 9)), ("gro_ipv4_max_size", (6, 3)), ("gso_ipv4_max_size", (6, 3))];
        for (field, _) in newer.into_iter().filter(|(_, (major, minor))| !is_linux(*major, *minor)) {
            fields.shift_remove(field);
        }
        if let Some(movable) = fields.get_mut("movable").filter(|_| !is_linux(6, 15)) {
            *movable = Value::Null;
        }
        fields.values_mut().for_each(take_out_what_is_newer);
    }
    value.as_array_mut().into_iter().flatten().for_each(take_out_what_is_newer);
}

/// Leaves out processes that hold a namespace: programs of other tests look through all that there are.
fn take_out_passing_holders(value: &mut Value) {
    if let Some(holders) = value.get_mut("holders").and_then(Value::as_array_mut) {
        holders.retain(|holder| holder["kind"] == "mount");
    }
}

/// A value with its own particulars taken out: what is left are the names of fields, in order, and the types.
fn shape(value: &Value) -> String {
    match value {
        Value::Null => "null".to_owned(),
        Value::Bool(_) => "boolean".to_owned(),
        Value::Number(_) => "number".to_owned(),
        Value::String(_) => "string".to_owned(),
        Value::Array(items) => {
            let mut shapes: Vec<String> = items.iter().map(shape).collect();
            shapes.dedup();
            format!("[{}]", shapes.join(","))
        }
        Value::Object(fields) => {
            let fields: Vec<String> = fields.iter().map(|(name, value)| format!("{name}:{}", shape(value))).collect();
            format!("{{{}}}", fields.join(","))
        }
    }
}

fn help_of_the_programs(suite: &Suite, _: &Lab) -> Result<(), Failed> {
    let text = document("docs/programs.md")?;
    let shown = examples(&text);
    for (line, printed) in &shown {
        let program = line.strip_suffix(" -h").ok_or("only help is shown here")?;
        assert_eq!(suite.run(&[program, "-h"]).ok()?, printed.trim(), "{line}");
    }
    assert_eq!(shown.len(), PROGRAMS.len(), "one for each program");
    Ok(())
}

/// What shows pages has nothing to say of them, and whatever page of ours one names is there.
fn pages_of_the_manual() -> Result<(), Failed> {
    let pages = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/man");
    let mut shown = 0;
    for page in std::fs::read_dir(&pages)? {
        let page = page?.path();
        let ran = output_within(tool("groff").args(["-man", "-ww", "-z", "-Tutf8"]).arg(&page), LIMIT)?;
        assert_eq!((ran.code(), &ran.stderr[..]), (Some(0), ""), "{}", page.display());
        let text = std::fs::read_to_string(&page)?.replace("\\-", "-").replace(" (", "(");
        for word in text.split(|letter: char| !(letter.is_ascii_alphanumeric() || "-()".contains(letter))) {
            if let Some((name, section)) = word.strip_suffix(')').and_then(|word| word.split_once('('))
                && name.starts_with("nicon")
            {
                assert!(pages.join(format!("{name}.{section}")).is_file(), "{} names {word}", page.display());
                shown += 1;
            }
        }
    }
    assert!(shown > 100, "{shown}");
    Ok(())
}

/// A promise is worth what the test that attacks it is worth: wherever tests are named, as evidence or to be run, they exist.
fn tests_that_are_named() -> Result<(), Failed> {
    let source: String = rust_files()?.into_iter().map(|(_, text)| text).collect();
    let is_name = |word: &&str| {
        word.contains("::") && word.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || "_:".contains(c))
    };
    for (path, between) in
        [("docs/resolve-security.md", '`'), ("docs/nsexec-security.md", '`'), ("tests/vm/smoke", '\n')]
    {
        let text = document(path)?;
        let names: Vec<_> = text.split(between).filter(is_name).collect();
        assert!(names.len() > 10, "{path} names no tests");
        let missing: Vec<_> = names.into_iter().filter(|name| !source.contains(&format!("\"{name}\""))).collect();
        assert!(missing.is_empty(), "{path} names tests that do not exist: {missing:?}");
    }
    Ok(())
}
