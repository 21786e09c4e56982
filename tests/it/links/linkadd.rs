//! nicon-linkadd makes links of each kind in their places, on links that are anywhere.

use std::sync::atomic::{AtomicU32, Ordering};

use libtest_mimic::{Failed, Trial};
use nicon_lab::Ran;
use serde_json::{Value, json};

use crate::support::expect::{deed, parse, record, records};
use crate::support::kernel::Feature;
use crate::support::links::{Pair, Place, ip, one};
use crate::support::suite::Suite;

pub(crate) fn trials(suite: &Suite) -> Vec<Trial> {
    let of = |features, name, kind: Kind| suite.trial_of_kernel(features, name, move |suite| anywhere(suite, &kind));
    vec![
        of(&[Feature::LinkKind("macvlan")], "links::linkadd::a_macvlan", MACVLAN),
        of(&[Feature::LinkKind("macvtap")], "links::linkadd::a_macvtap", MACVTAP),
        of(&[Feature::LinkKind("ipvlan")], "links::linkadd::an_ipvlan", IPVLAN),
        of(&[Feature::LinkKind("vlan")], "links::linkadd::a_vlan", VLAN),
        of(&[Feature::LinkKind("vxlan")], "links::linkadd::a_vxlan", VXLAN),
        of(&[Feature::LinkKind("vxlan")], "links::linkadd::a_vxlan_on_a_link", VXLAN_ON_A_LINK),
        of(&[Feature::LinkKind("bridge")], "links::linkadd::a_bridge", BRIDGE),
        of(&[Feature::BridgeVlans], "links::linkadd::a_bridge_for_vlans", BRIDGE_FOR_VLANS),
        of(&[Feature::LinkKind("dummy")], "links::linkadd::a_dummy", DUMMY),
        suite.trial_of_kernel(&[Feature::LinkKind("macvlan")], "links::linkadd::dressed_as_told", dressed),
        suite.trial_of_kernel(
            &[Feature::LinkKind("vlan")],
            "links::linkadd::a_vlan_is_called_after_its_parent",
            default_name,
        ),
        suite.trial_of_kernel(&[Feature::LinkKind("macvlan")], "links::linkadd::many_records", many_records),
        suite.trial_of_kernel(&[Feature::LinkKind("macvlan")], "links::linkadd::a_dry_run", dry_run),
    ]
}

/// A kind: its options, the same as fields of a record, and what `ip` tells of such a link.
struct Kind {
    name: &'static str,
    options: &'static [&'static str],
    fields: &'static str,
    told: &'static str,
    /// Whether it is made on a link, and whether it refers to another network namespace at all.
    on_a_link: bool,
    is_from_elsewhere: bool,
}

const MACVLAN: Kind = Kind {
    name: "macvlan",
    options: &["--mode=private"],
    fields: r#"{"mode":"private"}"#,
    told: r#"{"mode":"private"}"#,
    on_a_link: true,
    is_from_elsewhere: true,
};
const MACVTAP: Kind = Kind { name: "macvtap", options: &[], fields: "{}", told: r#"{"mode":"bridge"}"#, ..MACVLAN };
const IPVLAN: Kind = Kind {
    name: "ipvlan",
    options: &["--mode=l3s"],
    fields: r#"{"mode":"l3s"}"#,
    told: r#"{"mode":"l3s"}"#,
    ..MACVLAN
};
const VLAN: Kind = Kind {
    name: "vlan",
    options: &["--vid=77", "--protocol=802.1ad"],
    fields: r#"{"vid":77,"protocol":"802.1ad"}"#,
    told: r#"{"id":77,"protocol":"802.1ad"}"#,
    ..MACVLAN
};
const VXLAN: Kind = Kind {
    name: "vxlan",
    options: &["--remote=192.0.2.9", "--local=192.0.2.1", "--no-learning"],
    fields: r#"{"remote":"192.0.2.9","local":"192.0.2.1","learning":false}"#,
    told: r#"{"remote":"192.0.2.9","local":"192.0.2.1","port":4789,"learning":false}"#,
    on_a_link: false,
    is_from_elsewhere: true,
};
const VXLAN_ON_A_LINK: Kind = Kind {
    options: &["--remote=ff05::100", "--dst-port=8472"],
    fields: r#"{"remote":"ff05::100","dst_port":8472}"#,
    told: r#"{"group6":"ff05::100","port":8472,"learning":true}"#,
    on_a_link: true,
    ..VXLAN
};
const BRIDGE: Kind = Kind {
    name: "bridge",
    options: &["--stp"],
    fields: r#"{"stp":true}"#,
    told: r#"{"stp_state":1}"#,
    on_a_link: false,
    is_from_elsewhere: false,
};
const BRIDGE_FOR_VLANS: Kind = Kind {
    options: &["--vlan-filtering"],
    fields: r#"{"vlan_filtering":true}"#,
    told: r#"{"vlan_filtering":1,"stp_state":0}"#,
    ..BRIDGE
};
const DUMMY: Kind = Kind { name: "dummy", options: &[], fields: "{}", told: "{}", ..BRIDGE };

/// Where the link below is.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Below {
    Home,
    Elsewhere,
    InPlace,
}

