//! What a record says of links through pipes of several programs: what one program found or did is never asked of the next,
//! and all that was done is undone at once. `ip` is the witness.

use libtest_mimic::{Failed, Trial};
use nicon_lab::{Lab, Ran};
use serde_json::{Value, json};

use crate::expect::{deed, not_undone, parse, record, records, refusal};
use crate::links::{Place, one};
use crate::suite::Suite;

pub(crate) fn trials(suite: &Suite) -> Vec<Trial> {
    vec![
        suite.trial("records::linkmv_to_linkmv", linkmv_to_linkmv),
        suite.trial("records::facts_are_told_at_the_end", facts),
        suite.trial("records::linkmv_to_veth", linkmv_to_veth),
        suite.trial("records::veth_to_linkmv", veth_to_linkmv),
        suite.trial("records::links_to_linkmv_to_undo", links_to_linkmv),
        suite.trial("records::plan_to_resolve_to_linkmv_to_veth", plan_to_veth),
        suite.trial("records::a_second_act_that_fails", a_second_act_that_fails),
        suite.trial("records::one_end_of_a_pair_is_undone", one_end_is_undone),
        suite.trial("records::a_pair_that_is_another_is_not_undone", another_pair),
        suite.trial("records::a_record_asks_for_one_thing", one_act),
        suite.trial("records::nothing_that_was_done_is_lost", nothing_is_lost),
        suite.trial("records::one_of_version_0_1_is_undone", of_version_0_1),
    ]
}

/// A place with two pairs, va and vb, whose attributes differ, and one to move them to.
struct Ground {
    from: Place,
    to: Place,
}

impl Ground {
    fn new() -> Self {
        let (from, to) = (Place::new(), Place::new());
        from.ip_batch(
            "link add va mtu 1400 address 02:00:5e:00:53:0a type veth peer name pa\n\
             link add vb mtu 1300 address 02:00:5e:00:53:0b type veth peer name pb\n\
             addr add 192.0.2.1/24 dev va\nlink set va alias first",
        );
        Self { from, to }
    }

    /// Runs a pipe that begins with a record of the target; `FROM` stands for where the links are.
    fn pipe(&self, suite: &Suite, pipe: &str) -> Ran {
        let line = json!({"pid": self.to.pid(), "note": "kept"}).to_string();
        suite.shell(&pipe.replace("FROM", &self.from.pid().to_string()), line)
    }

    fn state(&self) -> [String; 2] {
        [self.from.ip("-j -d addr"), self.to.ip("-j -d addr")]
    }

    /// The hardware address and the MTU of a link of the target, as `ip` tells them.
    fn there(&self, name: &str) -> (String, u64) {
        let link = one(&self.to.ip(&format!("-j -d link show dev {name}")));
        (link["address"].as_str().unwrap().to_owned(), link["mtu"].as_u64().unwrap())
    }
}

fn undo(suite: &Suite, done: impl AsRef<[u8]>) -> Ran {
    suite.feed(&["nicon-linkmv", "--undo"], done)
}

const A: &str = "02:00:5e:00:53:0a";
const B: &str = "02:00:5e:00:53:0b";

