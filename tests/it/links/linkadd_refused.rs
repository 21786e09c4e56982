//! nicon-linkadd makes a link as a whole, or nothing, and says why.

use libtest_mimic::{Failed, Trial};
use nicon_lab::Ran;
use serde_json::{Value, json};

use crate::links::linkadd::{on_low, two_places};
use crate::support::expect::refusal;
use crate::support::kernel::Feature;
use crate::support::links::{Pair, Place};
use crate::support::suite::Suite;

pub(crate) fn trials(suite: &Suite) -> Vec<Trial> {
    vec![
        suite.trial_of_kernel(&[Feature::LinkKind("macvlan")], "links::linkadd::refused::beforehand", beforehand),
        suite.trial_of_kernel(&[Feature::LinkKind("macvlan")], "links::linkadd::refused::by_the_kernel", by_the_kernel),
        suite.trial_of_kernel(&[Feature::LinkKind("vxlan")], "links::linkadd::refused::a_vxlan", a_vxlan),
        suite.trial_of_kernel(&[Feature::LinkKind("vlan")], "links::linkadd::refused::a_vlan", a_vlan),
        suite.trial_of_kernel(&[], "links::linkadd::refused::a_parent_that_is_elsewhere", elsewhere),
        suite.trial_of_kernel(&[], "links::linkadd::refused::usage", usage),
        suite.trial_of_kernel(&[], "links::linkadd::refused::a_kind_that_the_kernel_lacks", unknown_kind),
    ]
}

/// Runs that fail change nothing, neither where the link should be nor where the one below is.
struct Untouched<'a> {
    suite: &'a Suite,
    lower: Place,
    own: Place,
    before: [String; 2],
}

impl<'a> Untouched<'a> {
    fn new(suite: &'a Suite) -> Self {
        let (lower, own) = two_places();
        own.ip("link add other type veth peer name others");
        own.ip("link set other addrgenmode none");
        own.ip("link set other up");
        own.ip("addr add 203.0.113.1/24 dev other");
        own.ip("route add 198.51.100.0/24 dev other");
        let before = state([&lower, &own]);
        Self { suite, lower, own, before }
    }

    #[track_caller]
    fn refuses(&self, words: &[&str], status: i32, said: &[&str]) {
        self.is_refused(&on_low(self.suite, (&self.lower, &self.own), words), status, said);
    }

    #[track_caller]
    fn is_refused(&self, ran: &Ran, status: i32, said: &[&str]) {
        refusal(ran, status, said);
        assert_eq!(state([&self.lower, &self.own]), self.before, "{ran:?}");
    }
}

/// All that `ip` tells of links and routes, once nothing changes by itself any more, without what time changes.
fn state(places: [&Place; 2]) -> [String; 2] {
    places.map(|place| {
        place.rest();
        let told = place.ip("-j -d addr") + &place.ip("-j route show table all");
        let lines = told.split(',').filter(|field| !field.contains("_life_time") && !field.contains("\"gc_timer"));
        lines.collect::<Vec<_>>().join(",")
    })
}

