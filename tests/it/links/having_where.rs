//! Where nicon-links --having looks: in containers, in all network namespaces of the machine, and as far as an ordinary user may.

use libtest_mimic::{Failed, Trial};
use nicon_lab::{LIMIT, Lab, tool, until, witness};
use serde_json::json;

use crate::support::expect::{parse, records, refusal};
use crate::support::kernel::Feature;
use crate::support::links::{Place, ip};
use crate::support::subject::{Subject, pids};
use crate::support::suite::Suite;

pub(crate) fn trials(suite: &Suite) -> Vec<Trial> {
    vec![
        suite.trial("links::having_where::containers", containers),
        suite.trial_of_kernel(
            &[Feature::LinkKind("vxlan")],
            "links::having_where::a_namespace_without_processes",
            a_namespace_without_processes,
        ),
        suite.trial_of_kernel(&[], "links::having_where::among_names_of_none", among_names_of_none),
        suite.trial_of_kernel(&[], "links::having_where::an_ordinary_user", an_ordinary_user),
    ]
}

/// Three deep, in a container and in the one that shares its network namespace, and in no other. Docker and `ss` in there say so.
fn containers(suite: &Suite, lab: &Lab) -> Result<(), Failed> {
    const AT: &str = "setup.olt_1";
    lab.run_command(AT, "having-one", &[], &["socat", "-u", "TCP4-LISTEN:18080,fork", "/dev/null"])?;
    lab.run_container(AT, "having-other", &["--network=container:having-one"])?;
    lab.run_container(AT, "having-none", &[])?;
    let path = |name: &str| format!("{AT}.{name}");
    let ss = |name: &str| lab.exec(&path(name), &["ss", "-Hlnt", "sport = :18080"])?.ok();
    until("its socket", || ss("having-one").is_ok_and(|told| !told.is_empty()).then_some(()));
    let ask = |pattern: &str| format!("nicon-resolve '{pattern}' | nicon-links --having tcp:18080");
    let ran = suite.shell(&ask(&format!("{AT}.having-*")), "");
    let told = records(&ran);
    let mut found: Vec<_> = told.iter().map(|told| told["target"].as_str().unwrap().to_owned()).collect();
    found.sort_unstable();
    assert_eq!(found, [path("having-one"), path("having-other")]);
    assert!(!ss("having-other")?.is_empty() && ss("having-none")?.is_empty());
    let own = [lab.host_pid(&path("having-one"))?, lab.host_pid(&path("having-other"))?];
    assert_eq!(pids(&told), own.into());
    // Others' containers come and go meanwhile, which may be told; none of them has this port.
    let all = parse(&suite.shell(&ask("**"), "").stdout);
    assert_eq!(pids(&all), own.into(), "{all:?}");
    refusal(&suite.shell(&ask(&path("having-none")), ""), 1, &["nothing listens on tcp:18080 in 1 network namespace"]);
    for name in ["having-none", "having-other", "having-one"] {
        lab.remove(AT, name)?;
    }
    Ok(())
}

/// A socket of the kernel's own listens in a network namespace that only a name keeps.
fn a_namespace_without_processes(suite: &Suite) -> Result<(), Failed> {
    let place = Place::new();
    ip("netns add having-named");
    ip("-n having-named link add vx address 02:00:5e:00:53:e7 type vxlan id 7 dstport 18082 local 192.0.2.197");
    ip("-n having-named link set vx up");
    ip("-n having-named addr add 192.0.2.197/32 dev vx");
    place.ip("link add decoy address 02:00:5e:00:53:e8 type bridge");
    // Other tests' namespaces come and go meanwhile, which may be told.
    for word in ["udp:18082", "192.0.2.197", "02:00:5e:00:53:e7"] {
        let told = parse(&suite.run(&["nicon-links", "--all", "--having", word]).stdout);
        let targets: Vec<_> = told.iter().map(|told| told["target"].clone()).collect();
        assert_eq!(targets, ["netns:having-named"], "{word}");
    }
    let told = parse(&suite.run(&["nicon-links", "--all", "--having", "02:00:5e:00:53:e8"]).stdout);
    assert_eq!(pids(&told), [place.pid()].into());
    let none = suite.run(&["nicon-links", "--all", "--having", "udp:18083"]);
    assert_eq!(none.stdout, "", "{none:?}");
    assert!(none.stderr.contains("that a process is in, or that have a name"), "{none:?}");
    ip("netns del having-named");
    Ok(())
}

/// What somebody has left among the names of `ip netns` keeps nobody waiting.
fn among_names_of_none(suite: &Suite) -> Result<(), Failed> {
    let script = "mount -t tmpfs none /run/netns && cd /run/netns && mkfifo fifo && mkdir directory && : >regular &&
        ln -s fifo link && ln -s loop loop && ln -s /proc/self/ns/uts uts && ip netns add having-among";
    let run = |line: &str| {
        let script = format!("mkdir -p /run/netns && unshare --mount sh -c '{script} && timeout 25 {line}'");
        suite.shell(&script, "")
    };
    let all = run("nicon-links --all --having name:lo");
    assert!(all.code() != Some(124) && all.stdout.contains("\"target\":\"netns:having-among\""), "{all:?}");
    for name in ["fifo", "link", "regular", "directory", "uts"] {
        refusal(&run(&format!("nicon-links -n {name}")), 2, &[name, "is not a network namespace"]);
        refusal(&run(&format!("nicon-nsexec --net={name} true")), 125, &[name, "is not a namespace of type net"]);
    }
    Ok(())
}

/// It is answered as far as it may look, and the rest is told.
fn an_ordinary_user(suite: &Suite) -> Result<(), Failed> {
    let there = Subject::start(&["--net"], "ip link set lo up; echo ready; exec socat -u TCP4-LISTEN:18084 /dev/null");
    let mut socat = tool("setpriv");
    socat.args(["--pdeathsig=KILL", "socat", "-u", "TCP4-LISTEN:18084", "/dev/null"]);
    let mut socat = socat.spawn()?;
    let listens = || nicon_lab::output_within(tool("ss").args(["-Hlnt", "sport = :18084"]), LIMIT);
    until("its socket", || listens().is_ok_and(|told| !told.stdout.is_empty()).then_some(()));
    let all = suite.as_nobody(&["nicon-links", "--all", "--having", "tcp:18084"], "");
    let pid = json!({"pid": there.pid()}).to_string();
    let one = suite.as_nobody(&["nicon-links", "--having", "tcp:18084"], &pid);
    socat.kill()?;
    socat.wait()?;
    let targets: Vec<_> = parse(&all.stdout).iter().map(|told| told["target"].clone()).collect();
    assert_eq!((all.code(), targets), (Some(2), vec![json!("host")]), "{all:?}");
    assert_eq!(all.stderr.lines().count(), 1, "{all:?}");
    assert!(all.stderr.contains("could not be inspected") && all.stderr.contains("needs root"), "{all:?}");
    assert_eq!((one.code(), one.stdout.as_str()), (Some(2), ""), "{one:?}");
    assert!(one.stderr.contains("needs root") && witness::ns_link(there.pid(), "net").is_some(), "{one:?}");
    Ok(())
}
