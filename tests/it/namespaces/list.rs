//! nicon-nsfind lists every namespace, whatever keeps it, and narrows the list by owner and container: lsns, `ip netns` and readlink
//! are the witnesses.

use std::collections::BTreeSet;
use std::net::UdpSocket;
use std::process::Stdio;

use libtest_mimic::{Failed, Trial};
use nicon_lab::{LIMIT, Lab, output_within, tool, until, witness};
use nix::sched::{CloneFlags, unshare};
use serde_json::{Value, json};

use crate::support::expect::refusal;
use crate::support::subject::{Subject, answers, ino, link, lsns_rows, members};
use crate::support::suite::Suite;

pub(crate) fn trials(suite: &Suite) -> Vec<Trial> {
    vec![
        suite.trial("namespaces::list::what_no_process_is_in", what_no_process_is_in),
        suite.trial("namespaces::list::the_columns_of_lsns", the_columns_of_lsns),
        suite.trial("namespaces::list::where_a_namespace_is_mounted", where_a_namespace_is_mounted),
        suite.trial("namespaces::list::mounted_where_no_look_up_may_wait", mounted_where_no_look_up_may_wait),
        suite.trial("namespaces::list::a_tree", a_tree),
        suite.trial("namespaces::list::what_an_owner_has", what_an_owner_has),
        suite.trial("namespaces::list::what_a_container_has", what_a_container_has),
        suite.trial("namespaces::list::a_table_at_a_terminal", a_table_at_a_terminal),
    ]
}

/// The namespaces in a list, in the kernel's notation.
fn names(listed: &[Value]) -> BTreeSet<String> {
    listed.iter().map(|record| link(record["nstype"].as_str().unwrap(), record["nsino"].as_u64().unwrap())).collect()
}

fn list(suite: &Suite, options: &[&str]) -> Vec<Value> {
    answers(&suite.run(&[&["nicon-nsfind"], options].concat()))
}

/// What lsns says of a namespace.
fn lsns_row(ino: u64) -> Result<Value, Failed> {
    let rows = lsns_rows("NS,TYPE,PID,PPID,UID,ONS,PNS", &[]);
    Ok(rows.into_iter().find(|row| row["ns"] == ino).ok_or("lsns does not know it")?)
}

fn stat(path: &str) -> Result<u64, Failed> {
    Ok(output_within(tool("stat").args(["-c", "%i", path]), LIMIT)?.ok()?.parse()?)
}