fn linkmv_to_linkmv(suite: &Suite, _: &Lab) -> Result<(), Failed> {
    let ground = Ground::new();
    let before = ground.state();
    let moved = ground.pipe(suite, "nicon-linkmv -f FROM va eth1 | nicon-linkmv -f FROM vb eth2");
    let told = record(&moved);
    assert_eq!((ground.there("eth1"), ground.there("eth2")), ((A.into(), 1400), (B.into(), 1300)));
    assert_eq!((&told["nic"]["name"], &told["nic"]["mac"], &told["note"]), (&json!("eth2"), &json!(B), &json!("kept")));
    let done: Vec<_> = told["done"].as_array().ok_or("no done")?.iter().map(|deed| &deed["link"]).collect();
    assert_eq!(done, ["va", "vb"]);
    assert_ne!(told["done"][0]["id"], told["done"][1]["id"]);
    assert_eq!(told["done"][0]["id"].as_str().map(str::len), Some(16));

    // Both are undone at once, the last one first; an undo that is fed twice has nothing left to do.
    for changed in [true, false] {
        let undone = record(&undo(suite, &moved.stdout));
        let names: Vec<_> =
            undone["undone"].as_array().ok_or("no undone")?.iter().map(|undone| &undone["name"]).collect();
        assert_eq!(names, ["vb", "va"]);
        assert!(undone["undone"].as_array().ok_or("none")?.iter().all(|undone| undone["changed"] == changed));
        assert_eq!((undone.get("done"), undone.get("nic"), &undone["note"]), (None, None, &json!("kept")));
        assert_eq!(ground.state(), before);
    }
    let undone = undo(suite, &moved.stdout);
    assert_eq!(record(&undo(suite, &undone.stdout)), record(&undone), "there is nothing to undo in it");
    assert_eq!(ground.state(), before);

    // The wishes of a record are its own, and those that were carried out are no longer there.
    let wish = json!({"pid": ground.to.pid(), "from": ground.from.pid(), "link": "va", "name": "eth1", "mtu": 1200, "up": false});
    let moved = suite.shell(&format!("nicon-linkmv | nicon-linkmv -f {} vb eth2", ground.from.pid()), wish.to_string());
    let told = record(&moved);
    for field in ["from", "link", "name", "mtu", "up", "changed", "undo", "lost", "mac", "ifindex"] {
        assert_eq!(told.get(field), None, "{field}");
    }
    assert_eq!((ground.there("eth1"), ground.there("eth2")), ((A.into(), 1200), (B.into(), 1300)));
    // With a link on the command line a record's wishes are left alone.
    record(&undo(suite, &moved.stdout));
    let told = record(&suite.feed(&["nicon-linkmv", "vb", "eth2"], wish.to_string()));
    for (field, value) in wish.as_object().ok_or("no record")? {
        assert_eq!(&told[field], value, "{field}");
    }
    assert_eq!(ground.there("eth2"), (B.into(), 1300));
    Ok(())
}

/// What is told of a link is what it is like when all is done.
fn facts(suite: &Suite, _: &Lab) -> Result<(), Failed> {
    let (ground, other) = (Ground::new(), Place::new());
    ground.from.sh("echo 2 >/proc/sys/net/ipv4/conf/va/rp_filter");
    let wishes = "--altname wan --mtu 1200 --mac 02:00:5e:00:53:21 --keep sysctl";
    let moved = record(&ground.pipe(suite, &format!("nicon-linkmv -f FROM va eth1 {wishes}")));
    let again = record(&ground.pipe(suite, "nicon-linkmv -f FROM va eth1 --mtu 1210 --alias again"));
    let ends = [ground.to.pid().to_string(), other.pid().to_string()];
    let made =
        suite.run(&["nicon-veth", "-t", &ends[0], "-t", &ends[1], "w1", "w2", "--mtu=1300", "--mac=02:00:5e:00:53:22"]);
    let made = records(&made)[0].clone();
    assert_eq!((&moved["nic"]["mtu"], &moved["nic"]["altnames"][0]), (&json!(1200), &json!("wan")));
    assert!(moved["nic"]["flags"].as_array().ok_or("no flags")?.contains(&json!("UP")), "{moved}");
    let listed = records(&suite.run(&["nicon-links", "-t", &ends[0]]));
    for told in [again, made] {
        let nic = told["nic"].as_object().ok_or("no nic")?;
        let listed = listed.iter().find(|record| record["nic"]["name"] == nic["name"]).ok_or("it is not there")?;
        // The other end may just have come up, and its namespace has another name here.
        let is_settled = |field: &&String| !["operstate", "flags", "peer"].contains(&field.as_str());
        for field in nic.keys().filter(is_settled) {
            assert_eq!(listed["nic"][field], nic[field], "{field} of {told}");
        }
        for field in ["name", "ifindex", "netns"] {
            assert!(
                nic.get("peer").is_none_or(|peer| peer[field] == listed["nic"]["peer"][field]),
                "{field} of {told}"
            );
        }
    }
    Ok(())
}

