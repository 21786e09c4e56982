//! nicon-nsfind finds the processes of a namespace: it agrees with lsns, readlink and `ip netns`.

use std::collections::BTreeSet;

use libtest_mimic::{Failed, Trial};
use nicon_lab::{LIMIT, Lab, Ran, output_within, tool, until, witness};
use serde_json::Value;

use crate::support::ending::Ending;
use crate::support::expect::{is_process, parse, refusal};
use crate::support::subject::{Subject, TYPES, answers, ino, link, lsns, members, pids};
use crate::support::suite::Suite;

pub(crate) fn trials(suite: &Suite) -> Vec<Trial> {
    vec![
        suite.trial("namespaces::nsfind::lists_what_lsns_lists", lists_what_lsns_lists),
        suite.trial("namespaces::nsfind::the_leader_is_the_oldest", the_leader_is_the_oldest),
        suite.trial("namespaces::nsfind::the_leader_of_many_processes", the_leader_of_many_processes),
        suite.trial("namespaces::nsfind::the_leader_after_pids_wrapped_around", the_leader_after_pids_wrapped_around),
        suite.trial("namespaces::nsfind::every_notation_of_a_namespace", every_notation),
        suite.trial("namespaces::nsfind::all_members", all_members),
        suite.trial("namespaces::nsfind::first_member", first_member),
        suite.trial("namespaces::nsfind::many_in_one_walk", many_in_one_walk),
        suite.trial("namespaces::nsfind::named_network_namespaces", named_network_namespaces),
        suite.trial("namespaces::nsfind::the_container_of_a_leader", the_container_of_a_leader),
        suite.trial("namespaces::nsfind::zombies_are_not_members", zombies_are_not_members),
        suite.trial("namespaces::nsfind::what_is_ending_is_no_member", what_is_ending),
        suite.trial("namespaces::nsfind::forks_at_full_speed", forks_at_full_speed),
        suite.trial("namespaces::nsfind::empty_namespaces_and_bad_operands", empty_namespaces_and_bad_operands),
    ]
}

/// The answer about one namespace.
#[track_caller]
fn answer(ran: &Ran) -> Value {
    let mut records = answers(ran);
    assert_eq!(records.len(), 1, "{ran:?}");
    records.remove(0)
}

fn lists_what_lsns_lists(suite: &Suite, lab: &Lab) -> Result<(), Failed> {
    let subject = Subject::asleep(&["--net", "--uts", "--pid", "--fork", "--kill-child"]);
    let inner = lab.host_pid("setup.olt_1.lt_1")?;
    // Other tests start and end processes meanwhile: nicon must agree with lsns where two runs of lsns agree.
    let mut compared = BTreeSet::new();
    for _ in 0..10 {
        let before = lsns();
        let ran = suite.run(&["nicon-nsfind", "--list"]);
        let after = lsns();
        let listed = answers(&ran);
        for (namespace, (nprocs, _)) in before.iter().filter(|(key, value)| after.get(key) == Some(value)) {
            let (ns_type, ino) = namespace;
            let mut same = listed.iter().filter(|record| record["nsino"] == *ino && record["nstype"] == *ns_type);
            let record = same.next().unwrap_or_else(|| panic!("{namespace:?} is not listed"));
            assert!(same.next().is_none(), "{namespace:?} is listed twice");
            if record["nprocs"] == *nprocs {
                compared.insert(namespace.clone());
            }
            if record.get("pid").is_some() {
                assert_eq!(record["ns"][ns_type], *ino, "{record}");
            } else {
                let lives = |pid: &u32| witness::stat(*pid).is_some_and(|stat| stat.state != 'Z');
                assert!(!members(&link(ns_type, *ino)).iter().any(|(_, pid)| lives(pid)), "{record}");
            }
        }
        let known = |record: &&Value| {
            let key = (record["nstype"].as_str().unwrap().to_owned(), record["nsino"].as_u64().unwrap());
            before.contains_key(&key) || after.contains_key(&key)
        };
        // A namespace that lsns did not list existed only briefly; those of the lab exist all the time.
        assert!(listed.iter().filter(known).count() >= 30, "{ran:?}");
    }
    // The numbers of the host's own namespaces change while other tests run.
    let own = |ns_type| ino(std::process::id(), ns_type);
    for pid in [subject.child(), inner] {
        for ns_type in TYPES.into_iter().filter(|ns_type| ino(pid, ns_type) != own(ns_type)) {
            let key = (ns_type.to_owned(), ino(pid, ns_type));
            assert!(compared.contains(&key), "the processes of {key:?} never agreed");
        }
    }
    assert!(compared.len() >= 8, "{compared:?}");
    Ok(())
}

