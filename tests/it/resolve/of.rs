//! The way back: which container a process, a cgroup or a namespace belongs to.

use std::process::Command;
use std::sync::atomic::{AtomicU32, Ordering};

use libtest_mimic::{Failed, Trial};
use nicon_lab::{Lab, Ran, until, witness};
use serde_json::Value;

use crate::support::expect::{is_process, record, records, refusal};
use crate::support::suite::Suite;

pub(crate) fn trials(suite: &Suite) -> Vec<Trial> {
    vec![
        suite.trial("resolve::of::what_is_in_the_innermost", what_is_in_the_innermost),
        suite.trial("resolve::of::what_shares_pid_namespaces", what_shares_pid_namespaces),
        suite.trial("resolve::of::what_is_in_none", what_is_in_none),
        suite.trial("resolve::of::cgroups_that_are_called_after_another", cgroups_that_are_called_after_another),
    ]
}

const PATHS: [&str; 3] = ["setup", "setup.olt_1", "setup.olt_1.lt_1"];

/// Leaves a process behind, which sleeps for as many seconds as nobody else does.
const LEAVE: &str = "sleep $1 >/dev/null 2>&1 </dev/null &";

/// Moves such a process into cgroups of this name, beside all of its own or below them, in each hierarchy that lets it.
const MOVE: &str = r#"sleep $3 >/dev/null 2>&1 </dev/null & pid=$!
    while IFS=: read -r number controllers path; do
        case $controllers in '') mount=unified ;; name=*) mount=${controllers#name=} ;; *) mount=$controllers ;; esac
        [ -d "/sys/fs/cgroup/$mount" ] || mount=.
        [ "$2" = below ] || path=${path%/*}
        into=/sys/fs/cgroup/$mount$path/$1
        mkdir -p "$into" 2>/dev/null || continue
        for file in cpuset.cpus cpuset.mems; do cat "$into/../$file" >"$into/$file" 2>/dev/null; done
        echo "$pid" 2>/dev/null >"$into/cgroup.procs"
    done </proc/self/cgroup"#;

/// A process that a script leaves behind in a container, by its PID here. The script is given a number of seconds for the last argument.
fn leave(lab: &Lab, path: &str, script: &str, arguments: &[&str]) -> Result<u32, Failed> {
    static SECONDS: AtomicU32 = AtomicU32::new(0);
    let seconds = std::process::id() * 100 + SECONDS.fetch_add(1, Ordering::Relaxed);
    lab.script(path, script, &[arguments, &[&seconds.to_string()]].concat())?;
    let words = format!("sleep\0{seconds}\0");
    let is_it = |pid: &u32| std::fs::read_to_string(format!("/proc/{pid}/cmdline")).is_ok_and(|line| line == words);
    let look = || {
        std::fs::read_dir("/proc")
            .ok()?
            .flatten()
            .filter_map(|entry| entry.file_name().to_str()?.parse().ok())
            .find(is_it)
    };
    Ok(until("the process is there", look))
}

/// What is answered when no other test's container comes or goes meanwhile, of which it would be told.
fn ask(suite: &Suite, words: &[&str], input: &str) -> Ran {
    let words = [&["nicon-resolve"], words].concat();
    until("an answer that nobody disturbs", || Some(suite.feed(&words, input)).filter(|ran| ran.code() != Some(2)))
}

fn targets(found: &[Value]) -> Vec<&str> {
    found.iter().filter_map(|record| record["target"].as_str()).collect()
}

fn what_is_in_the_innermost(suite: &Suite, lab: &Lab) -> Result<(), Failed> {
    for path in PATHS {
        let (first, other) = (lab.host_pid(path)?, leave(lab, path, LEAVE, &[])?);
        for pid in [first, other] {
            let found = record(&ask(suite, &["--of", &format!("pid:{pid}")], ""));
            assert_eq!((&found["target"], &found["of"]), (&path.into(), &format!("pid:{pid}").into()), "{found}");
            is_process(&found, first);
        }
        let (outer, name) = path.rsplit_once('.').unwrap_or(("", path));
        let id = lab.docker(outer, &["inspect", "--format={{.Id}}", name])?.ok()?;
        let cgroups = std::fs::read_to_string(format!("/proc/{other}/cgroup"))?;
        let named: Vec<&str> = cgroups
            .lines()
            .filter_map(|line| line.splitn(3, ':').last())
            .filter(|cgroup| cgroup.contains(&id))
            .collect();
        assert!(!named.is_empty(), "{id} is in none of {cgroups}");
        for cgroup in named {
            let found = record(&ask(suite, &["--of", &format!("cgroup:{cgroup}")], ""));
            assert_eq!(found["target"], path, "{cgroup}: {found}");
        }
        let net_of = |pid: u32| witness::ns_link(pid, "net");
        let net = net_of(first).ok_or("no network namespace")?;
        let found = records(&ask(suite, &["--of", &net], ""));
        for known in PATHS {
            let shares = net_of(lab.host_pid(known)?).as_ref() == Some(&net);
            let is_told = targets(&found).contains(&known);
            assert_eq!(is_told, shares, "{known} and {net}: {found:?}");
        }
        for record in &found {
            let pid = u32::try_from(record["pid"].as_u64().ok_or("no PID")?)?;
            // Containers of other tests share it, and go.
            assert!(net_of(pid).is_none_or(|of_it| of_it == net) && record["of"] == net, "{record}");
        }
        lab.signal(other, "KILL")?;
    }
    // Several in one run, and from standard input: as text, and as records, which have to be true.
    let pids = PATHS.map(|path| lab.host_pid(path)).into_iter().collect::<Result<Vec<_>, _>>()?;
    let options: Vec<String> = pids.iter().map(|pid| format!("--of=pid:{pid}")).collect();
    let words: Vec<&str> = options.iter().map(String::as_str).collect();
    assert_eq!(targets(&records(&ask(suite, &words, ""))), PATHS);
    let input = format!("pid:{}\n{{\"pid\":{}}}\n", pids[2], pids[1]);
    assert_eq!(targets(&records(&ask(suite, &["--of=-"], &input))), [PATHS[2], PATHS[1]]);
    let asking = suite.shell(&format!("nicon-resolve --pid {} | nicon-nsid", PATHS[2]), "").stdout;
    assert_eq!(record(&ask(suite, &["--of=-"], &asking))["target"], PATHS[2]);
    let another = format!("{{\"pid\":{},\"starttime\":1}}\n", pids[1]);
    refusal(&ask(suite, &["--of=-"], &another), 1, &["line 1", "start time"]);
    Ok(())
}

/// The PID namespace does not tell them apart.
fn what_shares_pid_namespaces(suite: &Suite, lab: &Lab) -> Result<(), Failed> {
    let with = ["--pid=host", "--pid=container:of-first"];
    lab.run_container("setup", "of-first", &[])?;
    lab.run_container("setup", "of-host", &[with[0]])?;
    lab.run_container("setup", "of-shared", &[with[1]])?;
    for name in ["of-first", "of-host", "of-shared"] {
        let path = format!("setup.{name}");
        let started = leave(lab, &path, LEAVE, &[])?;
        for pid in [started, lab.host_pid(&path)?] {
            let found = record(&ask(suite, &["--of", &format!("pid:{pid}")], ""));
            assert_eq!(found["target"], path, "{found}");
        }
        lab.signal(started, "KILL")?;
    }
    ["of-shared", "of-host", "of-first"].iter().try_for_each(|name| Ok(lab.remove("setup", name)?))
}

fn what_is_in_none(suite: &Suite, _: &Lab) -> Result<(), Failed> {
    let of = |thing: &str| suite.run(&["nicon-resolve", "--of", thing]);
    let myself = std::process::id();
    refusal(&ask(suite, &["--of", &format!("pid:{myself}")], ""), 1, &["it belongs to no container"]);
    refusal(&ask(suite, &["--of", "net:[1]"], ""), 1, &["net:[1]: it belongs to no container"]);
    refusal(&of("cgroup:/nobody/has/made/this"), 1, &["no such cgroup"]);
    let tasks = std::fs::read_dir("/proc/self/task")?.map(|task| task.map(|task| task.file_name()));
    let tasks = tasks.collect::<Result<Vec<_>, _>>()?;
    let thread =
        tasks.iter().filter_map(|task| task.to_str()).find(|task| *task != myself.to_string()).ok_or("one thread")?;
    refusal(&of(&format!("pid:{thread}")), 2, &["thread"]);
    let mut child = Command::new("true").spawn()?;
    let pid = child.id();
    let is_zombie = || std::fs::read_to_string(format!("/proc/{pid}/stat")).is_ok_and(|stat| stat.contains(") Z "));
    until("it is a zombie", || is_zombie().then_some(()));
    refusal(&of(&format!("pid:{pid}")), 1, &["gone"]);
    child.wait()?;
    refusal(&of(&format!("pid:{pid}")), 1, &["no process has PID"]);
    for (thing, words) in
        [("setup", "is nothing that may belong"), ("pid:0", "is not a PID"), ("net:[x]", "is nothing that may belong")]
    {
        refusal(&of(thing), 2, &[words]);
    }
    Ok(())
}

fn cgroups_that_are_called_after_another(suite: &Suite, lab: &Lab) -> Result<(), Failed> {
    let victim = lab.run_container("", "of-victim", &[])?;
    lab.run_daemon_container("", "of-forger", &[])?;
    for (name, place) in [
        (format!("docker-{victim}.scope"), "below"),
        (victim.clone(), "below"),
        (format!("docker-{victim}.scope"), "beside"),
        (format!("of-forged/{victim}"), "beside"),
    ] {
        let pid = leave(lab, "of-forger", MOVE, &[&name, place])?;
        let cgroups = std::fs::read_to_string(format!("/proc/{pid}/cgroup"))?;
        assert!(cgroups.contains(&victim), "{cgroups}");
        let found = record(&ask(suite, &["--of", &format!("pid:{pid}")], ""));
        assert_eq!(found["target"], "of-forger", "{place} {cgroups}");
        lab.signal(pid, "KILL")?;
    }
    lab.remove("", "of-forger")?;
    Ok(lab.remove("", "of-victim")?)
}