fn linkmv_to_veth(suite: &Suite, _: &Lab) -> Result<(), Failed> {
    let ground = Ground::new();
    let before = ground.state();
    let other = Place::new();
    let pipe = format!("(nicon-linkmv -f FROM va eth1; echo '{{\"pid\":{}}}') | nicon-veth w1 w2", other.pid());
    let made = ground.pipe(suite, &pipe);
    let told = records(&made);
    let by = |record: &Value| -> Vec<Value> {
        record["done"].as_array().unwrap().iter().map(|deed| deed["by"].clone()).collect()
    };
    assert_eq!(
        (by(&told[0]), by(&told[1])),
        (vec![json!("nicon-linkmv"), json!("nicon-veth")], vec![json!("nicon-veth")])
    );
    assert_eq!(deed(&told[0])["id"], deed(&told[1])["id"]);
    let end = ground.there("w1");
    assert_ne!(end.0, A);
    assert_eq!((end.1, &told[0]["nic"]["mac"], &told[0]["nic"]["kind"]), (1500, &json!(end.0), &json!("veth")));
    assert_eq!(
        (told[0]["nic"]["netns"].as_u64(), told[1]["nic"]["netns"].as_u64()),
        (Some(ground.to.netns()), Some(other.netns()))
    );
    // Both ends tell of one deed.
    let undone = records(&undo(suite, &made.stdout));
    assert_eq!(undone[0]["undone"].as_array().map(Vec::len), Some(2));
    assert_eq!(
        (undone[1]["undone"][0]["name"].as_str(), &undone[1]["undone"][0]["changed"]),
        (Some("w2"), &json!(true))
    );
    assert_eq!((ground.state(), other.links()), (before, vec!["lo".to_owned()]));
    Ok(())
}

fn veth_to_linkmv(suite: &Suite, _: &Lab) -> Result<(), Failed> {
    let ground = Ground::new();
    let (before, other) = (ground.state(), Place::new());
    let ends = format!("-t {} -t {}", ground.to.pid(), other.pid());
    let pipe = format!("nicon-veth {ends} w1 w2 --mtu 1200 | head -n 1 | nicon-linkmv -f FROM vb eth2");
    record(&ground.pipe(suite, &pipe));
    assert_eq!(ground.there("eth2"), (B.into(), 1300));
    ground.to.ip("link del w1");
    ground.to.ip(&format!("link set eth2 netns {} name vb", ground.from.pid()));

    // An end that was moved on comes back before the pair is removed.
    let third = Place::new();
    let ends = format!("nicon-veth {ends} w1 w2 | head -n 1");
    let on = format!("jq -c '.from = .pid | .pid = {}' | nicon-linkmv w1 w3", third.pid());
    let moved = ground.pipe(suite, &format!("{ends} | {on}"));
    assert_eq!(record(&moved)["done"].as_array().map(Vec::len), Some(2));
    assert_eq!(
        (third.links(), other.links()),
        (vec!["lo".to_owned(), "w3".into()], vec!["lo".to_owned(), "w2".into()])
    );
    let undone = record(&undo(suite, &moved.stdout));
    let told: Vec<_> =
        undone["undone"].as_array().ok_or("none")?.iter().map(|undone| (&undone["by"], &undone["name"])).collect();
    assert_eq!(told, [(&json!("nicon-linkmv"), &json!("w1")), (&json!("nicon-veth"), &json!("w1"))]);
    assert_eq!((third.links(), other.links()), (vec!["lo".to_owned()], vec!["lo".to_owned()]));
    let links = |state: &[String; 2]| state[1].clone();
    assert_eq!(links(&ground.state()), links(&before));
    Ok(())
}

