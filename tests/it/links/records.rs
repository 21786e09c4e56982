//! What a record says of links through pipes of several programs: what one program found or did is never asked of the next,
//! and all that was done is undone at once. `ip` is the witness.

use libtest_mimic::{Failed, Trial};
use nicon_lab::{Lab, Ran};
use serde_json::{Value, json};

use crate::support::expect::{deed, parse, record, records, refusal};
use crate::support::links::{Place, one, without_own};
use crate::support::suite::Suite;

pub(crate) fn trials(suite: &Suite) -> Vec<Trial> {
    vec![
        suite.trial_of_kernel(&[], "links::records::linkmv_to_linkmv", linkmv_to_linkmv),
        suite.trial_of_kernel(&[], "links::records::facts_are_told_at_the_end", facts),
        suite.trial_of_kernel(&[], "links::records::linkmv_to_veth", linkmv_to_veth),
        suite.trial_of_kernel(&[], "links::records::veth_to_linkmv", veth_to_linkmv),
        suite.trial_of_kernel(&[], "links::records::links_to_linkmv_to_undo", links_to_linkmv),
        suite.trial("links::records::plan_to_resolve_to_linkmv_to_veth", plan_to_veth),
        suite.trial_of_kernel(&[], "links::records::a_second_act_that_fails", a_second_act_that_fails),
        suite.trial_of_kernel(&[], "links::records::a_record_asks_for_one_thing", one_act),
    ]
}

/// A place with two pairs, va and vb, whose attributes differ, and one to move them to.
pub(crate) struct Ground {
    pub(crate) from: Place,
    pub(crate) to: Place,
}

impl Ground {
    pub(crate) fn new() -> Self {
        let (from, to) = (Place::new(), Place::new());
        from.ip_batch(
            "link add va mtu 1400 address 02:00:5e:00:53:0a type veth peer name pa\n\
             link add vb mtu 1300 address 02:00:5e:00:53:0b type veth peer name pb\n\
             addr add 192.0.2.1/24 dev va\nlink set va alias first",
        );
        Self { from, to }
    }

    /// Runs a pipe that begins with a record of the target; `FROM` stands for where the links are.
    pub(crate) fn pipe(&self, suite: &Suite, pipe: &str) -> Ran {
        let line = json!({"pid": self.to.pid(), "note": "kept"}).to_string();
        suite.shell(&pipe.replace("FROM", &self.from.pid().to_string()), line)
    }

    pub(crate) fn state(&self) -> [String; 2] {
        [self.from.ip("-j -d addr"), self.to.ip("-j -d addr")]
    }

    /// The hardware address and the MTU of a link of the target, as `ip` tells them.
    pub(crate) fn there(&self, name: &str) -> (String, u64) {
        let link = one(&self.to.ip(&format!("-j -d link show dev {name}")));
        (link["address"].as_str().unwrap().to_owned(), link["mtu"].as_u64().unwrap())
    }
}

pub(crate) fn undo(suite: &Suite, done: impl AsRef<[u8]>) -> Ran {
    suite.feed(&["nicon-linkmv", "--undo"], done)
}

pub(crate) const A: &str = "02:00:5e:00:53:0a";
pub(crate) const B: &str = "02:00:5e:00:53:0b";

fn linkmv_to_linkmv(suite: &Suite) -> Result<(), Failed> {
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
fn facts(suite: &Suite) -> Result<(), Failed> {
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
        // The other end may just have come up, so that IPv6 gives it an address, and its namespace has another name here.
        let is_settled = |field: &&String| !["operstate", "flags", "peer"].contains(&field.as_str());
        for field in nic.keys().filter(is_settled) {
            assert_eq!(without_own(&listed["nic"][field]), without_own(&nic[field]), "{field} of {told}");
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

fn linkmv_to_veth(suite: &Suite) -> Result<(), Failed> {
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

fn veth_to_linkmv(suite: &Suite) -> Result<(), Failed> {
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

fn links_to_linkmv(suite: &Suite) -> Result<(), Failed> {
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

fn a_second_act_that_fails(suite: &Suite) -> Result<(), Failed> {
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

fn one_act(suite: &Suite) -> Result<(), Failed> {
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
