//! Bonds and teams as masters: they take no port that is up, and lend their address and MTU to their ports.

use libtest_mimic::{Failed, Trial};
use nicon_lab::{becomes, wait_for};
use serde_json::{Value, json};

use crate::links::settings::undo;
use crate::support::expect::{deed, record, refusal};
use crate::support::kernel::Feature;
use crate::support::killed;
use crate::support::links::{Place, one};
use crate::support::suite::Suite;

pub(crate) fn trials(suite: &Suite) -> Vec<Trial> {
    vec![
        suite.trial_of_kernel(&[Feature::LinkKind("bond")], "links::masters::a_bond_takes_the_link", |suite| {
            takes(suite, "type bond mode active-backup")
        }),
        suite.trial_of_kernel(&[Feature::LinkKind("team")], "links::masters::a_team_takes_the_link", |suite| {
            takes(suite, "type team")
        }),
        suite.trial_of_kernel(&[Feature::LinkKind("bond")], "links::masters::a_port_of_a_bond_comes_back", |suite| {
            gives_back(suite, "type bond mode active-backup")
        }),
        suite.trial_of_kernel(&[Feature::LinkKind("team")], "links::masters::a_port_of_a_team_comes_back", |suite| {
            gives_back(suite, "type team")
        }),
        suite.trial_of_kernel(&[Feature::LinkKind("bond")], "links::masters::a_port_of_a_bond_at_each_call", |suite| {
            killed_at_each_call(suite, "type bond mode active-backup")
        }),
        suite.trial_of_kernel(&[Feature::LinkKind("team")], "links::masters::a_port_of_a_team_at_each_call", |suite| {
            killed_at_each_call(suite, "type team")
        }),
        suite.trial_of_kernel(&[], "links::masters::a_port_of_a_bridge_is_changed_while_up", |suite| {
            takes(suite, "type bridge")
        }),
    ]
}

/// A pair in one place, and another place.
fn places() -> (Place, Place) {
    let (from, to) = (Place::new(), Place::new());
    from.ip_batch(
        "link add v9 mtu 1400 address 02:00:5e:00:53:09 type veth peer name p9\nlink set p9 up\nlink set v9 up
        addr add 192.0.2.1/24 dev v9\naddr add 2001:db8::1/64 dev v9 nodad\nroute add 203.0.113.0/24 via 192.0.2.2",
    );
    from.rest();
    (from, to)
}

fn mv(suite: &Suite, (from, to): (&Place, &Place), words: &[&str]) -> nicon_lab::Ran {
    let (source, target) = (from.pid().to_string(), to.pid().to_string());
    suite.run(&[&["nicon-linkmv", "-f", &source, "-t", &target, "v9"], words].concat())
}

/// What `ip` tells of a link, without what a link-state or a counter makes of it.
fn told(place: &Place, link: &str) -> Value {
    let mut told = one(&place.ip(&format!("-j -d addr show dev {link}")));
    for changing in ["operstate", "linkmode", "link", "link_index", "link_netnsid"] {
        told.as_object_mut().unwrap().remove(changing);
    }
    let port = &mut told["linkinfo"]["info_slave_data"];
    for changing in ["link_failure_count", "mii_status", "state"] {
        port.as_object_mut().map(|port| port.remove(changing));
    }
    told
}

fn takes(suite: &Suite, kind: &str) -> Result<(), Failed> {
    let (from, to) = places();
    to.ip(&format!("link add m0 {kind}"));
    to.ip("link set m0 up");
    let before = from.state("v9");
    let moved = mv(suite, (&from, &to), &["eth1", "--master", "m0", "--mtu", "1400"]);
    record(&moved);
    let link = one(&to.ip("-j link show dev eth1"));
    assert_eq!(link["master"], "m0");
    assert!(link["flags"].as_array().ok_or("no flags")?.contains(&json!("UP")), "{link}");
    record(&undo(suite, &moved));
    becomes(|| from.state("v9"), &before);

    // A later run adds it, and takes nothing from the link for that.
    let words = ["eth1", "--addr", "198.51.100.1/24", "--route", "203.0.113.0/24,198.51.100.2"];
    record(&mv(suite, (&from, &to), &words));
    record(&mv(suite, (&from, &to), &[&words[..], &["--master", "m0"]].concat()));
    assert_eq!(one(&to.ip("-j link show dev eth1"))["master"], "m0");
    assert!(to.ip("route show dev eth1").contains("203.0.113.0/24 via 198.51.100.2"), "{}", to.ip("route"));
    assert!(to.ip("addr show dev eth1").contains("198.51.100.1/24"));

    // One that fails after that leaves it without a master, and as it was.
    to.ip("link set eth1 nomaster");
    to.ip("link set eth1 up");
    to.ip("route replace 203.0.113.0/24 via 198.51.100.2");
    let before = to.state("eth1");
    let failed = mv(suite, (&from, &to), &[&words[..], &["--master", "m0", "--addr", "ff02::1/64"]].concat());
    refusal(&failed, 2, &["add address ff02::1/64"]);
    becomes(|| to.state("eth1"), &before);
    Ok(())
}

