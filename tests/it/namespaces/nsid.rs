//! nicon-nsid agrees with readlink, stat and lsns.

use libtest_mimic::{Failed, Trial};
use nicon_lab::{LIMIT, Lab, output_within, tool, until, witness};

use crate::support::expect::{is_process, parse, record, records, refusal};
use crate::support::kernel::Feature;
use crate::support::subject::{Subject, TYPES, ino, lsns_rows};
use crate::support::suite::Suite;

pub(crate) fn trials(suite: &Suite) -> Vec<Trial> {
    vec![
        suite.trial("namespaces::nsid::agrees_with_readlink", agrees_with_readlink),
        suite.trial("namespaces::nsid::bare_values_for_scripts", bare_values_for_scripts),
        suite.trial("namespaces::nsid::only_the_types_that_are_asked_for", only_the_types),
        suite.trial("namespaces::nsid::myself", myself),
        suite.trial("namespaces::nsid::records_pass_through", records_pass_through),
        suite.trial("namespaces::nsid::another_process_with_the_same_pid_is_refused", another_process),
        suite.trial_with(&[Feature::Pidfs], "namespaces::nsid::another_inode_on_pidfs_is_refused", another_inode),
        suite.trial("namespaces::nsid::tree_agrees_with_lsns", tree_agrees_with_lsns),
        suite.trial("namespaces::nsid::zombies_and_no_such_process", zombies_and_no_such_process),
        suite.trial("namespaces::nsid::usage", usage),
        suite.trial("namespaces::nsid::a_table_at_a_terminal", a_table_at_a_terminal),
    ]
}

fn agrees_with_readlink(suite: &Suite, lab: &Lab) -> Result<(), Failed> {
    let subject = Subject::asleep(&["--net", "--uts", "--ipc", "--mount", "--cgroup", "--user", "--map-root-user"]);
    // The parent of the kernel's threads; it is not to be seen from a PID namespace below the machine's.
    let kthreadd = std::fs::read_to_string("/proc/2/comm").is_ok_and(|name| name == "kthreadd\n").then_some(2);
    for pid in [subject.pid(), lab.host_pid("setup.olt_1.lt_1")?].into_iter().chain(kthreadd) {
        let found = record(&suite.run(&["nicon-nsid", &pid.to_string()]));
        is_process(&found, pid);
        assert_eq!(found["ns"].as_object().unwrap().len(), std::fs::read_dir(format!("/proc/{pid}/ns"))?.count() - 2);
        let device = tool("stat").args(["-Lc", "%d", &format!("/proc/{pid}/ns/net")]).output()?;
        assert_eq!(found["nsdev"].to_string(), String::from_utf8(device.stdout)?.trim());
    }
    Ok(())
}

fn bare_values_for_scripts(suite: &Suite, lab: &Lab) -> Result<(), Failed> {
    let pid = lab.host_pid("setup.olt_1")?;
    let words = pid.to_string();
    for ns_type in TYPES {
        let link = witness::ns_link(pid, ns_type).unwrap();
        assert_eq!(suite.run(&["nicon-nsid", "--link", ns_type, &words]).ok()?, link);
        assert_eq!(suite.run(&["nicon-nsid", "--id", ns_type, &words]).ok()?, ino(pid, ns_type).to_string());
    }
    Ok(())
}

fn only_the_types(suite: &Suite, lab: &Lab) -> Result<(), Failed> {
    let pid = lab.host_pid("setup")?;
    let found = record(&suite.run(&["nicon-nsid", "-T", "pid,net", &pid.to_string()]));
    assert_eq!(found["ns"], serde_json::json!({"net": ino(pid, "net"), "pid": ino(pid, "pid")}));
    assert_eq!(found["pid"], pid);
    let alias = record(&suite.run(&["nicon-nsid", "-T", "mount,network", &pid.to_string()]));
    assert_eq!(alias["ns"], serde_json::json!({"net": ino(pid, "net"), "mnt": ino(pid, "mnt")}));
    Ok(())
}

