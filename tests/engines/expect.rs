//! What tests expect of nicon-resolve: what the engine says, confirmed by the kernel.

use libtest_mimic::Failed;

use crate::machine::Machine;

/// The path `name` leads to the first process of the container, as the engine names it by its command line `engine`.
pub(crate) fn found_where_it_is(machine: &Machine, name: &str, engine: &[&str]) -> Result<(), Failed> {
    let bare = name.rsplit(['.', ':']).next().unwrap_or(name);
    let inspect = [engine, &["inspect", "--format", "{{.State.Pid}}", bare]].concat();
    let expected = machine.run(&inspect).ok()?;
    assert_eq!(machine.run(&["nicon-resolve", "--pid", name]).ok()?, expected, "{name}");
    // It is in the namespaces that a command is in which the engine runs there.
    let link = machine.run(&["readlink", &format!("/proc/{expected}/ns/mnt")]).ok()?;
    let witness = [engine, &["exec", bare, "readlink", "/proc/self/ns/mnt"]].concat();
    assert_eq!(link, machine.run(&witness).ok()?, "{name}");
    Ok(())
}

/// The targets of the records that nicon-resolve printed.
pub(crate) fn targets(records: &str) -> Result<Vec<String>, Failed> {
    let target = |line: &str| {
        let record: serde_json::Value = serde_json::from_str(line)?;
        Ok(record["target"].as_str().ok_or("a record without a target")?.to_owned())
    };
    records.lines().map(target).collect()
}
