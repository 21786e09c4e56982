//! What each program may not do without the rights that the README lists, and can do with nothing more than them.

use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use libtest_mimic::{Failed, Trial};
use nicon_lab::{LIMIT, Lab, Ran, copy_program, output_of_input, tool};
use serde_json::json;

use crate::support::expect::{is_process, record, records, refusal};
use crate::support::links::{Pair, Place, ip, one};
use crate::support::suite::Suite;

pub(crate) fn trials(suite: &Suite) -> Vec<Trial> {
    vec![
        suite.trial("filters::privileges::of_resolve", of_resolve),
        suite.trial("filters::privileges::of_linkmv", of_linkmv),
        suite.trial("filters::privileges::of_links", of_links),
        suite.trial("filters::privileges::of_plan", of_plan),
        suite.trial("filters::privileges::of_tree", of_tree),
    ]
}

/// Runs a program as a user who is nobody, with `capabilities` at the most.
fn as_nobody(suite: &Suite, capabilities: &str, words: &[&str], input: &str) -> Result<Ran, Failed> {
    let copy = reachable(suite, words[0])?;
    let mut command = tool("setpriv");
    command.args(["--reuid=65534", "--regid=65534", "--clear-groups", "--bounding-set", capabilities]);
    command.args(["--inh-caps", capabilities, "--ambient-caps", capabilities, "--"]).arg(copy).args(&words[1..]);
    Ok(output_of_input(&mut command, input, LIMIT)?)
}

/// A copy of a program that anybody may run: whoever runs the tests may keep the programs where nobody else can reach them.
pub(crate) fn reachable(suite: &Suite, program: &str) -> Result<PathBuf, Failed> {
    let copy = Path::new("/run").join(program);
    if !copy.exists() {
        copy_program(suite.bins()?.join(program), &copy)?;
        std::fs::set_permissions(&copy, PermissionsExt::from_mode(0o755))?;
    }
    Ok(copy)
}

fn of_resolve(suite: &Suite, lab: &Lab) -> Result<(), Failed> {
    let resolve = |capabilities: &str| as_nobody(suite, capabilities, &["nicon-resolve", "setup.olt_1"], "");
    is_process(&record(&resolve("-all,+sys_ptrace,+dac_override")?), lab.host_pid("setup.olt_1")?);
    refusal(&resolve("-all,+sys_ptrace")?, 2, &["hop 1", "Permission denied", "CAP_DAC_OVERRIDE", "group"]);
    refusal(&resolve("-all,+dac_override")?, 2, &["hop 1", "CAP_SYS_PTRACE"]);
    Ok(())
}

fn of_linkmv(suite: &Suite, _: &Lab) -> Result<(), Failed> {
    let (pair, place) = (Pair::new(), Place::new());
    let target = format!("{{\"pid\":{}}}", place.pid());
    let linkmv = |capabilities: &str| as_nobody(suite, capabilities, &["nicon-linkmv", &pair.link, "eth1"], &target);
    refusal(&linkmv("-all,+net_admin,+sys_admin")?, 2, &["CAP_SYS_PTRACE"]);
    refusal(&linkmv("-all,+net_admin,+sys_ptrace")?, 2, &["CAP_SYS_ADMIN"]);
    refusal(&linkmv("-all,+sys_admin,+sys_ptrace")?, 2, &["CAP_NET_ADMIN"]);
    assert_eq!(place.links(), ["lo"]);
    record(&linkmv("-all,+net_admin,+sys_admin,+sys_ptrace")?);
    assert_eq!(place.links(), ["lo", "eth1"]);
    Ok(())
}

/// Whoever may not look into another namespace lists the own one all the same, without the name of a link's other end there.
fn of_links(suite: &Suite, _: &Lab) -> Result<(), Failed> {
    let (pair, place) = (Pair::new(), Place::new());
    ip(&format!("link set {} netns {}", pair.peer, place.pid()));
    let there = one(&place.ip(&format!("-j link show dev {}", pair.peer)))["ifindex"].clone();
    let ours = records(&as_nobody(suite, "-all", &["nicon-links", "-t", "host"], "")?);
    let told = ours.iter().find(|told| told["nic"]["name"] == *pair.link).ok_or("it is missing")?;
    assert_eq!(told["nic"]["peer"], json!({"name": null, "ifindex": there, "netns": null, "target": null}));
    ip(&format!("link del {}", pair.link));
    Ok(())
}

fn of_plan(suite: &Suite, _: &Lab) -> Result<(), Failed> {
    let plan = "links: [{inspect_ns: a.b, nic_tmp: veth0}]";
    assert_eq!(record(&as_nobody(suite, "-all", &["nicon-plan", "-"], plan)?)["target"], "a.b");
    Ok(())
}

fn of_tree(suite: &Suite, _: &Lab) -> Result<(), Failed> {
    let found = suite.run(&["nicon-resolve", "setup"]).ok()?;
    let drawn = as_nobody(suite, "-all", &["nicon-tree"], &found)?.ok()?;
    assert!(drawn.contains("setup") && drawn.contains("ipc uts net pid mnt"), "{drawn}");
    let denied = as_nobody(suite, "-all", &["nicon-tree", "--procs"], &found)?;
    assert_eq!((denied.code(), denied.stderr.contains("CAP_SYS_PTRACE")), (Some(2), true), "{denied:?}");
    as_nobody(suite, "-all,+sys_ptrace", &["nicon-tree", "--procs"], &found)?.ok()?;
    Ok(())
}
