//! nicon-resolve where some of an engine's files are broken: they do not hide the others, and nothing is taken for missing that
//! may be in them.

use libtest_mimic::{Failed, Trial};
use nicon_lab::{Lab, Ran};

use crate::support::expect::{is_process, parse, record, refusal};
use crate::support::suite::Suite;

pub(crate) fn trials(suite: &Suite) -> Vec<Trial> {
    vec![
        suite.trial("resolve::broken_files::of_containerd", of_containerd),
        suite.trial("resolve::broken_files::of_runc", of_runc),
        suite.trial("resolve::broken_files::of_a_daemon_that_hangs", of_a_daemon_that_hangs),
    ]
}

/// More names than an engine has, in the directory that is the first argument.
const CROWD: &str = r#"mkdir -p "$1" && cd "$1" && seq 10001 | xargs touch"#;

/// The last segments of all that was found, sorted, though with the complaints `lines`, each by its words.
#[track_caller]
fn found_despite(ran: &Ran, lines: &[&[&str]]) -> Vec<String> {
    assert_eq!(ran.code(), Some(2), "{ran:?}");
    assert_eq!(ran.stderr.lines().count(), lines.len(), "{ran:?}");
    for words in lines {
        let is_told = |line: &str| words.iter().all(|word| line.contains(word));
        assert!(ran.stderr.lines().any(is_told), "{words:?} is not in {ran:?}");
    }
    let segment = |target: &str| target.rsplit('.').next().unwrap_or_default().to_owned();
    let mut found: Vec<_> =
        parse(&ran.stdout).iter().map(|record| segment(record["target"].as_str().unwrap())).collect();
    found.sort_unstable();
    found
}