fn anywhere(suite: &Suite, kind: &Kind) -> Result<(), Failed> {
    let places: &[Below] =
        if kind.is_from_elsewhere { &[Below::Home, Below::Elsewhere, Below::InPlace] } else { &[Below::InPlace] };
    for below in places {
        for by_record in [false, true] {
            made(suite, kind, *below, by_record).map_err(|error| format!("{below:?}, {by_record}: {error:?}"))?;
        }
    }
    Ok(())
}

fn made(suite: &Suite, kind: &Kind, below: Below, by_record: bool) -> Result<(), Failed> {
    static COUNT: AtomicU32 = AtomicU32::new(1000);
    let (own, elsewhere, pair) = (Place::new(), Place::new(), Pair::new());
    ip(&format!("link set {} up", pair.link));
    for place in [&own, &elsewhere] {
        place.ip("link add low type veth peer name high");
        place.ip("link set low up");
    }
    let (parent, from) = match below {
        Below::Home => (pair.link.clone(), None),
        Below::Elsewhere => ("low".to_owned(), Some(elsewhere.pid().to_string())),
        Below::InPlace => ("low".to_owned(), Some("target".to_owned())),
    };
    let from = from.filter(|_| kind.is_from_elsewhere);
    let look = |line: &str| match below {
        Below::Home => ip(line),
        Below::Elsewhere => elsewhere.ip(line),
        Below::InPlace => own.ip(line),
    };
    let vni = (kind.name == "vxlan").then(|| COUNT.fetch_add(1, Ordering::Relaxed));

    let ran = if by_record {
        let mut asked: Value = serde_json::from_str(kind.fields)?;
        asked["kind"] = kind.name.into();
        asked["name"] = "eth9".into();
        asked["pid"] = own.pid().into();
        asked["other"] = 1.into();
        for (field, value) in [("from", from.map(Value::from)), ("vni", vni.map(Value::from))] {
            asked[field] = value.into();
        }
        if kind.on_a_link {
            asked["parent"] = parent.clone().into();
        }
        suite.feed(&["nicon-linkadd"], asked.to_string())
    } else {
        let pid = own.pid().to_string();
        let mut words = vec!["nicon-linkadd".to_owned(), kind.name.to_owned(), "eth9".to_owned(), "-t".to_owned(), pid];
        words.extend(kind.options.iter().map(|option| (*option).to_owned()));
        words.extend(from.map(|from| format!("--from={from}")));
        words.extend(vni.map(|vni| format!("--vni={vni}")));
        words.extend(kind.on_a_link.then(|| format!("--parent={parent}")));
        suite.run(&words.iter().map(String::as_str).collect::<Vec<_>>())
    };
    let record = record(&ran);

    let there = one(&own.ip("-j -d link show dev eth9"));
    assert_eq!(there["linkinfo"]["info_kind"], kind.name, "{there}");
    let data = &there["linkinfo"]["info_data"];
    let told: Value = serde_json::from_str(kind.told)?;
    for (field, value) in told.as_object().unwrap() {
        assert_eq!(&data[field], value, "{field}: {there}");
    }
    assert!(there["flags"].to_string().contains("\"UP\""), "{there}");
    if let Some(vni) = vni {
        assert_eq!((&data["id"], &record["nic"]["vxlan"]["vni"]), (&vni.into(), &vni.into()));
        assert_eq!(there.get("link_netnsid").is_some(), below != Below::InPlace, "{there}");
    }
    if kind.on_a_link {
        let lower = one(&look(&format!("-j link show dev {parent}")));
        assert_eq!(record["nic"]["parent"]["ifindex"], lower["ifindex"], "{record}");
        let data_link = data.get("link").or_else(|| there.get("link"));
        let is_it = match below {
            Below::InPlace => data_link == Some(&json!("low")),
            _ if kind.name == "vxlan" => record["nic"]["parent"]["name"] == json!(parent),
            _ => there["link_index"] == lower["ifindex"] && there.get("link_netnsid").is_some(),
        };
        assert!(is_it, "{there} on {lower}");
    }
    assert_eq!(record["nic"]["ifindex"], there["ifindex"]);
    let done = deed(&record);
    assert_eq!(
        (&done["by"], &done["changed"], &done["netns"]),
        (&json!("nicon-linkadd"), &json!(true), &json!(own.netns()))
    );
    if by_record {
        let left: Vec<_> = record.as_object().unwrap().keys().cloned().collect();
        assert_eq!(left, ["pid", "other", "nic", "boot", "machine", "done"], "wishes that were carried out are gone");
    }
    assert!(!look("-j link").contains("\"eth9\"") || below == Below::InPlace, "nothing is left where it was made from");
    Ok(())
}