fn the_leader_is_the_oldest(suite: &Suite, lab: &Lab) -> Result<(), Failed> {
    for path in ["setup", "setup.olt_1", "setup.olt_1.lt_1"] {
        let first = lab.host_pid(path)?;
        let found = answer(&suite.run(&["nicon-nsfind", &link("pid", ino(first, "pid"))]));
        is_process(&found, first);
        assert_eq!(found["nspid"].as_array().unwrap().last(), Some(&1.into()), "{found}");
    }
    for ns_type in TYPES {
        for pid in [lab.host_pid("setup.olt_1")?, std::process::id()] {
            let name = link(ns_type, ino(pid, ns_type));
            let found = answer(&suite.run(&["nicon-nsfind", &name]));
            assert_eq!(found["pid"], members(&name)[0].1, "{name}: {found}");
        }
    }
    Ok(())
}

fn the_leader_of_many_processes(suite: &Suite, _: &Lab) -> Result<(), Failed> {
    let crowds = [
        "for i in $(seq 60); do sleep 600 & done; echo ready; wait",
        // Nested families, and orphans that another process adopted.
        "for i in $(seq 20); do (sleep 600 & (sleep 600 & sleep 600 & wait) & wait) & (sleep 600 &); done; echo ready; wait",
        // Unrelated processes: all are adopted by a process outside the namespace.
        "for i in $(seq 60); do unshare --uts sh -c 'sleep 600 & exit'; done; echo ready; exec sleep 600",
    ];
    for crowd in crowds {
        let subject = Subject::start(&["--net", "--pid", "--fork", "--kill-child"], crowd);
        let name = link("net", subject.ino("net"));
        let expected = members(&name);
        assert!(expected.len() > 50, "{expected:?}");
        assert_eq!(answer(&suite.run(&["nicon-nsfind", &name]))["pid"], expected[0].1, "{crowd}");
    }
    Ok(())
}

fn the_leader_after_pids_wrapped_around(suite: &Suite, _: &Lab) -> Result<(), Failed> {
    // In a PID namespace of its own, where ns_last_pid sets the next PID.
    let script = r#"last=/proc/sys/kernel/ns_last_pid
        echo 5000 >$last
        go=$(mktemp -u)
        unshare --net sh -c 'until [ -e $0 ]; do sleep 0.01; done; for i in $(seq 60); do sleep 600 & done; wait' $go & parent=$!
        echo 400 >$last; : >$go; until [ "$(pgrep -cP $parent)" = 60 ]; do sleep 0.01; done; rm $go
        "$0" --pid /proc/$parent/ns/net; echo $parent; pgrep -oP $parent"#;
    let mut shell = tool("unshare");
    shell.args(["--pid", "--fork", "--kill-child", "--mount-proc", "sh", "-c", script]);
    let ran = output_within(shell.arg(suite.bins()?.join("nicon-nsfind")), LIMIT)?;
    let pids: Vec<u32> = ran.ok()?.lines().map(str::parse).collect::<Result<_, _>>()?;
    assert!(pids[0] == pids[1] && pids[1] > 5000 && pids[2] < 1000, "{ran:?}");
    Ok(())
}

fn every_notation(suite: &Suite, _: &Lab) -> Result<(), Failed> {
    let subject = Subject::asleep(&["--net", "--uts", "--ipc", "--mount", "--cgroup", "--user", "--map-root-user"]);
    let pid = subject.pid();
    for ns_type in ["net", "uts", "ipc", "mnt", "cgroup", "user"] {
        let ino = subject.ino(ns_type);
        for notation in [ino.to_string(), link(ns_type, ino), format!("/proc/{pid}/ns/{ns_type}")] {
            for options in [&[][..], &["-T", ns_type]] {
                let words = [&["nicon-nsfind", &notation], options].concat();
                let found = answer(&suite.run(&words));
                is_process(&found, pid);
                assert_eq!((&found["nstype"], &found["nsino"]), (&ns_type.into(), &ino.into()), "{found}");
                assert_eq!((&found["nprocs"], &found["command"]), (&1.into(), &"sleep 600".into()), "{found}");
            }
        }
        let bare = suite.run(&["nicon-nsfind", "--pid", &ino.to_string()]);
        assert_eq!(bare.stdout.trim(), pid.to_string(), "{bare:?}");
    }
    Ok(())
}