fn links_to_linkmv(suite: &Suite, _: &Lab) -> Result<(), Failed> {
    let ground = Ground::new();
    ground.to.ip("link add br0 type bridge");
    ground.to.ip("link add port0 mtu 1280 master br0 type veth peer name port1");
    let before = ground.state();
    let port = format!("nicon-links -t {} | jq -c 'select(.nic.name == \"port0\")'", ground.to.pid());
    let told = record(&ground.pipe(suite, &format!("{port} | nicon-linkmv -f FROM vb eth5")));
    assert_eq!(told["nic"]["name"], "eth5");
    assert_eq!(ground.there("eth5"), (B.into(), 1300));
    assert_eq!(one(&ground.to.ip("-j link show dev eth5")).get("master"), None);
    let undone = record(&undo(suite, told.to_string()));
    assert_eq!((undone.get("nic"), ground.state()), (None, before.clone()));

    // Every link that is listed then tells of the same deed, which is undone once.
    let pipe = "nicon-linkmv -f FROM va eth1 | nicon-links | nicon-linkmv --undo";
    let undone = records(&ground.pipe(suite, pipe));
    assert_eq!(undone.len(), 5);
    assert!(undone.iter().all(|record| record["undone"][0]["changed"] == true && record.get("done").is_none()));
    // What is told of the other links holds still.
    let names: Vec<_> = undone.iter().filter_map(|record| record["nic"]["name"].as_str()).collect();
    assert_eq!((names.len(), names.contains(&"eth1")), (4, false), "{names:?}");
    assert_eq!(ground.state(), before);
    Ok(())
}

fn plan_to_veth(suite: &Suite, lab: &Lab) -> Result<(), Failed> {
    let from = Place::new();
    from.ip("link add va address 02:00:5e:00:53:0a type veth peer name pa");
    lab.run_container("setup", "recorded", &[])?;
    let links = |path: &str| lab.exec(path, &["ip", "-o", "link"]).unwrap().ok().unwrap().lines().count();
    let counts = (links("setup.recorded"), links("setup.olt_1"));
    let plan = format!("links: [{{inspect_ns: setup.recorded, nic_tmp: va, nic_name: rec1, from: {}}}]", from.pid());
    let ends = ["setup.recorded", "setup.olt_1"]
        .map(|path| json!({"target": path, "pair": "p", "name": format!("rp{}", path.len())}).to_string())
        .join("\n");
    let pipe = "(nicon-plan <(echo \"$PLAN\"); cat) | nicon-resolve | nicon-linkmv | nicon-veth";
    let made = suite.shell(&format!("PLAN='{plan}'; {pipe}"), ends);
    let told = records(&made);
    let acts: Vec<_> =
        told.iter().map(|record| (&record["target"], &deed(record)["by"], &record["nic"]["name"])).collect();
    let act = |path: &str, by: &str, name: &str| (json!(path), json!(by), json!(name));
    let expected = [
        act("setup.recorded", "nicon-linkmv", "rec1"),
        act("setup.recorded", "nicon-veth", "rp14"),
        act("setup.olt_1", "nicon-veth", "rp11"),
    ];
    assert_eq!(acts, expected.iter().map(|(path, by, name)| (path, by, name)).collect::<Vec<_>>());
    let there = one(&lab.exec("setup.recorded", &["ip", "-j", "link", "show", "dev", "rec1"])?.ok()?);
    assert_eq!(there["address"], A);
    assert_eq!((links("setup.recorded"), links("setup.olt_1")), (counts.0 + 2, counts.1 + 1));
    records(&undo(suite, &made.stdout));
    assert_eq!((links("setup.recorded"), links("setup.olt_1")), counts);
    assert!(from.links().contains(&"va".to_owned()));
    Ok(lab.remove("setup", "recorded")?)
}

