//! What nicon-veth gives to an end, and how: all of it or nothing, now or in words.

use libtest_mimic::{Failed, Trial};
use nicon_lab::Ran;
use serde_json::{Value, json};

use crate::support::expect::{deed, records, refusal};
use crate::support::links::{Place, one};
use crate::support::suite::Suite;

pub(crate) fn trials(suite: &Suite) -> Vec<Trial> {
    vec![
        suite.trial_of_kernel(&[], "links::veth_options::every_wish_of_a_record", every_wish),
        suite.trial_of_kernel(&[], "links::veth_options::wishes_that_no_end_has", wishes_that_no_end_has),
        suite.trial_of_kernel(&[], "links::veth_options::a_dry_run_says_what_the_run_does", dry_run),
        suite.trial_of_kernel(&[], "links::veth_options::all_or_nothing", all_or_nothing),
        suite.trial_of_kernel(&[], "links::veth_options::undone_by_itself", undone_by_itself),
        suite.trial_of_kernel(
            &[],
            "links::veth_options::an_address_that_both_ends_have",
            an_address_that_both_ends_have,
        ),
        suite.trial_of_kernel(
            &[],
            "links::veth_options::a_pair_that_cannot_be_completed",
            a_pair_that_cannot_be_completed,
        ),
        suite.trial_of_kernel(&[], "links::veth_options::the_same_command_twice_at_once", twice_at_once),
    ]
}

/// Two places, and the input for a pair between them.
struct Ground {
    places: [Place; 2],
}

impl Ground {
    fn new() -> Self {
        Self { places: [Place::new(), Place::new()] }
    }

    /// Records for one pair, each with its fields.
    fn input(&self, pair: &str, fields: [Value; 2]) -> String {
        let end = |place: &Place, mut fields: Value| {
            fields["pid"] = place.pid().into();
            fields["pair"] = pair.into();
            format!("{fields}\n")
        };
        let [first, second] = fields;
        [end(&self.places[0], first), end(&self.places[1], second)].concat()
    }

    /// All that `ip` shows of both places, once nothing changes by itself any more.
    fn state(&self) -> [String; 2] {
        self.places.iter().for_each(Place::rest);
        self.places.each_ref().map(|place| {
            let all = ["-j -d addr", "route show table all", "-6 route show table all"];
            all.map(|line| place.ip(line)).concat()
        })
    }

    fn links(&self) -> [Vec<String>; 2] {
        self.places.each_ref().map(Place::links)
    }
}

fn veth(suite: &Suite, words: &[&str], input: &str) -> Ran {
    suite.feed(&[&["nicon-veth"], words].concat(), input)
}

fn rich(name: &str, last: u8) -> Value {
    json!({"name": name, "addr": [format!("192.0.2.{last}/24")], "gateway": "192.0.2.9", "mtu": 1400,
        "route": ["198.51.100.0/24,192.0.2.8"], "alias": "up link", "altname": ["wan", format!("{name}-too")]})
}

fn has_all(place: &Place, name: &str, address: &str) {
    let link = one(&place.ip(&format!("-j -d addr show dev {name}")));
    assert_eq!(
        (&link["ifalias"], &link["altnames"], &link["mtu"], &link["addr_info"][0]["local"]),
        (&json!("up link"), &json!(["wan", format!("{name}-too")]), &json!(1400), &json!(address))
    );
    let routes: Vec<Value> = serde_json::from_str(&place.ip("-j route")).unwrap();
    let has = |dst: &str, via: &str| routes.iter().any(|route| route["dst"] == dst && route["gateway"] == via);
    assert!(has("default", "192.0.2.9") && has("198.51.100.0/24", "192.0.2.8"), "{routes:?}");
}