fn all_members(suite: &Suite, _: &Lab) -> Result<(), Failed> {
    let script = "for i in 1 2 3 4 5; do sleep 600 & done; echo ready; wait";
    let subject = Subject::start(&["--net", "--pid", "--fork", "--kill-child"], script);
    for name in [link("net", subject.ino("net")), link("pid", ino(subject.child(), "pid"))] {
        let expected: BTreeSet<u32> = members(&name).into_iter().map(|(_, pid)| pid).collect();
        assert!(expected.len() >= 6, "{expected:?}");
        let found = answers(&suite.run(&["nicon-nsfind", "--all", &name]));
        assert_eq!(pids(&found), expected);
        assert_eq!(found.len(), expected.len());
        for record in &found {
            is_process(record, u32::try_from(record["pid"].as_u64().unwrap())?);
        }
        let leader = answer(&suite.run(&["nicon-nsfind", &name]));
        assert_eq!(leader["nprocs"], expected.len(), "{leader}");
    }
    Ok(())
}

fn first_member(suite: &Suite, lab: &Lab) -> Result<(), Failed> {
    for path in ["setup", "setup.olt_1.lt_1"] {
        let name = link("net", ino(lab.host_pid(path)?, "net"));
        // It may be one that ends at once, of another test.
        until("a member that is still there", || {
            let ran = suite.run(&["nicon-nsfind", "--first", &name]);
            assert_eq!((ran.code(), &ran.stderr[..]), (Some(0), ""), "{ran:?}");
            let found = parse(&ran.stdout);
            assert_eq!((found.len(), found[0].get("nprocs")), (1, None), "{ran:?}");
            let pid = u32::try_from(found[0]["pid"].as_u64().unwrap()).unwrap();
            let net = witness::ns_link(pid, "net")?;
            assert_eq!(net, name, "{ran:?}");
            Some(())
        });
    }
    Ok(())
}

fn many_in_one_walk(suite: &Suite, _: &Lab) -> Result<(), Failed> {
    let subjects: Vec<Subject> = (0..4).map(|_| Subject::asleep(&["--net", "--uts"])).collect();
    let mut names: Vec<(String, u32)> = subjects.iter().map(|s| (s.ino("net").to_string(), s.pid())).collect();
    names.extend(subjects.iter().map(|s| (link("uts", s.ino("uts")), s.pid())));
    names.push(names[0].clone());
    let words: Vec<&str> = ["nicon-nsfind"].into_iter().chain(names.iter().map(|(name, _)| &name[..])).collect();
    // The directory /proc is read once, whatever the number of questions.
    let mut traced = tool("strace");
    traced.args(["-fqqy", "-e", "trace=getdents64", "-e", "signal=none"]).arg(suite.bins()?.join(words[0]));
    let ran = output_within(traced.args(&words[1..]), LIMIT)?;
    let ends = ran.stderr.lines().filter(|line| line.contains("</proc>") && line.ends_with("= 0")).count();
    assert_eq!(ends, 1, "{ran:?}");
    let order: Vec<u64> = parse(&ran.stdout).iter().map(|record| record["pid"].as_u64().unwrap()).collect();
    assert_eq!(order, names.iter().map(|(_, pid)| u64::from(*pid)).collect::<Vec<_>>());
    let lines: Vec<&str> = names.iter().map(|(name, _)| &name[..]).collect();
    assert_eq!(answers(&suite.feed(&["nicon-nsfind"], lines.join("\n"))).len(), names.len());
    Ok(())
}

