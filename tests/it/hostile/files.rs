//! nicon-resolve in containers whose root writes the files of an engine that is not there.

use std::fs;
use std::os::unix::fs::symlink;

use libtest_mimic::{Failed, Trial};
use nicon_lab::{LIMIT, Lab, output_of_input, tool, until, witness};

use crate::support::expect::refusal;
use crate::support::kernel::{Feature, translations};
use crate::support::suite::Suite;

pub(crate) fn trials(suite: &Suite) -> Vec<Trial> {
    vec![
        suite.trial("hostile::files::a_victim_named_from_within", a_victim_named_from_within),
        suite.trial_with(&[Feature::FullSpeed], "hostile::files::files_that_are_none", files_that_are_none),
        suite.trial("hostile::files::names_that_change_places", names_that_change_places),
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
        // What has ended is passed over; of another process that runs there it is said that nothing is proved.
        let is_refused = all.code() == Some(2) && all.stderr.contains("which is not the container's");
        assert!(all.stdout.is_empty() && (all.code() == Some(1) || is_refused), "{all:?}");
    }
    Ok(lab.remove("", "forger")?)
}

/// What is no file, or no engine's, is neither waited for nor read to its end.
fn files_that_are_none(suite: &Suite, lab: &Lab) -> Result<(), Failed> {
    lab.run_container("", "maze", &["--tmpfs=/run", "--cap-add=MKNOD"])?;
    let state = "/run/runc/web/state.json";
    for (make, words) in [
        ("mkfifo $1", "it is not a regular file"),
        ("mkdir $1", "it is not a regular file"),
        ("mknod $1 c 1 5", "it is not a regular file"),
        ("ln -s /dev/zero $1", "it is not a regular file"),
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
    fs::write("/run/ours.json", "[]")?;
    lab.script("maze", "rm -rf /run/runc && mkdir -p /run/runc/web && ln -s /run/ours.json $1", &[state])?;
    refusal(&suite.run(&["nicon-resolve", "maze.web"]), 1, &["no container \"web\""]);
    Ok(lab.remove("", "maze")?)
}

/// While nicon-resolve looks, the container's socket and a link to one that only the host has change places: it finds the former
/// or nothing, and never the host's.
fn names_that_change_places(suite: &Suite, lab: &Lab) -> Result<(), Failed> {
    fs::create_dir("/run/swap")?;
    symlink("/run/docker.sock", "/run/swap-ours.sock")?;
    output_of_input(tool("cc").args(["-x", "c", "-o", "/run/swap/swap", "-"]), include_str!("swap.c"), LIMIT)?.ok()?;
    fs::write(
        "/run/swap/answer",
        "read -r request; printf 'HTTP/1.1 418 Mine\\r\\nContent-Length: 0\\r\\n\\r\\n'; exec cat >/dev/null",
    )?;
    let script = "socat UNIX-LISTEN:/run/docker.sock,fork EXEC:'sh /swap/answer' &
        ln -s /run/swap-ours.sock /run/link; until [ -S /run/docker.sock ]; do sleep 0.05; done
        echo ready; exec /swap/swap /run/docker.sock /run/link";
    lab.run_command("", "swapper", &["--tmpfs=/run", "--volume=/run/swap:/swap"], &["sh", "-c", script])?;
    until("the engine", || lab.docker("", &["logs", "swapper"]).ok()?.ok().ok().filter(|said| said.contains("ready")));
    let (mut its_own, mut none) = (0, 0);
    for _ in 0..100 {
        let ran = suite.run(&["nicon-resolve", "swapper.setup"]);
        assert_eq!(ran.stdout, "", "{ran:?}");
        match ran.code() {
            Some(2) if ran.stderr.contains("the engine answered 418") => its_own += 1,
            Some(1) if ran.stderr.contains("no container engine") => none += 1,
            _ => panic!("{ran:?}"),
        }
    }
    assert!(its_own > 0 && none > 0, "{its_own} {none}: nothing has changed places");
    lab.remove("", "swapper")?;
    Ok(fs::remove_dir_all("/run/swap")?)
}