fn a_second_act_that_fails(suite: &Suite, _: &Lab) -> Result<(), Failed> {
    let ground = Ground::new();
    let before = ground.state();
    let pipe = "nicon-linkmv -f FROM va eth1 | nicon-linkmv -f FROM nowhere eth2";
    let ran = ground.pipe(suite, pipe);
    let failed = parse(&ran.stdout).remove(0);
    assert_eq!((ran.code(), ran.stderr.lines().count()), (Some(1), 1), "{ran:?}");
    let why = failed["failed"].as_str().ok_or("it does not say why")?;
    assert!(why.starts_with("no link nowhere in ") && ran.stderr.contains(why), "{ran:?}");
    assert_eq!((deed(&failed)["name"].as_str(), failed["done"].as_array().map(Vec::len)), (Some("eth1"), Some(1)));

    // No program acts on it, and a link that was named is not passed over in silence.
    let on = ground.pipe(suite, &format!("{pipe} | nicon-linkmv -f FROM vb eth3"));
    assert_eq!(parse(&on.stdout)[0]["failed"].as_str(), Some(why));
    assert!(on.stderr.contains("vb was not moved"), "{on:?}");
    let mut asked = failed.clone();
    asked["link"] = json!("vb");
    asked["from"] = json!(ground.from.pid());
    let passed = suite.feed(&["nicon-linkmv"], asked.to_string());
    assert_eq!(record(&passed), asked);
    assert!(ground.from.links().contains(&"vb".to_owned()));
    asked["link"] = Value::Null;
    asked["pair"] = json!("p");
    assert_eq!(record(&suite.feed(&["nicon-veth"], asked.to_string())), asked);

    let undone = record(&undo(suite, &ran.stdout));
    assert_eq!((undone.get("failed"), undone.get("done")), (None, None));
    assert_eq!(ground.state(), before);

    // One whose first act fails is not worth passing on.
    let ran = ground.pipe(suite, "nicon-linkmv -f FROM nowhere eth2");
    refusal(&ran, 1, &["no link nowhere"]);
    // A record about a container that is gone is not acted on, whatever is known of its links.
    let gone = json!({"pid": 1, "event": "gone", "link": "vb"});
    assert_eq!(record(&suite.feed(&["nicon-linkmv"], gone.to_string())), gone);
    let linked = json!({"pid": ground.to.pid(), "nic": {"event": "gone"}});
    record(&suite.feed(&["nicon-linkmv", "-f", &ground.from.pid().to_string(), "vb", "eth3"], linked.to_string()));
    Ok(())
}

fn one_end_is_undone(suite: &Suite, _: &Lab) -> Result<(), Failed> {
    let places = [Place::new(), Place::new()];
    let ends = places.each_ref().map(|place| place.pid().to_string());
    let wire = || suite.run(&["nicon-veth", "-t", &ends[0], "-t", &ends[1], "w1", "w2"]);
    for end in 0..2 {
        let made = wire();
        let told = records(&made)[end].clone();
        assert!(deed(&told)["undo"]["inode"].is_u64(), "{told}");
        let undone = record(&undo(suite, told.to_string()));
        assert_eq!(undone["undone"][0]["changed"], true);
        assert_eq!(undone["undone"][0]["name"], ["w1", "w2"][end]);
        assert_eq!(places.each_ref().map(Place::links), [["lo"], ["lo"]]);
        assert_eq!(record(&undo(suite, told.to_string()))["undone"][0]["changed"], false);
    }
    // What was there before is not this run's to remove.
    let (first, again) = (wire(), wire());
    assert_eq!(deed(&records(&again)[0])["changed"], false);
    let undone = records(&undo(suite, &again.stdout));
    assert!(undone.iter().all(|record| record["undone"][0]["changed"] == false), "{undone:?}");
    assert_eq!(places[0].links(), ["lo", "w1"]);
    places[0].ip("link set w1 down");
    let completed = wire();
    assert_eq!(deed(&records(&completed)[0])["changed"], true);
    not_undone(&undo(suite, &completed.stdout), 2, &["was there before", "keeps what it was given"]);
    assert_eq!(places[0].links(), ["lo", "w1"]);
    records(&undo(suite, &first.stdout));
    assert_eq!(places[0].links(), ["lo"]);
    Ok(())
}