fn every_wish(suite: &Suite) -> Result<(), Failed> {
    let ground = Ground::new();
    let input = ground.input("p", [rich("eth1", 1), json!({"name": "eth2", "up": false, "alias": "down link"})]);
    let made = records(&veth(suite, &[], &input));
    has_all(&ground.places[0], "eth1", "192.0.2.1");
    let down = one(&ground.places[1].ip("-j link show dev eth2"));
    assert_eq!((&down["operstate"], &down["ifalias"]), (&json!("DOWN"), &json!("down link")));
    for wish in ["pair", "name", "addr", "gateway", "route", "mtu", "alias", "altname", "up"] {
        assert!(made.iter().all(|record| record.get(wish).is_none()), "{wish} is still wished for");
    }
    let again = records(&veth(suite, &[], &input));
    assert!(again.iter().all(|record| deed(record)["changed"] == false), "{again:?}");

    // The same by options.
    let other = Ground::new();
    let [first, second] = other.places.each_ref().map(|place| place.pid().to_string());
    let words =
        [&["-t", &first, "-t", &second, "eth1", "eth2"][..], &["--peer-addr=192.0.2.1/24", "--peer-gateway=192.0.2.9"]];
    records(&veth(suite, &[&words.concat()[..], &["--peer-route=198.51.100.0/24,192.0.2.8"]].concat(), ""));
    let routes = other.places[1].ip("route");
    assert!(routes.contains("default via 192.0.2.9 dev eth2"), "{routes}");
    assert!(routes.contains("198.51.100.0/24 via 192.0.2.8 dev eth2"), "{routes}");
    Ok(())
}

fn wishes_that_no_end_has(suite: &Suite) -> Result<(), Failed> {
    let ground = Ground::new();
    let before = ground.state();
    for (fields, why) in [
        (json!({"name": "eth1", "keep": ["addr"]}), "field \"keep\""),
        (json!({"name": "eth1", "from": 1}), "field \"from\""),
        (json!({"name": "eth%d"}), "eth%d"),
        (json!({"name": "eth1", "gateway": "203.0.113.1"}), "203.0.113.1 is not reachable"),
        (json!({"name": "eth1", "up": false, "route": "198.51.100.0/24"}), "a route needs the link up"),
        (json!({"name": "eth1", "mtu": 67}), "MTU 67 is out of range for a veth (68 to 65535)"),
        (json!({"name": "eth1", "altname": "lo"}), "lo already exists in process"),
    ] {
        for ends in [[fields.clone(), json!({"name": "eth2"})], [json!({"name": "eth2"}), fields.clone()]] {
            let ran = veth(suite, &[], &ground.input("p", ends.clone()));
            assert!(matches!(ran.code(), Some(1 | 2)) && ran.stdout.is_empty() && ran.stderr.contains(why), "{ran:?}");
            let dry = veth(suite, &["-n"], &ground.input("p", ends));
            assert_eq!((dry.code(), &dry.stderr), (ran.code(), &ran.stderr), "a dry run is refused likewise");
        }
    }
    let down = ground.input("p", [json!({"name": "eth1", "up": false}), json!({"name": "eth2"})]);
    refusal(&veth(suite, &["--wait=1"], &down), 2, &["an end that stays down has no carrier"]);
    assert_eq!(ground.state(), before);
    Ok(())
}

fn dry_run(suite: &Suite) -> Result<(), Failed> {
    let ground = Ground::new();
    let before = ground.state();
    let input = ground.input("p", [rich("eth1", 1), json!({"name": "eth2", "mac": "02:00:5e:00:53:07"})]);
    let planned = records(&veth(suite, &["-n", "--wait=2"], &input));
    assert_eq!(ground.state(), before);
    // What it says, done by `ip`, is what nicon-veth does.
    let [first, second] = ground.places.each_ref().map(|place| place.pid().to_string());
    assert_eq!(planned.len(), 2, "{planned:?}");
    for (record, place) in planned.iter().zip(&ground.places) {
        assert!(record["pair"] == "p" && record.get("done").is_none(), "{record}");
        for step in record["steps"].as_array().unwrap().iter().map(|step| step.as_str().unwrap()) {
            let step =
                step.replace(&format!("[process {first}]"), &first).replace(&format!("[process {second}]"), &second);
            if !step.starts_with("wait ") {
                place.sh(&format!("ip {}", step.replace("up link", "'up link'")));
            }
        }
    }
    has_all(&ground.places[0], "eth1", "192.0.2.1");
    let nothing = records(&veth(suite, &["-n"], &input));
    assert!(nothing.iter().all(|record| record["steps"] == json!([])), "{nothing:?}");
    let none = records(&veth(suite, &[], &input));
    assert!(none.iter().all(|record| deed(record)["changed"] == false && record.get("steps").is_none()), "{none:?}");
    Ok(())
}