fn what_no_process_is_in(suite: &Suite, _: &Lab) -> Result<(), Failed> {
    let ip = |words: &[&str]| output_within(tool("ip").arg("netns").args(words), LIMIT)?.ok();
    ip(&["add", "list-named"])?;
    ip(&["set", "list-named", "7701"])?;
    let named = link("net", stat("/run/netns/list-named")?);
    let script = "mount -t tmpfs t /mnt && : >/mnt/uts && unshare --uts=/mnt/uts true && echo ready && exec sleep 600";
    let elsewhere = Subject::start(&["--mount"], script);
    let mounted = link("uts", stat(&format!("/proc/{}/root/mnt/uts", elsewhere.pid()))?);
    // The outer of two user namespaces has no process: only its child keeps it.
    let nested = Subject::asleep(&["--user", "--map-root-user", "unshare", "--user", "--map-root-user"]);
    let parent = lsns_row(nested.ino("user"))?["pns"].as_u64().ok_or("no parent")?;
    // One that only owns a namespace, which is kept by a descriptor.
    let inside = Subject::asleep(&["--user", "--map-root-user", "--net"]);
    let script = format!("exec 9</proc/{}/ns/net; echo ready; exec sleep 600", inside.pid());
    let holder = Subject::start(&[], &script);
    let (net, owner) = (link("net", inside.ino("net")), link("user", inside.ino("user")));
    drop(inside);
    let in_new_netns = || {
        unshare(CloneFlags::CLONE_NEWNET).unwrap();
        let own = std::fs::read_link("/proc/thread-self/ns/net").unwrap();
        (UdpSocket::bind("0.0.0.0:0").unwrap(), own.to_str().unwrap().to_owned())
    };
    let (socket, by_socket) = std::thread::scope(|scope| scope.spawn(in_new_netns).join().unwrap());
    let expected = [named, mounted, link("user", parent), net, owner, by_socket];
    for name in &expected {
        assert_eq!(members(name), [], "{name}");
    }
    // Names of other tests come and go, and the numbers of their namespaces are used again meanwhile.
    let named: Vec<String> =
        ip(&["list"])?.lines().filter_map(|line| Some(line.split_whitespace().next()?.to_owned())).collect();
    let known: Vec<_> =
        named.into_iter().filter_map(|name| Some((stat(&format!("/run/netns/{name}")).ok()?, name))).collect();
    let listed = list(suite, &["--list"]);
    let found = names(&listed);
    for name in &expected {
        assert!(found.contains(name), "{name} is not in {found:?}");
        let is_it = |record: &&Value| names(std::slice::from_ref(*record)).contains(name);
        assert_eq!(listed.iter().filter(is_it).count(), 1, "listed twice: {listed:?}");
    }
    let empty = |record: &&Value| {
        expected.contains(&link(record["nstype"].as_str().unwrap(), record["nsino"].as_u64().unwrap()))
    };
    for record in listed.iter().filter(empty) {
        let has = |field| record.get(field).is_some();
        assert!(
            record["nprocs"] == 0 && !["pid", "holders", "command", "uid", "ppid"].into_iter().any(has),
            "{record}"
        );
    }
    let numbered = listed.iter().filter(|record| record["netnsid"] == 7701).cloned().collect::<Vec<_>>();
    assert_eq!(names(&numbered), [expected[0].clone()].into());
    assert!(ip(&["list"])?.contains("list-named (id: 7701)"));
    // What `ip netns` lists is there by its name.
    for (ino, name) in known {
        let is_there_still = stat(&format!("/run/netns/{name}")).is_ok_and(|now| now == ino);
        assert!(found.contains(&link("net", ino)) || !is_there_still, "{name} is not in {found:?}");
    }
    // One type only, and bare PIDs, of which there are none.
    assert!(names(&list(suite, &["--list", "-T", "uts"])).contains(&expected[1]));
    let bare = suite.run(&["nicon-nsfind", "--list", "--pid"]);
    assert!(bare.stdout.lines().all(|line| line.parse::<u32>().is_ok()), "{bare:?}");
    drop((socket, holder));
    Ok(ip(&["delete", "list-named"]).map(drop)?)
}

fn the_columns_of_lsns(suite: &Suite, _: &Lab) -> Result<(), Failed> {
    let subject = Subject::asleep(&[
        "--uts",
        "--pid",
        "--fork",
        "--kill-child",
        "setpriv",
        "--reuid=12345",
        "--pdeathsig",
        "KILL",
        "--clear-groups",
    ]);
    let user = Subject::asleep(&["--user", "--map-root-user", "--net"]);
    let (child, user) = (subject.child(), user);
    let of = |pid, ns_type| (ns_type, ino(pid, ns_type));
    let listed = list(suite, &["--list"]);
    for (ns_type, ino) in [of(child, "pid"), of(child, "uts"), of(user.pid(), "user"), of(user.pid(), "net")] {
        let record = listed.iter().find(|record| record["nsino"] == ino).ok_or("it is not listed")?;
        let row = lsns_row(ino)?;
        for (field, column) in [("nsino", "ns"), ("nstype", "type"), ("pid", "pid"), ("ppid", "ppid"), ("uid", "uid")] {
            assert_eq!(record[field], row[column], "{record} {row}");
        }
        let tree = &record["nstree"][ns_type];
        // Of a user namespace lsns shows no owner. The kernel says that it is its parent.
        let owner = if ns_type == "user" { "pns" } else { "ons" };
        assert_eq!(tree["owner"], row[owner], "{record} {row}");
        if ["user", "pid"].contains(&ns_type) {
            assert_eq!(tree["parent"], row["pns"], "{record} {row}");
        }
    }
    let found = listed.iter().find(|record| record["nsino"] == ino(child, "pid")).ok_or("it is not listed")?;
    assert_eq!((&found["pid"], &found["uid"]), (&child.into(), &12345.into()), "{found}");
    Ok(())
}

