//! Waiting until the links of a plan are usable: a bridge has a carrier only by its ports, which the plan makes after it.

use libtest_mimic::{Failed, Trial};
use nicon_lab::becomes;
use nix::sys::signal::Signal;
use serde_json::{Value, json};

use super::keep_lab::{KeptLab, pair};
use crate::support::expect::{parse, records, refusal};
use crate::support::links::{Place, one};
use crate::support::suite::Suite;

pub(crate) fn trials(suite: &Suite) -> Vec<Trial> {
    vec![
        suite.trial_of_kernel(&[], "wire::usable::a_bridge_by_its_ports", by_its_ports),
        suite.trial_of_kernel(&[], "wire::usable::a_bridge_without_ports", without_ports),
        suite.trial_of_kernel(&[], "wire::usable::a_link_that_stays_down", stays_down),
        suite.trial_of_kernel(&[], "wire::usable::while_a_plan_is_kept", while_kept),
        suite.trial_of_kernel(&[], "wire::usable::what_is_not_holds_up_nothing_of_a_kept_plan", holds_nothing_up),
    ]
}

/// A bridge in one place, a macvlan on it, and a pair from it to the other place.
fn wishes([first, second]: [&Place; 2]) -> Vec<Value> {
    let (first, second) = (first.pid(), second.pid());
    vec![
        json!({"pid": first, "kind": "bridge", "name": "br0", "addr": ["192.0.2.1/24"]}),
        json!({"pid": first, "kind": "macvlan", "name": "above", "parent": "br0", "from": "target"}),
        json!({"pid": first, "pair": "p", "name": "port", "master": "br0"}),
        json!({"pid": second, "pair": "p", "name": "eth1", "addr": ["192.0.2.2/24"]}),
    ]
}

fn plan(name: &str, wishes: &[Value]) -> String {
    let record = |(item, wish): (usize, &Value)| {
        let mut record = wish.clone();
        record["plan"] = name.into();
        record["plan_size"] = wishes.len().into();
        record["plan_item"] = (item + 1).into();
        format!("{record}\n")
    };
    wishes.iter().enumerate().map(record).collect()
}

fn operstate(place: &Place, link: &str) -> Value {
    one(&place.ip(&format!("-j link show dev {link}")))["operstate"].clone()
}

fn by_its_ports(suite: &Suite) -> Result<(), Failed> {
    let (first, second) = (Place::new(), Place::new());
    let input = plan("usable-ports", &wishes([&first, &second]));
    for run in ["new", "there already"] {
        let wired = records(&suite.feed(&["nicon-wire", "--wait=30"], &input));
        assert_eq!(wired.len(), 4, "{run}");
        for (place, link) in [(&first, "br0"), (&first, "above"), (&first, "port"), (&second, "eth1")] {
            // An older kernel says so a moment after the carrier is there.
            becomes(|| operstate(place, link), &"UP".into());
        }
    }
    second.sh("ping -c 1 -W 5 192.0.2.1");
    Ok(())
}

fn without_ports(suite: &Suite) -> Result<(), Failed> {
    let (first, second) = (Place::new(), Place::new());
    let mut wishes = wishes([&first, &second]);
    wishes[2].as_object_mut().ok_or("no object")?.remove("master");
    refusal(
        &suite.feed(&["nicon-wire", "--wait=1"], plan("usable-none", &wishes)),
        1,
        &[": br0 in process", "has no carrier after 1 s"],
    );
    for place in [&first, &second] {
        assert_eq!(place.links(), ["lo"]);
    }
    // Each on its own: what is not usable is told, and stays, with a record that can be undone.
    for wish in &mut wishes {
        wish["each"] = true.into();
    }
    let input = plan("usable-none", &wishes);
    let ran = suite.feed(&["nicon-wire", "--wait=1"], &input);
    assert_eq!((ran.code(), ran.stderr.lines().count()), (Some(1), 2), "{ran:?}");
    let told = parse(&ran.stdout);
    let names: Vec<_> = told.iter().map(|record| (&record["nic"]["name"], record["failed"].is_null())).collect();
    assert_eq!(json!(names), json!([["br0", false], ["port", true], ["eth1", true], ["above", false]]));
    assert_eq!((operstate(&first, "port"), operstate(&first, "br0")), (json!("UP"), json!("DOWN")));
    let undone = suite.feed(&["nicon-linkadd", "--undo"], &ran.stdout);
    assert_eq!(undone.code(), Some(0), "{undone:?}");
    assert_eq!(first.links(), ["lo"]);
    Ok(())
}

/// As the plan asks.
fn stays_down(suite: &Suite) -> Result<(), Failed> {
    let (first, second) = (Place::new(), Place::new());
    let mut wishes = wishes([&first, &second]);
    wishes[1]["up"] = false.into();
    records(&suite.feed(&["nicon-wire", "--wait=30"], plan("usable-down", &wishes)));
    assert_eq!((operstate(&first, "above"), operstate(&first, "br0")), (json!("DOWN"), json!("UP")));
    Ok(())
}

fn while_kept(suite: &Suite) -> Result<(), Failed> {
    let wishes = vec![
        (Some(0), json!({"kind": "bridge", "name": "br0"})),
        (Some(0), json!({"pair": "p", "name": "port", "master": "br0"})),
        (Some(1), json!({"pair": "p", "name": "eth1"})),
    ];
    let mut lab = KeptLab::new(suite, 2, wishes)?;
    let mut command = suite.command("nicon-wire")?;
    command.arg("--wait=1");
    lab.start_again(&mut command)?;
    lab.begin();
    lab.stream.feed(lab.records_of(1, "changed"));
    lab.stream.take(2);
    becomes(|| operstate(lab.place(0), "br0"), &"UP".into());
    assert_eq!(lab.stream.told(), [""; 0]);
    lab.destroy(suite);
    Ok(())
}

fn holds_nothing_up(suite: &Suite) -> Result<(), Failed> {
    let bridge = (Some(0), json!({"kind": "bridge", "name": "lonely"}));
    let mut lab = KeptLab::new(suite, 2, [vec![bridge], pair("one", [0, 1], 1).to_vec()].concat())?;
    let mut command = suite.command("nicon-wire")?;
    lab.start_again(command.arg("--wait=600"))?;
    lab.begin();
    lab.is_wired();
    // Containers restart while it waits.
    lab.restart(&[1]);
    lab.is_wired();
    lab.restart(&[0]);
    lab.is_wired();
    assert_eq!((operstate(lab.place(0), "lonely"), lab.stream.told()), (json!("DOWN"), Vec::new()));
    // So does a signal.
    lab.stream.signal(Signal::SIGTERM);
    lab.stream.end();
    // What is late is told, and once it is usable, that as well.
    let mut command = suite.command("nicon-wire")?;
    lab.start_again(command.arg("--wait=0.2"))?;
    lab.begin();
    assert_eq!(lab.stream.error(), "nicon-wire: lonely in c0: lonely in c0 has no carrier after 0.2 s");
    lab.place(0).sh("ip link add port up type veth peer name far; ip link set far up; ip link set port master lonely");
    assert_eq!(lab.stream.error(), "nicon-wire: lonely in c0: mended");
    lab.place(0).sh("ip link delete port");
    lab.destroy(suite);
    Ok(())
}