fn named_network_namespaces(suite: &Suite, _: &Lab) -> Result<(), Failed> {
    let ip = |words: &[&str]| output_within(tool("ip").arg("netns").args(words), LIMIT)?.ok();
    ip(&["add", "nsfind-named"])?;
    let empty = suite.run(&["nicon-nsfind", "/run/netns/nsfind-named"]);
    refusal(&empty, 1, &["no process was found in namespace /run/netns/nsfind-named"]);
    let subject = Subject::start(&[], "exec ip netns exec nsfind-named sh -c 'echo ready; exec sleep 600'");
    for notation in ["/run/netns/nsfind-named", "nsfind-named", "netns:nsfind-named"] {
        let found = answers(&suite.run(&["nicon-nsfind", "--all", notation]));
        assert_eq!(pids(&found), [subject.pid()].into(), "{notation}");
    }
    let found = answers(&suite.run(&["nicon-nsfind", "nsfind-named"]));
    assert_eq!(ip(&["identify", &found[0]["pid"].to_string()])?, "nsfind-named");
    drop(subject);
    Ok(ip(&["delete", "nsfind-named"]).map(drop)?)
}

fn the_container_of_a_leader(suite: &Suite, lab: &Lab) -> Result<(), Failed> {
    for (outer, name, path) in [("", "setup", "setup"), ("setup.olt_1", "lt_1", "setup.olt_1.lt_1")] {
        let id = lab.docker(outer, &["inspect", "--format={{.Id}}", name])?.ok()?;
        let found = answer(&suite.run(&["nicon-nsfind", &link("pid", ino(lab.host_pid(path)?, "pid"))]));
        assert_eq!(found["container"], id, "{found}");
    }
    let found = answer(&suite.run(&["nicon-nsfind", &format!("/proc/{}/ns/net", std::process::id())]));
    assert_eq!(found.get("container"), None, "{found}");
    Ok(())
}

fn zombies_are_not_members(suite: &Suite, _: &Lab) -> Result<(), Failed> {
    // The shell becomes sleep, which does not reap its children.
    let subject =
        Subject::start(&["--user", "--pid", "--fork", "--kill-child"], "sleep 0.2 & echo ready; exec sleep 600");
    let pid = subject.child();
    let name = link("pid", ino(pid, "pid"));
    let zombie = || members(&name).into_iter().find(|(_, pid)| witness::stat(*pid).is_some_and(|s| s.state == 'Z'));
    until("a zombie", zombie);
    assert_eq!(pids(&answers(&suite.run(&["nicon-nsfind", "--all", &name]))), [pid].into());
    let found = answer(&suite.run(&["nicon-nsfind", &name]));
    assert_eq!((&found["pid"], &found["nprocs"]), (&pid.into(), &members(&name).len().into()), "{found}");
    Ok(())
}

/// The first process of a PID namespace that was killed waits for all others in there to be reaped, without namespaces but that.
fn what_is_ending(suite: &Suite, _: &Lab) -> Result<(), Failed> {
    let subject = Subject::asleep(&["--net", "--pid", "--fork", "--kill-child"]);
    let (first, name) = (subject.child(), link("pid", ino(subject.child(), "pid")));
    let ending = Ending::of(first)?;
    let (found, all) = (suite.run(&["nicon-nsfind", &name]), suite.run(&["nicon-nsfind", "--list"]));
    let pinned = suite.run(&["nicon-nsid", &first.to_string()]);
    drop(ending);
    refusal(&found, 1, &["no process was found"]);
    assert!(answers(&all).iter().all(|record| record["pid"] != first));
    refusal(&pinned, 1, &["is ending"]);
    Ok(())
}