fn where_a_namespace_is_mounted(suite: &Suite, _: &Lab) -> Result<(), Failed> {
    // In a mount namespace of its own, a name, another mount of the same, and one that is covered.
    let script = r#"mount -t tmpfs t /run && mkdir -p /run/netns /run/else && : >/run/else/a && : >/run/netns/blue && : >/run/else/b
        unshare --net=/run/else/a true && mount --bind /run/else/a /run/netns/blue
        unshare --uts=/run/else/b true && stat -c %i /run/else/a /run/else/b && mount -t tmpfs t /run/else
        "$0" --list; echo $? >&2; "$0" --holders blue netns:blue file:/run/netns/blue; "$0" red; "$0" -T uts blue"#;
    let mut shell = tool("unshare");
    shell.args(["--mount", "sh", "-c", script]).arg(suite.bins()?.join("nicon-nsfind"));
    let ran = output_within(&mut shell, LIMIT)?;
    let (inos, records): (Vec<&str>, Vec<&str>) = ran.stdout.lines().partition(|line| !line.starts_with('{'));
    let records = records.into_iter().map(serde_json::from_str).collect::<Result<Vec<Value>, _>>()?;
    let of =
        |ino: &str| records.iter().filter(|record| record["nsino"].as_u64() == ino.parse().ok()).collect::<Vec<_>>();
    let [named, covered] = inos[..] else { return Err(format!("{ran:?}").into()) };
    let named = of(named);
    assert_eq!(named.len(), 4, "{ran:?}");
    assert!(named.iter().all(|record| record["nspath"] == "/run/netns/blue"), "{named:?}");
    assert!(named[1..].iter().all(|record| record["holders"].as_array().unwrap().len() == 2), "{named:?}");
    assert!(of(covered).len() == 1 && of(covered)[0].get("nspath").is_none(), "{ran:?}");
    let looked = "open /run/netns/red: No such file or directory (a bare word is a name of `ip netns`";
    assert!(ran.stderr.contains(looked), "{ran:?}");
    assert!(ran.stderr.contains("blue is of type net, but --type asks for uts"), "{ran:?}");
    Ok(())
}

/// What is looked up in /proc/sys is never answered from the cache alone, as with the files that a process serves (FUSE).
fn mounted_where_no_look_up_may_wait(suite: &Suite, _: &Lab) -> Result<(), Failed> {
    let script = r#"unshare --uts=/proc/sys/kernel/ostype true && stat -c %i /proc/sys/kernel/ostype
        "$0" --list --type uts; echo $?; "$0" --list --type ipc; echo $?"#;
    let mut shell = tool("unshare");
    shell.args(["--mount", "sh", "-c", script]).arg(suite.bins()?.join("nicon-nsfind"));
    let ran = output_within(&mut shell, LIMIT)?;
    let lines: Vec<&str> = ran.stdout.lines().collect();
    let [ino, listed @ ..] = &lines[..] else { return Err(format!("{ran:?}").into()) };
    let (first, second) = listed.split_at(listed.iter().position(|line| *line == "2").ok_or("status 2")?);
    let records = first.iter().map(|line| serde_json::from_str(line)).collect::<Result<Vec<Value>, _>>()?;
    let found = records.iter().find(|record| record["nsino"].as_u64() == ino.parse().ok()).ok_or("it is listed")?;
    assert_eq!(found["nspath"], "/proc/sys/kernel/ostype", "{found}");
    assert!(found.get("nstree").is_none(), "{found}");
    let told = format!(
        "the relations of uts:[{ino}] (nstree, netnsid) are missing: open /proc/sys/kernel/ostype, as process "
    );
    let told = ran.stderr.lines().filter(|line| line.contains(&told) && line.contains("may never answer"));
    assert_eq!(told.count(), 1, "only where it could be missing: {ran:?}");
    assert!(second.len() > 1, "{ran:?}");
    Ok(())
}

