//! nicon-resolve in containers whose root writes the files of an engine that is not there.

use std::time::{Duration, Instant};

use libtest_mimic::{Failed, Trial};
use nicon_lab::{Lab, witness};

use crate::expect::refusal;
use crate::kernel::{Feature, translations};
use crate::suite::Suite;

pub(crate) fn trials(suite: &Suite) -> Vec<Trial> {
    vec![
        suite.trial("hostile_files::a_victim_named_from_within", a_victim_named_from_within),
        suite.trial_with(&[Feature::FullSpeed], "hostile_files::files_that_are_none", files_that_are_none),
    ]
}

/// Writes runc's state, as it would be, about a process: ID, PID, start time.
const STATE: &str = r#"mkdir -p "/run/runc/$1" && printf '{"id":"%s","init_process_pid":%s,"init_process_start":%s,
    "cgroup_paths":{"cpu":"/sys/fs/cgroup/cpu/%s","memory":"/%s"}}' "$1" "$2" "$3" "$4" "$1" >"/run/runc/$1/state.json""#;

/// And containerd's bundle, without anything that could contradict it.
const BUNDLE: &str = r#"dir=/run/containerd/io.containerd.runtime.v2.task/default/$1 && mkdir -p "$dir" &&
    printf '{"annotations":{"nerdctl/name":"%s"}}' "$3" >"$dir/config.json" && printf %s "$2" >"$dir/init.pid""#;

/// ID, name, PIDs at every level and start time of a neighbour's process are right.
fn a_victim_named_from_within(suite: &Suite, lab: &Lab) -> Result<(), Failed> {
    lab.run_container("", "forger", &["--tmpfs=/run"])?;
    let victim = lab.host_pid("setup")?;
    let id = lab.docker("", &["inspect", "--format={{.Id}}", "setup"])?.ok()?;
    let start_time = witness::stat(victim).ok_or("it is gone")?.start_time.to_string();
    let mut pids = witness::nspid(victim).ok_or("it is gone")?;
    pids.push(1);
    let [by_kernel, scan] = translations();
    for pid in pids.iter().map(u32::to_string) {
        lab.script("forger", STATE, &[&id, &pid, &start_time, &id])?;
        lab.script("forger", STATE, &["setup", &pid, &start_time, &id])?;
        lab.script("forger", BUNDLE, &[&id, &pid, "named"])?;
        for (name, translate) in
            [(&id[..], by_kernel), ("setup", scan), ("named", by_kernel), ("runc:setup", by_kernel)]
        {
            let path = format!("forger.{name}");
            let ran = suite.run(&["nicon-resolve", translate, &path]);
            refusal(&ran, 2, &["hop 2", "in forger"]);
        }
        let all = suite.run(&["nicon-resolve", "forger.**"]);
        assert_eq!((all.code(), &all.stdout[..]), (Some(1), ""), "{all:?}");
    }
    Ok(lab.remove("", "forger")?)
}

/// What is no file, or no engine's, is neither waited for nor read to its end.
fn files_that_are_none(suite: &Suite, lab: &Lab) -> Result<(), Failed> {
    lab.run_container("", "maze", &["--tmpfs=/run", "--cap-add=MKNOD"])?;
    let state = "/run/runc/web/state.json";
    let begun = Instant::now();
    for (make, words) in [
        ("mkfifo $1", "it is not a file"),
        ("mkdir $1", "it is not a file"),
        ("mknod $1 c 1 5", "it is not a file"),
        ("ln -s /dev/zero $1", "it is not a file"),
        ("ln -s /proc/1/root/etc/passwd $1", "state.json"),
        ("ln -s state.json $1", "state.json"),
        ("truncate --size=2M $1", "too large"),
        ("yes [ | head -c 500000 >$1", "not understood"),
        ("echo {} >$1", "not understood"),
        (r#"printf '{"init_process_pid":1.5,"init_process_start":-1}' >$1"#, "not understood"),
    ] {
        lab.script("maze", "rm -rf /run/runc && mkdir -p /run/runc/web", &[])?;
        lab.script("maze", make, &[state])?;
        refusal(&suite.run(&["nicon-resolve", "maze.web"]), 2, &["hop 2 (web in maze)", words]);
    }
    // The host has such a file, and the container's link to it leads nowhere.
    lab.script("maze", "rm -rf /run/runc && mkdir -p /run/runc/web && ln -s /etc/hostname-of-nobody $1", &[state])?;
    refusal(&suite.run(&["nicon-resolve", "maze.web"]), 1, &["no container \"web\""]);
    assert!(begun.elapsed() < Duration::from_secs(30));
    Ok(lab.remove("", "maze")?)
}