fn myself(suite: &Suite, _: &Lab) -> Result<(), Failed> {
    let own = std::process::id();
    let found = record(&suite.run(&["nicon-nsid", "self"]));
    assert!(found["pid"] != own && found["pid"].as_u64() > Some(1), "{found}");
    for ns_type in TYPES {
        assert_eq!(found["ns"][ns_type], ino(own, ns_type), "{ns_type}");
    }
    Ok(())
}

fn records_pass_through(suite: &Suite, lab: &Lab) -> Result<(), Failed> {
    let (a, b) = (lab.host_pid("setup")?, lab.host_pid("setup.olt_1")?);
    let input = format!("{{\"x\":[1.50,null],\"pid\":{a},\"target\":\"setup\"}}\n{b}\n");
    let found = records(&suite.feed(&["nicon-nsid"], input));
    is_process(&found[0], a);
    is_process(&found[1], b);
    let keys: Vec<_> = found[0].as_object().unwrap().keys().take(3).collect();
    assert!(found[0]["target"] == "setup" && keys.len() == 3);
    let line = suite.feed(&["nicon-nsid"], format!("{{\"x\":[1.50,null],\"pid\":{a}}}\n")).ok()?;
    assert!(line.starts_with(&format!("{{\"x\":[1.50,null],\"pid\":{a},")), "{line}");
    Ok(())
}

fn another_process(suite: &Suite, lab: &Lab) -> Result<(), Failed> {
    let pid = lab.host_pid("setup")?;
    let good = record(&suite.run(&["nicon-nsid", &pid.to_string()]));
    let mut stale = good.clone();
    let recorded = stale["starttime"].as_u64().unwrap() + 1;
    stale["starttime"] = recorded.into();
    let reused = format!("PID {pid} now belongs to another process (start time {}, not {recorded})", recorded - 1);
    refusal(&suite.feed(&["nicon-nsid"], stale.to_string()), 1, &["nicon-nsid: line 1: ", &reused]);
    let mut stale = good;
    stale["ns"]["net"] = ino(lab.host_pid("setup.olt_1")?, "net").into();
    let moved = format!("process {pid} is in net namespace {} now, not in {}", ino(pid, "net"), stale["ns"]["net"]);
    refusal(&suite.feed(&["nicon-nsid"], stale.to_string()), 1, &[&moved]);
    Ok(())
}

fn another_inode(suite: &Suite, lab: &Lab) -> Result<(), Failed> {
    let pid = lab.host_pid("setup")?;
    let mut stale = record(&suite.run(&["nicon-nsid", &pid.to_string()]));
    let inode = stale["pidfs"].as_u64().ok_or("no inode")?;
    is_process(&record(&suite.run(&["nicon-nsid", &format!("{pid}:{inode}")])), pid);
    let reused = format!("PID {pid} now belongs to another process (pidfs inode {inode}, not {})", inode + 1);
    refusal(&suite.run(&["nicon-nsid", &format!("{pid}:{}", inode + 1)]), 1, &[&reused]);
    stale["pidfs"] = (inode + 1).into();
    refusal(&suite.feed(&["nicon-nsid"], stale.to_string()), 1, &["nicon-nsid: line 1: ", &reused]);
    Ok(())
}