fn beforehand(suite: &Suite) -> Result<(), Failed> {
    let untouched = Untouched::new(suite);
    untouched.refuses(&["macvlan", "other"], 1, &["other already exists in process", "veth"]);
    untouched.refuses(&["macvlan", "lo"], 1, &["lo already exists in process"]);
    untouched.refuses(&["macvlan", "eth1", "--altname=other"], 1, &["other already exists in process"]);
    untouched.refuses(
        &["macvlan", "eth1", "--mtu=1501"],
        2,
        &["MTU 1501 is out of range for eth1: with low below it, it is 1500"],
    );
    untouched.refuses(&["macvlan", "eth1", "--master=br0"], 1, &["master: no link br0 in process"]);
    untouched.refuses(&["macvlan", "eth1", "--gateway=192.0.2.1"], 2, &["gateway 192.0.2.1 is not reachable"]);
    untouched.refuses(&["macvlan", "eth1", "--route=198.51.100.0/24"], 1, &["has a route to 198.51.100.0/24"]);
    untouched.refuses(&["macvlan", "eth1", "--vid=7"], 2, &["a macvlan has no \"vid\""]);
    untouched.refuses(&["macvlan", "eth1", "--mode=l2"], 2, &["\"l2\" is not a mode"]);
    untouched.refuses(&["macvlan"], 2, &["neither NAME nor a \"name\""]);
    let [from, target] = [&untouched.lower, &untouched.own].map(|place| place.pid().to_string());
    let at = |words: &[&str]| {
        suite.run(&[&["nicon-linkadd", "-f", &from, "-t", &target, "macvlan", "eth1"], words].concat())
    };
    untouched.is_refused(&at(&["--parent=none"]), 1, &["parent: no link none in process"]);
    untouched.is_refused(&at(&[]), 2, &["a macvlan needs \"parent\""]);
    untouched.is_refused(&at(&["--parent=mac:02:00:5e:00:53:77"]), 1, &["parent: no link mac:02:00:5e:00:53:77"]);
    let elsewhere =
        suite.run(&["nicon-linkadd", "-f", "no-such-netns", "-t", &target, "macvlan", "eth1", "--parent=low"]);
    untouched.is_refused(&elsewhere, 1, &["no network namespace is called \"no-such-netns\""]);
    let record = |fields: &str| format!(r#"{{"pid":{target},"kind":"macvlan","parent":"low","from":{from},{fields}}}"#);
    let fed = |fields: &str| suite.feed(&["nicon-linkadd"], record(fields));
    untouched.is_refused(&fed(r#""name":"eth%d""#), 2, &["\"eth%d\" is a pattern"]);
    untouched.is_refused(&fed(r#""name":"eth1","keep":["addr"]"#), 2, &["a macvlan has no \"keep\""]);
    untouched.is_refused(&fed(r#""name":"eth1","done":7"#), 2, &["field \"done\""]);
    Ok(())
}

/// The kernel takes the link, and then refuses what it is to get.
fn by_the_kernel(suite: &Suite) -> Result<(), Failed> {
    let untouched = Untouched::new(suite);
    untouched.refuses(
        &["macvlan", "eth1", "--addr=192.0.2.1/24", "--addr=ff02::1/64"],
        2,
        &["add address ff02::1/64 to eth1"],
    );
    untouched.refuses(&["macvlan", "eth1", "--master=other"], 2, &["eth1 in process"]);
    untouched.refuses(
        &["macvlan", "eth1", "--wait=0.1", "--addr=192.0.2.1/24", "--route=192.0.2.0/24,203.0.113.7"],
        2,
        &[],
    );
    // A link that has one of mode passthru carries no others.
    let third = Place::new();
    let [from, target] = [&untouched.lower, &third].map(|place| place.pid().to_string());
    suite
        .run(&["nicon-linkadd", "macvlan", "eth1", "-f", &from, "-t", &target, "--parent=low", "--mode=passthru"])
        .ok()?;
    let before = state([&untouched.lower, &untouched.own]);
    let refused = on_low(suite, (&untouched.lower, &untouched.own), &["macvlan", "eth1"]);
    refusal(&refused, 2, &["make eth1 in process", "low may be unable to carry a macvlan mode bridge"]);
    assert_eq!(state([&untouched.lower, &untouched.own]), before);
    Ok(())
}

fn a_vxlan(suite: &Suite) -> Result<(), Failed> {
    let untouched = Untouched::new(suite);
    let [from, target] = [&untouched.lower, &untouched.own].map(|place| place.pid().to_string());
    let at =
        |words: &[&str]| suite.run(&[&["nicon-linkadd", "-f", &from, "-t", &target, "vxlan", "vx1"], words].concat());
    untouched.is_refused(&at(&[]), 2, &["a vxlan needs \"vni\""]);
    untouched.is_refused(&at(&["--vni=16777216"]), 2, &["from 0 to 16777215"]);
    untouched.is_refused(&at(&["--vni=1", "--remote=239.0.0.1"]), 2, &["needs a \"parent\""]);
    untouched.is_refused(&at(&["--vni=1", "--remote=::1", "--local=127.0.0.1"]), 2, &["different kinds"]);
    untouched.is_refused(&at(&["--vni=1", "--parent=low", "--mtu=1451"]), 2, &["it is 1450 at most"]);
    untouched.is_refused(
        &at(&["--vni=1", "--parent=low", "--remote=2001:db8::1", "--mtu=1431"]),
        2,
        &["it is 1430 at most"],
    );
    untouched.lower.ip("link add vx1 type vxlan id 7 dstport 4789");
    let refused = at(&["--vni=7"]);
    refusal(&refused, 2, &["make vx1 in process", "File exists"]);
    assert_eq!(untouched.own.links(), ["lo", "others", "other"]);
    Ok(())
}

fn a_vlan(suite: &Suite) -> Result<(), Failed> {
    let untouched = Untouched::new(suite);
    untouched.refuses(&["vlan", "--vid=4095"], 2, &["from 1 to 4094"]);
    untouched.refuses(&["vlan", "--vid=7", "--mtu=1501"], 2, &["MTU 1501 is out of range for low.7"]);
    untouched.lower.ip("link set low down");
    let down = on_low(suite, (&untouched.lower, &untouched.own), &["vlan", "--vid=7"]);
    refusal(&down, 2, &["low in process", "is down, so no vlan on it can come up"]);
    on_low(suite, (&untouched.lower, &untouched.own), &["vlan", "--vid=7", "--no-up"]).ok()?;
    // One VLAN is made once.
    let again = on_low(suite, (&untouched.lower, &untouched.own), &["vlan", "other7", "--vid=7", "--no-up"]);
    refusal(&again, 2, &["make other7 in process", "File exists"]);
    assert_eq!(untouched.own.links(), ["lo", "others", "other", "low.7"]);
    Ok(())
}

fn usage(suite: &Suite) -> Result<(), Failed> {
    let pair = Pair::new();
    for (words, said) in [
        (&["veth", "eth1", "-t", "host"][..], "\"veth\" is no kind of link that can be made"),
        (&["bridge", "eth%d", "-t", "host"], "\"eth%d\" is not a link name"),
        (&["-t", "host"], "required"),
        (&["bridge", "x", "-t", "host", "--undo"], "--undo reads what an earlier run printed"),
        (&["macvlan", "x", "--no-up", "--wait=1", "-t", "host", "--parent", &pair.link], "cannot be used with"),
        (&["vlan", "--vid=70000"], "70000"),
    ] {
        let ran = suite.run(&[&["nicon-linkadd"], words].concat());
        assert_eq!((ran.code(), &ran.stdout[..]), (Some(2), ""), "{ran:?}");
        assert!(ran.stderr.contains(said), "{ran:?}");
    }
    refusal(&suite.run(&["nicon-linkadd", "bridge", "br0"]), 1, &["no record on standard input: no bridge was made"]);
    let place = Place::new();
    let nothing = json!({"pid": place.pid(), "name": "x"}).to_string();
    refusal(&suite.feed(&["nicon-linkadd"], nothing), 2, &["no record names a kind"]);
    let gone = json!({"pid": place.pid(), "event": "gone", "kind": "bridge", "name": "x"}).to_string();
    assert_eq!(suite.feed(&["nicon-linkadd"], &gone).ok()?.trim(), gone);
    assert_eq!(place.links(), ["lo"]);
    Ok(())
}

/// A link below is looked for among ours, which is said with the way out where nobody has said it.
fn elsewhere(suite: &Suite) -> Result<(), Failed> {
    let place = Place::new();
    place.ip("link add below type bridge");
    let wish = |target: Value, from: Value| {
        let mut wish = json!({"kind": "macvlan", "name": "x", "parent": "below", "from": from});
        wish.as_object_mut().unwrap().extend(target.as_object().cloned().unwrap_or_default());
        wish.to_string()
    };
    let (its, host) = (json!({"pid": place.pid()}), json!({"target": "host"}));
    let told = format!(
        "parent: no link below in host (for a link of process {} itself: --from target, or in a plan from: target)",
        place.pid()
    );
    refusal(&suite.feed(&["nicon-linkadd"], wish(its.clone(), Value::Null)), 1, &[&told]);
    for (target, from) in [(its, "host".into()), (host, Value::Null)] {
        refusal(&suite.feed(&["nicon-linkadd"], wish(target, from)), 1, &["parent: no link below in host\n"]);
    }
    assert_eq!(place.links(), ["lo", "below"]);
    Ok(())
}

/// Some kernel lacks some kind; where this one has all, there is nothing to see.
fn unknown_kind(suite: &Suite) -> Result<(), Failed> {
    let place = Place::new();
    let pid = place.pid().to_string();
    for (kind, module, words) in [
        ("dummy", "dummy", &[][..]),
        ("vlan", "8021q", &["--parent", "lo", "--from", "target", "--vid", "7", "--no-up"]),
    ] {
        if Feature::LinkKind(kind).missing().is_some() {
            let ran = suite.run(&[&["nicon-linkadd", kind, "x0", "-t", &pid], words].concat());
            let why = format!("this kernel may have no links of kind {kind} (module {module})");
            refusal(&ran, 2, &["make x0 in process", &why]);
        }
    }
    assert_eq!(place.links(), ["lo"]);
    Ok(())
}