fn a_tree(suite: &Suite, _: &Lab) -> Result<(), Failed> {
    let nested = Subject::asleep(&["--user", "--map-root-user", "unshare", "--user", "--map-root-user", "--net"]);
    let pidns = Subject::asleep(&["--pid", "--fork", "--kill-child", "unshare", "--pid", "--fork", "--kill-child"]);
    let inner = until("a child", || witness::family(pidns.pid()).last().map(|(pid, _)| *pid));
    let (net, user, inner) = (nested.ino("net"), nested.ino("user"), ino(inner, "pid"));
    let (outer, pid_outer) = (lsns_row(user)?["pns"].clone(), lsns_row(inner)?["pns"].clone());
    let own = |ns_type| ino(std::process::id(), ns_type);
    assert!(outer != own("user") && pid_outer != own("pid"), "{outer} {pid_outer}");
    let records = list(suite, &["--tree"]);
    let at = |ino: &Value| records.iter().position(|record| record["nsino"] == *ino).ok_or("it is not listed");
    for [above, below] in [[&outer, &json!(user)], [&json!(user), &json!(net)], [&pid_outer, &json!(inner)]] {
        assert!(at(above)? < at(below)?, "{records:?}");
    }
    let line = format!("LC_ALL=C {}/nicon-nsfind --tree", suite.bins()?.display());
    let ran = output_within(tool("script").args(["-qec", &line, "/dev/null"]).stdin(Stdio::null()), LIMIT)?;
    // How far a namespace is indented: what is below another stands three columns further, behind it and before what is not.
    let depth = |ino: &Value| {
        let number = ino.to_string();
        let is_it = |row: &&str| row.split_whitespace().any(|word| word == number);
        let row = ran.stdout.lines().find(is_it).ok_or("no row")?;
        Ok::<_, Failed>(row.find(&number).ok_or("no number")?)
    };
    for [above, below] in [[&outer, &json!(user)], [&json!(user), &json!(net)], [&pid_outer, &json!(inner)]] {
        assert_eq!(depth(above)? + 3, depth(below)?, "{}", ran.stdout);
    }
    assert!(ran.stdout.contains("`- ") && ran.stdout.contains("|  "), "{}", ran.stdout);
    // Without what owns them, they are a plain list.
    let flat = list(suite, &["--tree", "-T", "net"]);
    assert!(names(&flat).contains(&link("net", net)) && flat.iter().all(|record| record["nstype"] == "net"));
    Ok(())
}

fn what_an_owner_has(suite: &Suite, _: &Lab) -> Result<(), Failed> {
    let words = ["--mount", "setpriv", "--reuid=12346", "--clear-groups", "unshare", "--user", "--net", "--uts"];
    let subject = Subject::asleep(&words);
    let user = subject.ino("user");
    let owned: BTreeSet<String> = ["net", "uts"].map(|ns_type| link(ns_type, subject.ino(ns_type))).into();
    for notation in [link("user", user), format!("/proc/{}/ns/user", subject.pid())] {
        assert_eq!(names(&list(suite, &["--owner", &notation])), owned, "{notation}");
    }
    // The user made the user namespace, too.
    let made: BTreeSet<String> = owned.iter().cloned().chain([link("user", user)]).collect();
    assert_eq!(names(&list(suite, &["--owner", "12346"])), made);
    assert_eq!(names(&list(suite, &["--owner", "12346", "-T", "net"])), [link("net", subject.ino("net"))].into());
    let none = suite.run(&["nicon-nsfind", "--owner", "12347"]);
    assert!(none.stdout.is_empty() && none.stderr.contains("no namespace of that owner was found"), "{none:?}");
    for (owner, why) in [
        ("root", "\"root\" is neither user:[INODE], /proc/PID/ns/user, nor a user ID"),
        ("net:[4026531840]", "is neither user:[INODE]"),
        ("/proc/self/ns/net", "/proc/self/ns/net is not a user namespace"),
    ] {
        let ran = suite.run(&["nicon-nsfind", "--owner", owner]);
        assert!(ran.code() == Some(2) && ran.stdout.is_empty() && ran.stderr.contains(why), "{ran:?}");
    }
    Ok(())
}