/// The address and the MTU of a link.
fn own(place: &Place, link: &str) -> (Value, Value) {
    let link = one(&place.ip(&format!("-j link show dev {link}")));
    (link["address"].clone(), link["mtu"].clone())
}

fn gives_back(suite: &Suite, kind: &str) -> Result<(), Failed> {
    let (from, to) = places();
    from.ip_batch(&format!(
        "link add m0 {kind}\nlink add v8 mtu 1300 address 02:00:5e:00:53:08 type veth peer name p8\nlink set p8 up
        link set m0 up\nlink set v8 master m0"
    ));
    from.ip("link set v9 down");
    from.ip("link set v9 master m0");
    if kind.contains("bond") {
        from.ip("link set v9 type bond_slave queue_id 3");
        from.ip("link set m0 type bond active_slave v9");
    }
    let state = || {
        from.rest();
        (told(&from, "v9"), told(&from, "m0"), told(&from, "v8"))
    };
    wait_for("m0 to be up", || told(&from, "m0")["flags"].to_string().contains("\"UP\""));
    let before = state();
    assert_eq!(before.0["master"], "m0");
    refusal(&mv(suite, (&from, &to), &["eth1"]), 2, &["v9 is a port of m0"]);
    assert_eq!(state(), before);

    let moved = mv(suite, (&from, &to), &["--force", "eth1"]);
    record(&moved);
    assert_eq!(own(&to, "eth1"), (json!("02:00:5e:00:53:09"), json!(1400)));
    record(&undo(suite, &moved));
    becomes(&state, &before);
    record(&undo(suite, &moved));
    assert_eq!(state(), before, "twice is once");

    refusal(&mv(suite, (&from, &to), &["--force", "eth1", "--addr", "ff02::1/64"]), 2, &["add address ff02::1/64"]);
    becomes(&state, &before);
    // What is its own comes back when it leaves.
    from.ip("link set v9 nomaster");
    assert_eq!(own(&from, "v9"), (json!("02:00:5e:00:53:09"), json!(1400)));
    Ok(())
}

/// Wherever a move of a port is killed, the next one knows what was the port's own and what its master had lent it.
fn killed_at_each_call(suite: &Suite, kind: &str) -> Result<(), Failed> {
    let (from, to) = (Place::new(), Place::new());
    from.ip_batch(&format!(
        "link add m0 {kind}\nlink set m0 mtu 1300
        link add v8 address 02:00:5e:00:53:08 type veth peer name p8\nlink set v8 master m0\nlink set m0 up
        link add v9 mtu 1400 address 02:00:5e:00:53:09 type veth peer name p9\nlink set v9 master m0"
    ));
    // A team without a mode lends its MTU alone.
    let (ours, lent) = ((json!("02:00:5e:00:53:09"), json!(1400)), own(&from, "v9"));
    assert_eq!(lent.1, 1300);
    let [source, target] = [&from, &to].map(|place| place.pid().to_string());
    let words = ["nicon-linkmv", "-f", &source, "-t", &target, "--force", "v9", "eth1"];
    let first = suite.run(&words);
    record(&first);
    record(&undo(suite, &first));
    let mut detached = 0;
    let kills = killed::at_each_call(suite, (&words, "", 0), || {
        let home = from.links().contains(&"v9".to_owned());
        detached += usize::from(home && own(&from, "v9") == ours);
        let again = suite.run(&words);
        record(&again);
        assert_eq!(own(&to, "eth1"), ours);
        let whole = deed(&record(&again))["undo"].get("requests").is_some();
        record(&undo(suite, if whole { &again } else { &first }));
        assert_eq!((own(&from, "v9"), &one(&from.ip("-j link show dev v9"))["master"]), (lent.clone(), &json!("m0")));
        Ok(())
    })?;
    assert!(kills > 20 && detached > 1, "{kills} kills, {detached} of them between its master and its move");
    Ok(())
}