fn of_containerd(suite: &Suite, lab: &Lab) -> Result<(), Failed> {
    lab.run_daemon_container("", "shards", &[])?;
    lab.start_containerd("shards")?;
    let [whole, torn, far] = ["a1", "b2", "c3"].map(|digits| digits.repeat(32));
    for (namespace, id, name) in [("default", &whole, "whole"), ("default", &torn, "torn"), ("other", &far, "far")] {
        lab.run_ctr("shards", namespace, id, &[&format!("--annotation=nerdctl/name={name}")])?;
    }
    let list = lab.script("shards", "ctr task ls; ctr --namespace other task ls", &[])?;
    let pid = |id: &str| -> Result<u32, Failed> {
        let row = list.lines().find(|row| row.starts_with(id)).ok_or("no such task")?;
        Ok(lab.pid_from("shards", row.split_whitespace().nth(1).ok_or("no PID")?)?)
    };
    let (whole_pid, torn_pid) = (pid(&whole)?, pid(&torn)?);
    let ask = |segment: &str| suite.run(&["nicon-resolve", &format!("shards.{segment}")]);
    let leads_to = |segment: &str, pid| is_process(&record(&ask(segment)), pid);
    let tasks = "/run/containerd/io.containerd.runtime.v2.task";

    // The name of one container is only in its configuration; its ID is that of the directory.
    let config = format!("{tasks}/default/{torn}/config.json");
    lab.script("shards", r#"cp "$1" /run/kept"#, &[&config])?;
    for (spoil, why) in [
        (r#"head -c 100 /run/kept >"$1""#, "not understood"),
        (r#"truncate --size=2M "$1""#, "too large"),
        (r#"rm "$1" && mkfifo "$1""#, "not a regular file"),
        (r#"rm "$1" && mkdir "$1""#, "not a regular file"),
        (r#"rm -d "$1" && ln -s config.json "$1""#, "ymbolic link"),
    ] {
        lab.script("shards", spoil, &[&config])?;
        assert_eq!(found_despite(&ask("*"), &[&[&config, why]]), [&torn, "far", "whole"], "{why}");
        for name in ["whole", &whole, &whole[..12], "id:a1"] {
            leads_to(name, whole_pid);
        }
        for id in [&torn, &torn[..12], "id:b2", &format!("containerd:{torn}")] {
            leads_to(id, torn_pid);
        }
        for name in ["torn", "nobody", "containerd:torn"] {
            refusal(&ask(name), 2, &["hop 2", &config, why, "so whether there is a container"]);
        }
        refusal(&ask("id:d4"), 1, &["no container has an ID that begins with \"d4\""]);
    }
    // What is another engine's is found there.
    lab.run_container("shards", "dockers", &[])?;
    leads_to("dockers", lab.host_pid("shards.dockers")?);
    lab.remove("shards", "dockers")?;
    lab.script("shards", r#"rm "$1" && mv /run/kept "$1""#, &[&config])?;
    leads_to("torn", torn_pid);

    // A directory, and one of the places of which several are looked at: there may be any container.
    let namespace = format!("{tasks}/crowd");
    let place = "/run/k3s/containerd/io.containerd.runtime.v2.task";
    for directory in [&namespace, place] {
        lab.script("shards", CROWD, &[directory])?;
        let why = [&format!("read {directory}: ")[..], "more than 10000 entries"];
        assert_eq!(found_despite(&ask("*"), &[&why]), ["far", "torn", "whole"]);
        for name in ["whole", &whole, &whole[..12], &format!("id:{whole}")] {
            leads_to(name, whole_pid);
        }
        refusal(&ask("nobody"), 2, &why);
        refusal(&ask("id:a1"), 2, &[why[0], why[1], &format!("if {whole} is meant, say whole")]);
        refusal(&ask("id:d4"), 2, &why);
        lab.script("shards", "rm -r \"$1\"", &[directory])?;
    }
    leads_to("id:a1", whole_pid);
    refusal(&ask("nobody"), 1, &["no container \"nobody\""]);
    Ok(lab.remove("", "shards")?)
}

fn of_runc(suite: &Suite, lab: &Lab) -> Result<(), Failed> {
    lab.run_daemon_container("", "splinters", &[])?;
    let [whole, torn] = ["whole", "torn"];
    for id in [whole, torn] {
        lab.run_runc("splinters", id, id)?;
    }
    let pid = lab.script("splinters", "runc state whole | jq .pid", &[])?;
    let pid = lab.pid_from("splinters", &pid)?;
    let ask = |segment: &str| suite.run(&["nicon-resolve", &format!("splinters.{segment}")]);
    let state = "/run/runc/torn/state.json";
    lab.script("splinters", r#"cp "$1" /run/kept"#, &[state])?;
    for (spoil, why) in [
        (r#"head -c 100 /run/kept >"$1""#, "not understood"),
        (r#"truncate --size=2M "$1""#, "too large"),
        (r#"rm "$1" && mkfifo "$1""#, "not a regular file"),
    ] {
        lab.script("splinters", spoil, &[state])?;
        assert_eq!(found_despite(&ask("*"), &[&[state, why]]), [whole], "{why}");
        is_process(&record(&ask(whole)), pid);
        refusal(&ask(torn), 2, &[state, why]);
        // Without its state it is known not to be this one.
        refusal(&ask("nobody"), 1, &["no container \"nobody\""]);
    }
    lab.script("splinters", r#"rm "$1" && mv /run/kept "$1""#, &[state])?;
    let place = "/run/user/0/runc";
    lab.script("splinters", CROWD, &[place])?;
    assert_eq!(found_despite(&ask("*"), &[&[place, "more than 10000 entries"]]), [torn, whole]);
    is_process(&record(&ask(whole)), pid);
    is_process(&record(&ask("runc:whole")), pid);
    Ok(lab.remove("", "splinters")?)
}

fn of_a_daemon_that_hangs(suite: &Suite, lab: &Lab) -> Result<(), Failed> {
    lab.run_daemon_container("", "chips", &[])?;
    let torn = lab.run_container("chips", "torn", &[])?;
    lab.run_container("chips", "whole", &[])?;
    let (pid, daemon) = (lab.host_pid("chips.whole")?, lab.host_pid("chips")?);
    let config = format!("/var/lib/docker/containers/{torn}/config.v2.json");
    // It has read the file when it started. Its containerd knows the container by its ID.
    lab.script("chips", r#"head -c 100 "$1" >"$1.new" && mv "$1.new" "$1""#, &[&config])?;
    lab.stop(daemon)?;
    let ask = |segment: &str| suite.run(&["nicon-resolve", "--timeout=6", &format!("chips.{segment}")]);
    let (all, one, gone) = (ask("*"), ask("whole"), ask("torn"));
    lab.signal(daemon, "CONT")?;
    assert_eq!(
        found_despite(&all, &[&[&config, "not understood"], &["its files were read instead"]]),
        [&torn[..], "whole"]
    );
    is_process(&record(&one), pid);
    refusal(&gone, 2, &["the engine does not answer"]);
    Ok(lab.remove("", "chips")?)
}
