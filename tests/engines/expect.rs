//! What tests expect of nicon-resolve: what the engine says, confirmed by the kernel.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use libtest_mimic::Failed;
use nicon_lab::machine::Machine;
use nicon_lab::{LIMIT, patience};
use serde_json::Value;

/// The path `name` leads to the first process of the container, as the engine names it by its command line `engine`.
pub(crate) fn found_where_it_is(machine: &Machine, name: &str, engine: &[&str]) -> Result<(), Failed> {
    found_by(machine, &[], name, engine, 0)
}

/// The same for somebody whose commands begin with the words `caller`, when the engine is that many PID namespaces further in.
pub(crate) fn found_by(
    machine: &Machine,
    caller: &[&str],
    name: &str,
    engine: &[&str],
    depth: usize,
) -> Result<(), Failed> {
    // In a path that has slashes, dots are a part of names.
    let separators: &[char] = if name.contains('/') { &['/', ':', '@'] } else { &['.', ':', '@'] };
    let bare = name.rsplit(separators).next().unwrap_or(name);
    let inspect = [engine, &["inspect", "--format", "{{.State.Pid}}", bare]].concat();
    let expected = machine.run(&inspect).ok()?;
    let found = machine.run(&[caller, &["nicon-resolve", "--pid", name]].concat()).ok()?;
    let status = machine.run(&["grep", "^NSpid:", &format!("/proc/{found}/status")]).ok()?;
    let told = status.split_whitespace().nth(1 + depth);
    assert_eq!(told, Some(&expected[..]), "{name} for {caller:?}: {status}");
    // It is in the namespaces that a command is in which the engine runs there.
    let link = machine.run(&["readlink", &format!("/proc/{found}/ns/mnt")]).ok()?;
    let witness = [engine, &["exec", bare, "readlink", "/proc/self/ns/mnt"]].concat();
    assert_eq!(link, machine.run(&witness).ok()?, "{name} for {caller:?}");
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

/// A path leads to the process with this PID, which is in the mount namespace to which such a link leads.
pub(crate) fn is_in(machine: &Machine, path: &str, pid: &str, link: &str) -> Result<(), Failed> {
    let found = machine.run(&["nicon-resolve", "--pid", path]).ok()?;
    assert_eq!(found, pid, "{path}");
    assert_eq!(machine.run(&["readlink", &format!("/proc/{found}/ns/mnt")]).ok()?, link, "{path}");
    Ok(())
}

/// The addresses of IPv4 in the network namespace of a process, by `ip`, each behind its link that is up: `eth1 192.0.2.1`.
pub(crate) fn addresses(machine: &Machine, pid: &str) -> BTreeSet<String> {
    let target = format!("--target={pid}");
    let ran = machine.run(&["nsenter", &target, "--net", "ip", "-j", "-4", "addr", "show", "scope", "global", "up"]);
    let links: Vec<Value> = serde_json::from_str(&ran.stdout).unwrap_or_default();
    let of = |link: &Value| -> Vec<String> {
        let name = link["ifname"].as_str().unwrap_or_default();
        let all = link["addr_info"].as_array().into_iter().flatten();
        all.map(|address| format!("{name} {}", address["local"].as_str().unwrap_or_default())).collect()
    };
    links.iter().flat_map(of).collect()
}

/// Waits until something is so; what is said where it never is, explains it.
pub(crate) fn until(what: &str, is_so: impl Fn() -> bool, explain: impl Fn() -> String) -> Result<(), Failed> {
    let give_up = Instant::now() + LIMIT * patience();
    while !is_so() {
        if Instant::now() > give_up {
            return Err(format!("waited in vain: {what}\n{}", explain()).into());
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    Ok(())
}