/// By name, ifindex and hardware address nobody can tell them apart.
fn another_pair(suite: &Suite, _: &Lab) -> Result<(), Failed> {
    let (places, third) = ([Place::new(), Place::new()], Place::new());
    let ends = places.each_ref().map(|place| place.pid().to_string());
    let made = suite.run(&["nicon-veth", "-t", &ends[0], "-t", &ends[1], "w1", "w2"]);
    let first = records(&made)[0].clone();
    let (index, mac) = (&first["nic"]["ifindex"], first["nic"]["mac"].as_str().ok_or("no address")?);
    places[0].ip(&format!("link set w1 netns {} name w3", third.pid()));
    places[0].ip(&format!("link add w1 index {index} address {mac} type veth peer name other"));
    not_undone(&undo(suite, first.to_string()), 1, &["w1 is not in process", "it was moved on"]);
    assert_eq!((third.links(), places[0].links().len()), (vec!["lo".to_owned(), "w3".into()], 3));
    third.ip("link del w3");
    assert_eq!(record(&undo(suite, first.to_string()))["undone"][0]["changed"], false);
    assert_eq!(places[0].links().len(), 3, "that pair is somebody else's");
    // A container that is gone has taken the pair along.
    let made = suite.run(&["nicon-veth", "-t", &ends[0], "-t", &ends[1], "w5", "w6"]);
    drop(third);
    let [first, second] = places;
    drop(first);
    crate::links::wait_until(|| second.links() == ["lo"]);
    let undone = records(&undo(suite, &made.stdout));
    assert!(undone.iter().all(|record| record["undone"][0]["changed"] == false), "{undone:?}");
    Ok(())
}

fn one_act(suite: &Suite, _: &Lab) -> Result<(), Failed> {
    let ground = Ground::new();
    let before = ground.state();
    let ask = |fields: Value| {
        let mut record = json!({"pid": ground.to.pid(), "from": ground.from.pid(), "name": "eth1"});
        record.as_object_mut().unwrap().extend(fields.as_object().unwrap().clone());
        record.to_string()
    };
    for (fields, words) in [
        (json!({"link": "va", "pair": "p"}), "both \"link\" and \"pair\""),
        (json!({"link": "va", "kind": "vxlan"}), "both \"link\" and \"kind\""),
        (json!({"pair": "p", "kind": "vxlan"}), "both \"pair\" and \"kind\""),
    ] {
        for program in ["nicon-linkmv", "nicon-veth"] {
            refusal(&suite.feed(&[program], ask(fields.clone())), 2, &["line 1: the record has ", words]);
        }
    }
    // What another program is to do passes through untouched.
    for (program, fields) in [
        ("nicon-linkmv", json!({"pair": "p", "addr": [1], "link": null})),
        ("nicon-linkmv", json!({"kind": "vxlan"})),
        ("nicon-linkmv", json!({"expected_pid": 7})),
        ("nicon-veth", json!({"link": "va", "mtu": "x"})),
        ("nicon-veth", json!({"kind": "vxlan"})),
    ] {
        let asked = ask(fields);
        assert_eq!(suite.feed(&[program], &asked).ok()?, asked, "{program}");
    }
    assert_eq!(ground.state(), before);
    // But not where nobody is asked for anything.
    let nothing = [ask(json!({})), ask(json!({"nic": {"name": "va"}}))].join("\n");
    refusal(
        &suite.feed(&["nicon-linkmv"], &nothing),
        2,
        &["nicon-linkmv: no record names a link: give LINK, or \"link\" in a record\n"],
    );
    refusal(
        &suite.feed(&["nicon-veth"], &nothing),
        2,
        &["nicon-veth: no record names a pair: give NAME and PEER, or \"pair\""],
    );
    refusal(&undo(suite, &nothing), 2, &["no record has a \"done\""]);
    // Where one is, the others keep their places.
    let mixed = [ask(json!({"n": 1})), ask(json!({"link": "va", "n": 2})), ask(json!({"n": 3}))].join("\n");
    let numbers: Vec<_> =
        records(&suite.feed(&["nicon-linkmv"], mixed)).iter().map(|record| record["n"].clone()).collect();
    assert_eq!(numbers, [1, 2, 3]);
    Ok(())
}

