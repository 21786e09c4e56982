//! nicon-links --names calls network namespaces after their containers, as docker and ip know them.

use libtest_mimic::{Failed, Trial};
use nicon_lab::{LIMIT, Lab, output_within, tool};
use serde_json::Value;

use crate::support::expect::{is_process, parse, refusal};
use crate::support::links::Place;
use crate::support::subject::ino;
use crate::support::suite::Suite;

pub(crate) fn trials(suite: &Suite) -> Vec<Trial> {
    vec![
        suite.trial("links::names::of_all", of_all),
        suite.trial("links::names::of_peers", of_peers),
        suite.trial("links::names::of_containers_around", of_containers_around),
        suite.trial("links::names::what_is_no_list_of_names", refused),
    ]
}

fn of_all(suite: &Suite, lab: &Lab) -> Result<(), Failed> {
    // What other tests do in the meantime may make the status another one.
    let ran = |script: &str| suite.shell(script, "").stdout;
    let listed = parse(&ran("nicon-resolve setup setup.olt_1 | nicon-links --all --names -"));
    for path in ["setup", "setup.olt_1"] {
        let pid = lab.host_pid(path)?;
        let own = ino(pid, "net");
        let links: Vec<&Value> = listed.iter().filter(|record| record["nic"]["netns"] == own).collect();
        assert!(!links.is_empty(), "{path}");
        for record in links {
            assert_eq!(record["target"], path, "{record}");
            is_process(record, pid);
        }
    }
    // What has no name is called as without.
    let place = Place::new();
    let listed = parse(&ran("nicon-resolve setup | nicon-links --all --names -"));
    let own = listed.iter().find(|record| record["nic"]["netns"] == place.netns()).ok_or("not listed")?;
    assert_eq!((&own["pid"], own.get("target")), (&place.pid().into(), None));
    let ours =
        listed.iter().find(|record| record["nic"]["netns"] == ino(std::process::id(), "net")).ok_or("no host")?;
    assert_eq!(ours["target"], "host");
    // They are in the tree, then, too.
    let tree = ran("nicon-resolve setup.olt_1 | nicon-links --all --names - | nicon-tree --ascii");
    assert!(tree.lines().any(|line| line.contains("`- olt_1 ") || line.contains("|- olt_1 ")), "{tree}");
    Ok(())
}

fn of_peers(suite: &Suite, lab: &Lab) -> Result<(), Failed> {
    let (place, pid) = (Place::new(), lab.host_pid("setup.olt_1")?);
    place.ip(&format!("link add named0 type veth peer name named1 netns {pid}"));
    let peer = |script: String| -> Result<Value, Failed> {
        let listed = parse(&suite.shell(&script, "").ok()?);
        let end = listed.iter().find(|record| record["nic"]["name"] == "named0").ok_or("not listed")?;
        Ok(end["nic"]["peer"].clone())
    };
    let told = peer(format!("nicon-resolve setup setup.olt_1 | nicon-links -t {} --names -", place.pid()))?;
    assert_eq!((&told["name"], &told["target"]), (&"named1".into(), &"setup.olt_1".into()));
    assert_eq!(told["netns"], ino(pid, "net"));
    let told = peer(format!("nicon-links -t {}", place.pid()))?;
    assert_eq!((&told["name"], &told["target"]), (&"named1".into(), &Value::Null));
    Ok(())
}

/// The other end of what an engine connects its containers with is in the container around these, which needs no list of names.
fn of_containers_around(suite: &Suite, lab: &Lab) -> Result<(), Failed> {
    let (inner, outer) = (lab.host_pid("setup.olt_1.lt_1")?.to_string(), lab.host_pid("setup.olt_1")?);
    let mut ip = tool("nsenter");
    ip.args(["-t", &inner, "-n", "ip", "link", "add", "around0", "type", "veth", "peer", "name", "around1"]);
    output_within(ip.args(["netns", &outer.to_string()]), LIMIT)?.ok()?;
    let peer = |change: &str, inside: &str| -> Result<Value, Failed> {
        let listed = parse(&suite.shell(&format!("nicon-resolve {inside} | jq -c '{change}' | nicon-links"), "").ok()?);
        let end = listed.iter().find(|record| record["nic"]["name"] == "around0").ok_or("not listed")?;
        assert_eq!(end["nic"]["peer"]["netns"], ino(outer, "net"));
        Ok(end["nic"]["peer"]["target"].clone())
    };
    assert_eq!(peer(".", "setup.olt_1.lt_1")?, "setup.olt_1");
    let from_a_process = format!("/pid:{}/olt_1/lt_1", lab.host_pid("setup")?);
    assert_eq!(peer(".", &from_a_process)?, from_a_process[1..].replace("/lt_1", "").replace('/', "."));
    // Another process may have its PID by now.
    for other in [".hops[1].starttime += 1", ".hops[1].starttime = null", "del(.hops)"] {
        assert_eq!(peer(other, "setup.olt_1.lt_1")?, Value::Null, "{other}");
    }
    output_within(tool("nsenter").args(["-t", &inner, "-n", "ip", "link", "del", "around0"]), LIMIT)?.ok()?;
    Ok(())
}

fn refused(suite: &Suite, _: &Lab) -> Result<(), Failed> {
    refusal(&suite.run(&["nicon-links", "--all", "--names", "/nowhere"]), 2, &["--names /nowhere: open: No such file"]);
    refusal(&suite.feed(&["nicon-links", "--all", "--names", "-"], "{}\n"), 2, &["--names -: line 1", "nicon-resolve"]);
    refusal(&suite.feed(&["nicon-links", "--names", "-"], "{}\n"), 2, &["--names - reads standard input", "--all"]);
    // Whoever has ended since has no namespace that could be called so.
    let gone = r#"{"target":"gone","pid":1,"starttime":1}"#;
    suite.feed(&["nicon-links", "-t", "host", "--names", "-"], gone).ok()?;
    Ok(())
}