fn forks_at_full_speed(suite: &Suite, _: &Lab) -> Result<(), Failed> {
    let subject = Subject::asleep(&["--net"]);
    let name = link("net", subject.ino("net"));
    let storm =
        ["while :; do /bin/true; done", "while :; do (:) & (:) & wait; done", "while :; do unshare -n true; done"];
    let storms = storm.map(|script| Subject::start(&["--uts"], &format!("echo ready; {script}")));
    for _ in 0..25 {
        let found = answer(&suite.run(&["nicon-nsfind", &name]));
        assert_eq!((&found["pid"], &found["nprocs"]), (&subject.pid().into(), &1.into()), "{found}");
        assert_eq!(pids(&answers(&suite.run(&["nicon-nsfind", "--all", &name]))), [subject.pid()].into());
        // The leader of a storm's own namespace is its shell.
        let uts = format!("/proc/{}/ns/uts", storms[0].pid());
        assert_eq!(answer(&suite.run(&["nicon-nsfind", &uts]))["pid"], storms[0].pid());
        let members = answers(&suite.run(&["nicon-nsfind", "--all", &uts]));
        assert!(pids(&members).contains(&storms[0].pid()));
        let mut ran = suite.run(&["nicon-nsfind", "--list", "-T", "net"]);
        // Of a namespace that comes and goes it may only say so: besides, the answer is like any other.
        let is_storms = |line: &&str| line.ends_with("come and go too fast");
        let (storms, others): (Vec<&str>, Vec<&str>) = ran.stderr.lines().partition(is_storms);
        let is_only_storms = !storms.is_empty() && others.is_empty();
        ran.stderr = others.join("\n");
        let listed = if is_only_storms {
            assert_eq!(ran.code(), Some(2), "{ran:?}");
            ran.stdout.lines().map(serde_json::from_str).collect::<Result<Vec<_>, _>>()?
        } else {
            answers(&ran)
        };
        assert!(listed.iter().any(|record| record["nsino"] == subject.ino("net")), "{listed:?}");
        for record in listed.iter().filter(|record| record.get("pid").is_some()) {
            assert_eq!(record["ns"]["net"], record["nsino"], "{record}");
        }
    }
    Ok(())
}

fn empty_namespaces_and_bad_operands(suite: &Suite, _: &Lab) -> Result<(), Failed> {
    let unused = "net:[4294967295]";
    let not_found = "no process was found in namespace net:[4294967295] (--holders";
    refusal(&suite.run(&["nicon-nsfind", unused]), 1, &[not_found]);
    refusal(&suite.run(&["nicon-nsfind", "--all", unused]), 1, &[not_found]);
    let neither = "no process and no other holder was found of namespace net:[4294967295]\n";
    let ran = suite.run(&["nicon-nsfind", "--holders", unused]);
    assert!(ran.stdout.is_empty() && ran.stderr.contains(neither), "{ran:?}");
    // Whom we may not inspect may hold anything.
    assert_eq!(ran.code(), Some(if witness::ns_link(1, "net").is_some() { 1 } else { 2 }), "{ran:?}");
    refusal(&suite.run(&["nicon-nsfind", "1"]), 1, &["1 is not the number of a namespace", "nicon-nsid 1)"]);
    refusal(&suite.run(&["nicon-nsfind", "/run/netns/no-such"]), 1, &["open /run/netns/no-such: No such file"]);
    refusal(&suite.run(&["nicon-nsfind", "-T", "net", "/proc/self/ns/uts"]), 2, &["type uts, but --type asks for net"]);
    refusal(&suite.run(&["nicon-nsfind", "/etc/passwd"]), 2, &["not a namespace"]);
    let looked =
        "open /run/netns/no-such: No such file or directory (a bare word is a name of `ip netns`; otherwise give";
    refusal(&suite.run(&["nicon-nsfind", "no-such"]), 1, &[looked]);
    refusal(&suite.feed(&["nicon-nsfind"], "{\"pid\":1}\n"), 2, &["line 1: the record names no namespace", "\"ns\""]);
    refusal(&suite.feed(&["nicon-nsfind"], "{\"ns\":{\"net\":4},\"nsdev\":99999}\n"), 2, &["another kernel"]);
    assert_eq!(suite.run(&["nicon-nsfind"]).ok()?, "", "an empty pipe asks nothing");
    let fifo = std::env::temp_dir().join(format!("nicon-fifo-{}", std::process::id()));
    output_within(tool("mkfifo").arg(&fifo), LIMIT)?.ok()?;
    let ran = suite.run(&["nicon-nsfind", fifo.to_str().ok_or("not UTF-8")?]);
    std::fs::remove_file(fifo)?;
    refusal(&ran, 2, &["not a namespace"]);
    for words in [&["nicon-nsfind", "--all", "--first", "1"][..], &["nicon-nsfind", "--list", "1"]] {
        assert_eq!(suite.run(words).code(), Some(2));
    }
    Ok(())
}