/// What a run that stops does not come to, or takes back, still tells what others did.
fn nothing_is_lost(suite: &Suite, _: &Lab) -> Result<(), Failed> {
    let ground = Ground::new();
    let before = ground.state();
    let (from, to) = (ground.from.pid(), ground.to.pid());
    let first = ground.pipe(suite, "nicon-linkmv -f FROM va eth1");
    let earlier = |link: &str, name: &str| {
        let mut asked = record(&first);
        for (field, value) in [("link", json!(link)), ("from", json!(from)), ("name", json!(name))] {
            asked[field] = value;
        }
        asked.to_string()
    };
    let ask = |link: &str, name: &str| json!({"pid": to, "from": from, "link": link, "name": name}).to_string();
    for option in ["--all-or-nothing", "--fail-fast"] {
        let input =
            [earlier("vb", "eth2"), ask("nowhere", "eth3"), earlier("pb", "eth4"), ask("pa", "eth5")].join("\n");
        let ran = suite.feed(&["nicon-linkmv", option], input);
        assert_eq!((ran.code(), ran.stderr.lines().count()), (Some(1), 1), "{ran:?}");
        let left = parse(&ran.stdout);
        let told: Vec<_> =
            left.iter().map(|record| (record["failed"].as_str(), record["done"].as_array().map(Vec::len))).collect();
        let not_tried = (Some("not tried, since another record failed"), Some(1));
        let first = if option == "--fail-fast" {
            (None, Some(2))
        } else {
            (Some("taken back, since another record failed"), Some(1))
        };
        assert_eq!(told, [first, not_tried], "{ran:?}");
        assert_eq!(ground.to.links().contains(&"eth2".to_owned()), option == "--fail-fast");
        if option == "--fail-fast" {
            records(&undo(suite, &ran.stdout));
            assert_eq!(ground.state(), before);
        }
    }
    // A deed that cannot be undone stays in the record, and the others are undone.
    let both = ground.pipe(suite, "nicon-linkmv -f FROM va eth1 | nicon-linkmv -f FROM vb eth2");
    ground.from.ip("link add vb type bridge");
    let undone = undo(suite, &both.stdout);
    let left = parse(&undone.stdout).remove(0);
    assert_eq!((undone.code(), undone.stderr.lines().count()), (Some(1), 1), "{undone:?}");
    assert_eq!(
        (deed(&left)["name"].as_str(), left["undone"][0]["name"].as_str()),
        (Some("eth2"), Some("va")),
        "{left}"
    );
    ground.from.ip("link del vb");
    let rest = record(&undo(suite, &undone.stdout));
    assert_eq!((rest["undone"].as_array().map(Vec::len), ground.state()), (Some(2), before));
    Ok(())
}