/// A place with a link that others can be made on, and one where they are.
pub(crate) fn two_places() -> (Place, Place) {
    let (lower, own) = (Place::new(), Place::new());
    without_ipv6(&lower);
    lower.ip("link add low type veth peer name high");
    lower.ip("link set low up");
    lower.ip("link set high up");
    lower.rest();
    (lower, own)
}

/// What IPv6 does by itself takes its time, and differs between two looks at a place.
pub(crate) fn without_ipv6(place: &Place) {
    place.sh("echo 1 >/proc/sys/net/ipv6/conf/default/disable_ipv6");
}

pub(crate) fn on_low(suite: &Suite, (lower, own): (&Place, &Place), words: &[&str]) -> Ran {
    let [from, target] = [lower, own].map(|place| place.pid().to_string());
    suite.run(&[&["nicon-linkadd", "-f", &from, "-t", &target, "--parent=low"], words].concat())
}

fn dressed(suite: &Suite) -> Result<(), Failed> {
    let (lower, own) = two_places();
    own.ip("link add br0 type bridge");
    let words = [
        "macvlan",
        "eth1",
        "--addr=192.0.2.1/24",
        "--addr=2001:db8::1/64",
        "--gateway=192.0.2.254",
        "--route=198.51.100.0/24,192.0.2.9",
        "--mtu=1400",
        "--mac=02:00:5e:00:53:01",
        "--alias=a link",
        "--altname=uplink",
    ];
    record(&on_low(suite, (&lower, &own), &words));
    let there = one(&own.ip("-j -d addr show dev eth1"));
    assert_eq!((&there["mtu"], &there["address"]), (&json!(1400), &json!("02:00:5e:00:53:01")));
    assert_eq!((&there["ifalias"], &there["altnames"]), (&json!("a link"), &json!(["uplink"])));
    assert!(there.to_string().contains("192.0.2.1") && there.to_string().contains("2001:db8::1"), "{there}");
    let routes = own.ip("route");
    assert!(routes.contains("default via 192.0.2.254 dev eth1"), "{routes}");
    assert!(routes.contains("198.51.100.0/24 via 192.0.2.9 dev eth1"), "{routes}");

    record(&on_low(suite, (&lower, &own), &["macvlan", "eth2", "--master=br0", "--no-up"]));
    let port = one(&own.ip("-j link show dev eth2"));
    assert_eq!(port["master"], "br0");
    assert!(!port["flags"].to_string().contains("\"UP\""), "{port}");
    Ok(())
}

