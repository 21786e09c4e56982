//! nicon-links --names calls network namespaces after their containers, as docker and ip know them.

use libtest_mimic::{Failed, Trial};
use nicon_lab::Lab;
use serde_json::Value;

use crate::support::expect::{is_process, parse, refusal};
use crate::support::links::Place;
use crate::support::subject::ino;
use crate::support::suite::Suite;

pub(crate) fn trials(suite: &Suite) -> Vec<Trial> {
    vec![
        suite.trial("links::names::of_all", of_all),
        suite.trial("links::names::of_peers", of_peers),
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

fn refused(suite: &Suite, _: &Lab) -> Result<(), Failed> {
    refusal(&suite.run(&["nicon-links", "--all", "--names", "/nowhere"]), 2, &["--names /nowhere: open: No such file"]);
    refusal(&suite.feed(&["nicon-links", "--all", "--names", "-"], "{}\n"), 2, &["--names -: line 1", "nicon-resolve"]);
    refusal(&suite.feed(&["nicon-links", "--names", "-"], "{}\n"), 2, &["--names - reads standard input", "--all"]);
    // Whoever has ended since has no namespace that could be called so.
    let gone = r#"{"target":"gone","pid":1,"starttime":1}"#;
    suite.feed(&["nicon-links", "-t", "host", "--names", "-"], gone).ok()?;
    Ok(())
}
