//! nicon-tree draws the records of many machines, each in a box of its own.

use libtest_mimic::{Failed, Trial};
use nicon_lab::{LIMIT, output_of_input, tool};
use serde_json::{Value, json};

use super::tree::tree;
use crate::support::expect::records;
use crate::support::links::Place;
use crate::support::suite::Suite;

pub(crate) fn trials(suite: &Suite) -> Vec<Trial> {
    let trial = |name, test: fn(&Suite) -> Result<(), Failed>| {
        suite.trial_of_kernel(&[], &format!("filters::tree_machines::{name}"), test)
    };
    vec![
        trial("each_has_a_box", boxes),
        trial("two_of_one_name_are_told_apart", namesakes),
        trial("a_vxlan_between_them_is_a_wire", tunnels),
    ]
}

/// What nicon-links lists of a place, as a machine of that name and boot would list it of a container `c`.
fn listed(suite: &Suite, place: &Place, machine: &str, boot: &str) -> Vec<Value> {
    let pid = place.pid().to_string();
    let mut listed = records(&suite.run(&["nicon-links", "-t", &pid]));
    for record in &mut listed {
        assert!(record["boot"].is_string() && record["machine"].is_string(), "{record}");
        record["machine"] = json!(machine);
        record["boot"] = json!(boot);
        record["target"] = json!("c");
        record["hops"] = json!([{"name": "c", "id": "c0ffee", "engine": "docker", "pid": place.pid()}]);
    }
    listed
}

fn lines(records: &[Value]) -> String {
    records.iter().map(|record| record.to_string() + "\n").collect()
}

/// The number of elements of an image that a path finds.
fn count(svg: &str, path: &str) -> Result<usize, Failed> {
    Ok(output_of_input(tool("xmllint").args(["--xpath", &format!("count({path})"), "-"]), svg, LIMIT)?.ok()?.parse()?)
}

/// Freshly started machines give the same numbers to the same things: here all are the same.
fn boxes(suite: &Suite) -> Result<(), Failed> {
    let place = Place::new();
    place.ip("link add w0 type veth peer name w1");
    let both = [listed(suite, &place, "lab10", "b1"), listed(suite, &place, "lab2", "b2")];
    let text = tree(suite, &["--links"], &lines(&both.concat())).ok()?;
    let expected = [
        "lab2          machine",
        "└─ c          docker",
        "   ├─ w1      veth",
        "   └─ w0      veth",
        "lab10         machine",
        "└─ c          docker",
        "   ├─ w1      veth",
        "   └─ w0      veth",
    ];
    let drawn: Vec<&str> = text.lines().skip(1).collect();
    assert_eq!(drawn.len(), expected.len(), "{text}");
    let words = |line: &str| line.split_whitespace().map(str::to_owned).collect::<Vec<_>>();
    for (drawn, expected) in drawn.iter().zip(expected) {
        assert!(words(drawn).starts_with(&words(expected)), "{text}");
    }
    assert!(!text.contains("gone") && !text.contains("the same as"), "{text}");
    // Their lines come in any order, as from several ssh at once.
    let mixed: Vec<Value> = both[1].iter().zip(&both[0]).flat_map(|(a, b)| [a.clone(), b.clone()]).collect();
    assert_eq!(tree(suite, &["--links"], &lines(&mixed)).ok()?, text);

    let svg = tree(suite, &["--links", "--svg"], &lines(&both.concat())).ok()?;
    // Both machines with a container each, and what is around them; the wire of each is its own.
    assert_eq!((count(&svg, "//*[@class='node']")?, count(&svg, "//*[local-name()='path']")?), (5, 2), "{svg}");
    assert!(svg.contains(">2 machines<") && svg.contains("w1 in c on lab10 \u{2194} w0 in c on lab10"), "{svg}");
    assert!(tree(suite, &["--links", "--html"], &lines(&both.concat())).ok()?.contains(">lab10</text>"));
    let dot = tree(suite, &["--links", "--dot"], &lines(&both.concat())).ok()?;
    let drawn = output_of_input(tool("dot").arg("-Tsvg"), &dot, LIMIT)?.ok()?;
    assert_eq!((count(&drawn, "//*[@class='cluster']")?, count(&drawn, "//*[@class='node']")?), (2, 2), "{drawn}");
    assert_eq!(dot.matches("style=dashed").count(), 2, "{dot}");

    // Processes are those of this machine.
    assert!(!tree(suite, &["--procs"], &lines(&both[0])).ok()?.contains("process"));
    Ok(())
}

fn namesakes(suite: &Suite) -> Result<(), Failed> {
    let place = Place::new();
    let here = records(&suite.run(&["nicon-links", "-t", &place.pid().to_string()]));
    let (name, boot) = (here[0]["machine"].as_str().ok_or("no name")?, here[0]["boot"].as_str().ok_or("no boot")?);
    let both = [here.clone(), listed(suite, &place, name, "another")].concat();
    let text = tree(suite, &[], &lines(&both)).ok()?;
    let machines: Vec<&str> = text.lines().filter(|line| line.starts_with(name)).collect();
    assert_eq!(machines.len(), 2, "{text}");
    assert!(text.contains(&format!("this machine, boot {boot}")), "{text}");
    assert!(text.contains("this machine before it was started, or another of this name, boot another"), "{text}");
    // What a record does not say is of this machine.
    let unsaid = json!({"target": "a"});
    let text = tree(suite, &[], &lines(&[here, vec![unsaid]].concat())).ok()?;
    assert_eq!(text.lines().filter(|line| line.contains("machine")).count(), 1, "{text}");
    assert!(text.lines().nth(1).is_some_and(|line| line.starts_with("host ")), "{text}");
    Ok(())
}

fn tunnels(suite: &Suite) -> Result<(), Failed> {
    let places = [Place::new(), Place::new()];
    for (place, other) in places.iter().zip(["192.0.2.2", "192.0.2.1"]) {
        place.ip(&format!("link add vx0 type vxlan id 77 dstport 4789 remote {other}"));
    }
    let mut both = [listed(suite, &places[0], "lab1", "b1"), listed(suite, &places[1], "lab2", "b2")].concat();
    let told = "vx0 in c on lab1";
    let text = tree(suite, &["--links"], &lines(&both)).ok()?;
    assert!(text.contains("\u{2194} vx0 in c on lab2") && text.contains(&format!("\u{2194} {told}")), "{text}");
    let svg = tree(suite, &["--links", "--svg"], &lines(&both)).ok()?;
    assert_eq!(count(&svg, "//*[local-name()='path']")?, 1, "{svg}");
    assert!(svg.contains(&format!("{told} \u{2194} vx0 in c on lab2")), "{svg}");
    // A plan says more than numbers do.
    for record in &mut both {
        record["name"] = record["nic"]["name"].clone();
        record["remote_end"] = json!({"on": "lab3", "target": "a.b", "name": "eth1"});
    }
    let text = tree(suite, &["--links"], &lines(&both)).ok()?;
    assert_eq!(text.matches("\u{2194} eth1 in a.b on lab3").count(), 2, "{text}");
    assert_eq!(count(&tree(suite, &["--links", "--svg"], &lines(&both)).ok()?, "//*[local-name()='path']")?, 0);
    Ok(())
}