fn default_name(suite: &Suite) -> Result<(), Failed> {
    let (lower, own) = two_places();
    assert_eq!(record(&on_low(suite, (&lower, &own), &["vlan", "--vid=7"]))["nic"]["name"], "low.7");
    assert_eq!(own.links(), ["lo", "low.7"]);
    Ok(())
}

/// Records of other acts pass through, and one that fails does not hold up the others.
fn many_records(suite: &Suite) -> Result<(), Failed> {
    let (lower, own) = two_places();
    let (from, pid) = (lower.pid(), own.pid());
    let input = [
        json!({"pid": pid, "kind": "macvlan", "name": "m1", "parent": "low", "from": from}),
        json!({"pid": pid, "kind": "macvlan", "name": "m2", "parent": "none", "from": from}),
        json!({"pid": pid, "link": "v0", "name": "eth1"}),
        json!({"pid": pid, "kind": "bridge", "name": "br0", "parent": "low"}),
        json!({"pid": pid, "kind": "bridge", "name": "br0"}),
        json!({"pid": pid, "kind": "macvlan", "name": "m1", "parent": "m1", "from": "target"}),
        json!({"pid": pid, "kind": "macvlan", "name": "m3", "parent": "low", "from": {"pid": from}, "master": "br0"}),
        json!({"pid": pid, "kind": "bridge", "link": "x", "name": "br1"}),
    ];
    let ran = suite.feed(&["nicon-linkadd"], input.map(|record| record.to_string()).join("\n"));
    assert_eq!(ran.code(), Some(2), "{ran:?}");
    let names: Vec<_> = parse(&ran.stdout).iter().map(|record| record["nic"]["name"].clone()).collect();
    assert_eq!(names, [json!("m1"), Value::Null, json!("br0"), json!("m3")]);
    let told: Vec<_> = ran.stderr.lines().collect();
    assert_eq!(told.len(), 4, "{told:?}");
    for ((line, number), words) in told.iter().zip([2, 4, 6, 8]).zip([
        "parent: no link none in process",
        "a bridge has no \"parent\"",
        "m1 already exists",
        "both \"link\" and \"kind\"",
    ]) {
        assert!(line.starts_with(&format!("nicon-linkadd: line {number}: ")) && line.contains(words), "{told:?}");
    }
    assert_eq!(told.len(), 4, "{told:?}");
    assert_eq!(own.links(), ["lo", "m1", "br0", "m3"]);
    assert_eq!(one(&own.ip("-j link show dev m3"))["master"], "br0");
    // An option is in the place of the field of its name.
    let again = json!({"pid": pid, "kind": "macvlan", "name": "m4", "parent": "none", "from": from}).to_string();
    records(&suite.feed(&["nicon-linkadd", "--parent=low", "--mtu=1300"], again));
    assert_eq!(one(&own.ip("-j link show dev m4"))["mtu"], 1300);
    Ok(())
}

fn dry_run(suite: &Suite) -> Result<(), Failed> {
    let (lower, own) = two_places();
    let before = [&lower, &own].map(|place| place.ip("-j -d addr"));
    let words = ["macvlan", "eth1", "--mtu=1400", "--addr=192.0.2.1/24", "--mode=vepa"];
    let planned = record(&on_low(suite, (&lower, &own), &[&words[..], &["-n"]].concat()));
    let (from, target) = (format!("[process {}]", lower.pid()), format!("[process {}]", own.pid()));
    assert_eq!(
        planned["steps"],
        json!([
            format!("link add link low from {from} name eth1 mtu 1400 netns {target} type macvlan mode vepa"),
            "link set eth1 up",
            "address replace 192.0.2.1/24 dev eth1",
        ])
    );
    assert_eq!([&lower, &own].map(|place| place.ip("-j -d addr")), before);
    record(&on_low(suite, (&lower, &own), &words));
    assert_eq!(record(&on_low(suite, (&lower, &own), &[&words[..], &["-n"]].concat()))["steps"], json!([]));
    let taken = on_low(suite, (&lower, &own), &["macvlan", "eth1", "-n"]);
    assert!(taken.stderr.contains("with mode vepa, not mode bridge"), "{taken:?}");
    Ok(())
}
