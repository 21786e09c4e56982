//! nicon: lists of containers and of their links, and drawings of both.

use libtest_mimic::{Failed, Trial};
use nicon_lab::{LIMIT, Lab, output_within, tool};
use serde_json::Value;

use crate::support::expect::{parse, refusal};
use crate::support::suite::Suite;

pub(crate) fn trials(suite: &Suite) -> Vec<Trial> {
    vec![
        suite.trial("filters::front_lists::containers", containers),
        suite.trial("filters::front_lists::links_of_containers", links_of_containers),
        suite.trial("filters::front_lists::drawings", drawings),
    ]
}

const PATH: &str = "setup.olt_1.lt_1";

fn containers(suite: &Suite, lab: &Lab) -> Result<(), Failed> {
    // Of the containers of other tests, some are meant to trouble whoever looks at all.
    let paths = |words: &[&str]| -> Vec<Value> {
        let all = parse(&suite.run(&[&["nicon", "ls"], words].concat()).stdout);
        all.into_iter().map(|record| record["target"].clone()).collect()
    };
    assert!(paths(&[]).contains(&PATH.into()));
    assert!(paths(&["setup.olt_1", "setup.olt_1.*"]).starts_with(&["setup.olt_1".into(), PATH.into()]));
    assert_eq!(suite.run(&["nicon", "ls", "--pid", PATH]).ok()?, lab.host_pid(PATH)?.to_string());
    assert!(paths(&["--timeout", "9"]).contains(&PATH.into()));
    assert_eq!(suite.run(&["nicon", "ls", "nobody*"]).code(), Some(1));
    Ok(())
}

fn links_of_containers(suite: &Suite, lab: &Lab) -> Result<(), Failed> {
    let net = format!("--net=/proc/{}/ns/net", lab.host_pid(PATH)?);
    let there = output_within(tool("nsenter").args([&net, "ip", "-j", "link"]), LIMIT)?.ok()?;
    let there: Vec<Value> = serde_json::from_str(&there)?;
    let ran = suite.run(&["nicon", "-v", "links", PATH, "-J"]);
    assert_eq!(ran.stderr, format!("nicon-resolve {PATH} | nicon-links -J\n"), "{ran:?}");
    let listed: Vec<_> = parse(&ran.stdout).into_iter().map(|record| record["nic"]["name"].clone()).collect();
    assert_eq!(listed, there.iter().map(|link| link["ifname"].clone()).collect::<Vec<_>>(), "{ran:?}");
    // Options stand on either side, and host is a place, too.
    let ran = suite.run(&["nicon", "links", "--having", "lo", "host", PATH]);
    let targets: Vec<_> = parse(&ran.stdout).into_iter().map(|record| record["target"].clone()).collect();
    assert_eq!(targets, ["host", PATH], "{ran:?}");
    // Without a path it is the program itself.
    let host = suite.run(&["nicon", "links", "-t", "host", "--having", "lo"]);
    assert!(host.code() == Some(0) && parse(&host.stdout).len() == 1, "{host:?}");
    // A path that was not found was not looked at: nobody knows whether it has what is asked for.
    for (paths, hits) in [(&["setup.nobody"][..], 0), (&["host", "setup.nobody"], 1)] {
        let ran = suite.run(&[&["nicon", "links", "--having", "lo"], paths].concat());
        assert_eq!((ran.code(), parse(&ran.stdout).len()), (Some(2), hits), "{ran:?}");
    }
    let named = suite.run(&["nicon", "-v", "links", "--", "-a"]);
    assert!(named.stderr.starts_with("nicon-resolve -- -a | nicon-links\n"), "{named:?}");
    let none = suite.run(&["nicon", "links", "setup.nobody"]);
    refusal(&none, 1, &["nicon-resolve: setup.nobody: ", "no container \"nobody\""]);
    Ok(())
}

fn drawings(suite: &Suite, _: &Lab) -> Result<(), Failed> {
    let ran = suite.run(&["nicon", "-v", "tree", "setup", PATH]);
    assert_eq!(ran.stderr, format!("nicon-resolve setup {PATH} | nicon-tree\n"), "{ran:?}");
    assert!(ran.stdout.contains("lt_1") && !ran.stdout.contains("veth"), "{ran:?}");
    let ran = suite.run(&["nicon", "-v", "tree", "host", PATH, "--links", "--svg"]);
    assert_eq!(ran.stderr, format!("nicon-resolve host {PATH} | nicon-links | nicon-tree --links --svg\n"), "{ran:?}");
    assert!(ran.stdout.starts_with("<svg") && ran.stdout.contains("lt_1"), "{ran:?}");
    Ok(())
}