fn what_a_container_has(suite: &Suite, lab: &Lab) -> Result<(), Failed> {
    // One that shares the network with its engine's container, beside one that does not.
    lab.run_container("setup.olt_1", "list-shared", &["--net=host"])?;
    let first = lab.host_pid("setup.olt_1")?;
    let types = ["net", "uts", "pid", "mnt", "ipc"];
    let expected = || -> BTreeSet<String> {
        let links = |(pid, _)| types.map(|ns_type| witness::ns_link(pid, ns_type)).into_iter().flatten();
        witness::family(first).into_iter().flat_map(links).collect()
    };
    // Processes of other tests come and go in there.
    let listed = until("agreement", || {
        let before = expected();
        let ran =
            suite.shell(&format!("nicon-resolve setup.olt_1 | nicon-nsfind --within - -T {}", types.join(",")), "");
        let listed = answers(&ran);
        let with_process: Vec<Value> = listed.iter().filter(|record| record["nprocs"] != 0).cloned().collect();
        (names(&with_process) == before && before == expected()).then_some(listed)
    });
    let inner = link("net", ino(lab.host_pid("setup.olt_1.lt_1")?, "net"));
    assert!(names(&listed).contains(&inner), "{listed:?}");
    assert!(!names(&listed).contains(&link("net", ino(lab.host_pid("setup")?, "net"))), "{listed:?}");
    let own = listed.iter().find(|record| record["pid"] == lab.host_pid("setup.olt_1").unwrap());
    assert_eq!(own.ok_or("not its own")?["container_path"], "setup.olt_1");
    let empty = suite.feed(&["nicon-nsfind", "--within", "-"], "");
    assert_eq!(empty.stdout, "", "{empty:?}");
    refusal(&suite.feed(&["nicon-nsfind", "--within", "-"], "{}\n"), 2, &["--within -: line 1", "nicon-resolve"]);
    refusal(&suite.run(&["nicon-nsfind", "--within", "/nowhere"]), 2, &["--within /nowhere: open: No such file"]);
    Ok(lab.remove("setup.olt_1", "list-shared")?)
}

fn a_table_at_a_terminal(suite: &Suite, lab: &Lab) -> Result<(), Failed> {
    let line = format!("{}/nicon-nsfind", suite.bins()?.display());
    let title = ["NS", "TYPE", "NPROCS", "PID", "PPID", "UID", "CONTAINER", "NETNSID", "PATH", "COMMAND"];
    let pid = lab.host_pid("setup.olt_1.lt_1")?;
    let id = lab.docker("setup.olt_1", &["inspect", "--format={{.Id}}", "lt_1"])?.ok()?;
    let parent = witness::stat(pid).ok_or("it is gone")?.parent.to_string();
    let (ino, pid) = (ino(pid, "net").to_string(), pid.to_string());
    let row = [&ino, "net", "1", &pid, &parent, "0", &id[..12], "-", "-", "sleep", "infinity"];
    // Other tests run commands in that container.
    until(format_args!("the row {row:?}"), || {
        let mut script = tool("script");
        let ran = output_within(script.args(["-qec", &line, "/dev/null"]).stdin(Stdio::null()), LIMIT).unwrap();
        let rows: Vec<Vec<&str>> = ran.stdout.lines().map(|row| row.split_whitespace().collect()).collect();
        assert!(rows.iter().any(|row| row == &title), "{ran:?}");
        rows.iter().any(|found| found == &row).then_some(())
    });
    Ok(())
}