fn tree_agrees_with_lsns(suite: &Suite, _: &Lab) -> Result<(), Failed> {
    let subject = Subject::asleep(&["--user", "--map-root-user", "--pid", "--fork", "--kill-child", "--net", "--uts"]);
    let pid = subject.child();
    let rows = lsns_rows("NS,TYPE,PNS,ONS", &[]);
    let found = record(&suite.run(&["nicon-nsid", "--tree", &pid.to_string()]));
    for ns_type in ["user", "pid", "net", "uts"] {
        let row = rows.iter().find(|row| row["ns"] == found["ns"][ns_type]).ok_or("lsns does not know it")?;
        let place = &found["nstree"][ns_type];
        let own = ino(subject.pid(), "user");
        assert_eq!(place["owner"], if ns_type == "user" { ino(std::process::id(), "user") } else { own }, "{found}");
        // The owner of a user namespace is its parent.
        assert_eq!(place["owner"], row["ons"], "{row} {found}");
        if ns_type == "user" || ns_type == "pid" {
            assert_eq!(place["parent"], row["pns"], "{row} {found}");
        } else {
            assert_eq!(place.get("parent"), None, "{found}");
        }
    }
    let mut nobody = tool("setpriv");
    nobody.args(["--reuid=65534", "--regid=65534", "--clear-groups", "unshare", "--user", "sleep", "600"]);
    let mut nobody = nobody.spawn()?;
    let own = ino(std::process::id(), "user");
    let theirs = until("unshare", || Some(ino(nobody.id(), "user")).filter(|theirs| *theirs != own));
    let found = suite.run(&["nicon-nsid", "--tree", "-T", "user", &nobody.id().to_string()]);
    nobody.kill()?;
    nobody.wait()?;
    let found = record(&found);
    assert_eq!((&found["ns"]["user"], &found["nstree"]["user"]["uid"]), (&theirs.into(), &65534.into()), "{found}");
    Ok(())
}

fn zombies_and_no_such_process(suite: &Suite, _: &Lab) -> Result<(), Failed> {
    let mut zombie = tool("true").spawn()?;
    until("a zombie", || witness::stat(zombie.id()).filter(|stat| stat.state == 'Z'));
    let pid = zombie.id().to_string();
    refusal(&suite.run(&["nicon-nsid", &pid]), 1, &["nicon-nsid: process", &pid, "gone"]);
    zombie.wait()?;
    refusal(&suite.run(&["nicon-nsid", &pid]), 1, &["no process has PID"]);
    let ran = suite.run(&["nicon-nsid", &pid, &std::process::id().to_string()]);
    assert_eq!((ran.code(), parse(&ran.stdout).len()), (Some(1), 1), "{ran:?}");
    Ok(())
}

fn usage(suite: &Suite, _: &Lab) -> Result<(), Failed> {
    for words in [
        &["nicon-nsid", "x"][..],
        &["nicon-nsid", "-1"],
        &["nicon-nsid", "1:"],
        &["nicon-nsid", "-T", "net_for_children", "self"],
        &["nicon-nsid", "--id", "net", "--link", "net", "self"],
        &["nicon-nsid", "--id", "net", "--json", "self"],
    ] {
        let ran = suite.run(words);
        assert_eq!((ran.code(), &ran.stdout[..]), (Some(2), ""), "{ran:?}");
        assert!(!ran.stderr.is_empty(), "{ran:?}");
    }
    refusal(&suite.feed(&["nicon-nsid"], "{\"x\":1}\n"), 2, &["line 1", "\"pid\""]);
    refusal(
        &suite.feed(&["nicon-nsid"], "setup\n"),
        2,
        &["line 1: \"setup\" is not a PID", "nicon-resolve PATH | nicon-nsid"],
    );
    assert_eq!(suite.run(&["nicon-nsid"]).ok()?, "");
    Ok(())
}

fn a_table_at_a_terminal(suite: &Suite, lab: &Lab) -> Result<(), Failed> {
    let pid = lab.host_pid("setup")?;
    let line = format!("{}/nicon-nsid -T pid,user {pid}", suite.bins()?.display());
    let shown = output_within(tool("script").args(["-qec", &line, "/dev/null"]), LIMIT)?.ok()?;
    let rows: Vec<Vec<&str>> = shown.lines().map(|row| row.split_whitespace().collect()).collect();
    let (pid, user, pidns) = (pid.to_string(), ino(pid, "user").to_string(), ino(pid, "pid").to_string());
    let expected = [["PID", "TYPE", "NS", "OURS"], [&pid, "user", &user, "yes"], [&pid, "pid", &pidns, "no"]];
    assert_eq!(rows, expected.map(|row| row.to_vec()));
    Ok(())
}