fn all_or_nothing(suite: &Suite) -> Result<(), Failed> {
    let ground = Ground::new();
    ground.places[1].ip("link add taken type bridge");
    let before = ground.state();
    let pair = |pair: &str, names: [&str; 2]| ground.input(pair, names.map(|name| json!({ "name": name })));
    let good = [pair("a", ["a1", "a2"]), pair("b", ["b1", "b2"])].concat();
    let bad = [good.clone(), pair("c", ["c1", "taken"]), pair("d", ["d1", "d2"])].concat();
    let failed = veth(suite, &["--all-or-nothing"], &bad);
    refusal(&failed, 1, &["taken already exists in process"]);
    assert_eq!(ground.state(), before);
    // Only up to the first failure.
    let ran = veth(suite, &["--fail-fast"], &bad);
    assert_eq!((ran.code(), ran.stdout.lines().count()), (Some(1), 4), "{ran:?}");
    assert_eq!(ground.links(), [vec!["lo", "a1", "b1"], vec!["lo", "taken", "a2", "b2"]]);
    suite.feed(&["nicon-veth", "--undo"], &ran.stdout).ok()?;
    assert_eq!(ground.state(), before);

    assert_eq!(records(&veth(suite, &["--all-or-nothing"], &good)).len(), 4);
    assert_eq!(ground.links()[0], ["lo", "a1", "b1"]);
    Ok(())
}

fn undone_by_itself(suite: &Suite) -> Result<(), Failed> {
    let ground = Ground::new();
    let before = ground.state();
    let made = veth(suite, &[], &ground.input("p", [rich("eth1", 1), rich("eth2", 2)])).ok()?;
    let undone = records(&veth(suite, &["--undo"], &made));
    assert!(undone.iter().all(|record| record.get("done").is_none() && record["undone"][0]["by"] == "nicon-veth"));
    assert_eq!(ground.state(), before);
    Ok(())
}

fn an_address_that_both_ends_have(suite: &Suite) -> Result<(), Failed> {
    let ground = Ground::new();
    let before = ground.state();
    let end = |name: &str, last: u8| json!({"name": name, "addr": format!("2001:db8::{last}/64")});
    for option in ["--wait=25", "--announce"] {
        let ran = veth(suite, &[option], &ground.input("p", [end("eth1", 1), end("eth2", 1)]));
        refusal(&ran, 1, &["2001:db8::1/64 of eth", "is in use by another host"]);
        assert_eq!(ground.state(), before);
    }
    records(&veth(suite, &["--wait=25", "--announce"], &ground.input("p", [end("eth1", 1), end("eth2", 2)])));
    // Each end has heard of the other.
    for (place, name, other) in [(&ground.places[0], "eth1", "2001:db8::2"), (&ground.places[1], "eth2", "2001:db8::1")]
    {
        let link = one(&place.ip(&format!("-j addr show dev {name}")));
        let tentative = link["addr_info"].as_array().unwrap().iter().filter(|info| info["tentative"] == true);
        assert_eq!(tentative.filter(|info| info["scope"] == "global").count(), 0, "{link}");
        place.reaches(other);
    }
    Ok(())
}

fn a_pair_that_cannot_be_completed(suite: &Suite) -> Result<(), Failed> {
    let ground = Ground::new();
    let [first, second] = [json!({"name": "eth1"}), json!({"name": "eth2"})];
    records(&veth(suite, &[], &ground.input("p", [first, second.clone()])));
    let before = ground.state();
    // The first end's wishes can be fulfilled, and the kernel refuses the second one's.
    let refused = json!({"name": "eth2", "addr": "ff02::1/64"});
    let ran = veth(suite, &[], &ground.input("p", [rich("eth1", 1), refused]));
    refusal(&ran, 2, &["ff02::1/64", "eth2"]);
    assert_eq!(ground.state(), before);
    records(&veth(suite, &[], &ground.input("p", [rich("eth1", 1), second])));
    has_all(&ground.places[0], "eth1", "192.0.2.1");
    Ok(())
}

fn twice_at_once(suite: &Suite) -> Result<(), Failed> {
    for _ in 0..15 {
        let ground = Ground::new();
        let input = ground.input("p", [rich("eth1", 1), rich("eth2", 2)]);
        let ran = std::thread::scope(|scope| {
            let runs = [(); 3].map(|()| scope.spawn(|| veth(suite, &[], &input)));
            runs.map(|run| run.join().unwrap())
        });
        for ran in &ran {
            records(ran);
        }
        assert_eq!(ground.links(), [["lo", "eth1"], ["lo", "eth2"]]);
        has_all(&ground.places[0], "eth1", "192.0.2.1");
        has_all(&ground.places[1], "eth2", "192.0.2.2");
    }
    Ok(())
}