/// What nicon-linkmv 0.1 printed of `v0`, which it moved and called `eth1`, and what it printed when it was run again.
const OF_0_1: [&str; 2] = [
    r#"{"pid":23324,"note":"kept","link":"v0","name":"eth1","ifindex":3,"mac":"02:00:5e:00:54:01","changed":true,"lost":{"addr":["10.9.0.1/24"],"route":["10.9.2.0/26 via 10.9.0.254"],"sysctl":[],"master":null,"neigh":[],"qdisc":[],"vlan":[]},"undo":{"netns":4026532606,"name":"v0","ifindex":3,"inode":12404782,"up":true,"alias":"","master":null,"mtu":1400,"mac":"02:00:5e:00:54:01","addresses":["10.9.0.1/24","fe80::5eff:fe00:5401/64"],"routes":[{"dst":"10.9.2.0/26","via":"10.9.0.254","src":null,"table":254,"metric":null,"protocol":3,"scope":0,"type":1,"onlink":false}],"requests":["4c0000001400000000000000000000000218800003000000080001000a090001080002000a0900010700030076300000080008008000000014000600ffffffffffffffff9cf236009cf23600","500000001400000000000000000000000a40c0fd0300000014000100fe8000000000000000005efffe00540114000600ffffffffffffffff9cf236009cf2360008000800c000000005000b0003000000","3c000000180000000000000000000000021a0000fe0300010000000008000f00fe000000080001000a090200080005000a0900fe0800040003000000"],"altnames":[],"sysctl":{},"port":null,"forfeit":{"qdisc":[],"vlan":[],"route":[]}}}"#,
    r#"{"pid":23324,"note":"kept","link":"v0","name":"eth1","ifindex":3,"mac":"02:00:5e:00:54:01","changed":false,"lost":null,"undo":{"netns":4026532606,"name":"v0"}}"#,
];

fn of_version_0_1(suite: &Suite, _: &Lab) -> Result<(), Failed> {
    for (text, knows_all) in OF_0_1.into_iter().zip([true, false]) {
        let ground = Ground::new();
        // As 0.1 left it.
        ground.to.ip("link add eth1 index 3 mtu 1400 address 02:00:5e:00:54:01 type veth peer name p0");
        ground.to.sh(&format!("ip link set eth1 alias 'nicon: v0 from net:[{}]' up", ground.from.netns()));
        ground.to.ip(&format!("link set p0 netns {} up", ground.from.pid()));
        let inode = "unshare -m sh -c 'mount -t sysfs sysfs /mnt && stat -L -c %i /mnt/class/net/eth1'";
        let text = text
            .replace("23324", &ground.to.pid().to_string())
            .replace("4026532606", &ground.from.netns().to_string())
            .replace("12404782", ground.to.sh(inode).trim());
        // What the next program does is told beside it.
        let wish = format!("nicon-linkmv -f {} vb eth2", ground.from.pid());
        let both = suite.shell(&wish, &text);
        let told = record(&both);
        assert_eq!((told["undo"]["name"].as_str(), told["done"].as_array().map(Vec::len)), (Some("v0"), Some(1)));
        assert_eq!(ground.there("eth2"), (B.into(), 1300));
        for changed in [true, false] {
            let undone = record(&undo(suite, &both.stdout));
            let names: Vec<_> = undone["undone"]
                .as_array()
                .ok_or("none")?
                .iter()
                .map(|undone| (&undone["name"], &undone["changed"]))
                .collect();
            assert_eq!(names, [(&json!("vb"), &json!(changed)), (&json!("v0"), &json!(changed))]);
            assert_eq!(undone["note"], "kept");
            for field in ["link", "name", "ifindex", "mac", "changed", "lost", "undo", "done", "nic"] {
                assert_eq!(undone.get(field), None, "{field}");
            }
            let back = one(&ground.from.ip("-j addr show dev v0"));
            assert_eq!((&back["address"], &back["mtu"]), (&json!("02:00:5e:00:54:01"), &json!(1400)));
            assert_eq!(back.to_string().contains("10.9.0.1"), knows_all);
            let routes = ground.from.ip("route show dev v0");
            assert_eq!(routes.contains("10.9.2.0/26 via 10.9.0.254"), knows_all, "{routes}");
            assert_eq!(ground.to.links(), ["lo"]);
        }
    }
    Ok(())
}
