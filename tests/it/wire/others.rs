//! Links that somebody else has made or moved, or that are the container's own.

use libtest_mimic::{Failed, Trial};
use nicon_lab::{LIMIT, becomes, output_of_input, tool};
use serde_json::json;

use super::lab::Lab;
use crate::support::expect::{records, refusal};
use crate::support::links::{ip, one};
use crate::support::suite::Suite;

pub(crate) fn trials(suite: &Suite) -> Vec<Trial> {
    vec![
        suite.trial_of_kernel(&[], "wire::others::what_somebody_else_has_made", of_somebody_else),
        suite.trial_of_kernel(&[], "wire::others::where_nothing_can_be_kept", nothing_kept),
        suite.trial_of_kernel(&[], "wire::others::a_link_that_is_there_already", there_already),
        suite.trial_of_kernel(&[], "wire::others::what_somebody_has_moved", moved_by_hand),
        suite.trial_of_kernel(&[], "wire::others::what_it_renames_where_it_is", renamed_where_it_is),
        suite.trial_of_kernel(&[], "wire::others::a_plan_that_got_another_name", another_name),
        suite.trial_of_kernel(&[], "wire::others::what_another_plan_has_changed", moved_on),
    ]
}

/// A pair that is there already is taken as it is, and stays when the plan goes.
fn of_somebody_else(suite: &Suite) -> Result<(), Failed> {
    let lab = Lab::new();
    let [first, second] = lab.places.each_ref().map(|place| format!("/proc/{}/ns/net", place.pid()));
    ip("link add made-by type veth peer name hand-made");
    for (link, netns) in [("made-by", first), ("hand-made", second)] {
        suite.run(&["nicon-linkmv", "-t", &netns, link, "eth1"]).ok()?;
    }
    for place in &lab.places {
        place.ip("link set eth1 alias ");
    }
    lab.wire(suite);
    assert!(one(&lab.places[0].ip("-j link show dev eth1")).get("altnames").is_none());
    let same = suite.feed(&["nicon-wire", "--check"], lab.input());
    assert_eq!((same.code(), &same.stdout[..]), (Some(0), ""), "{same:?}");
    records(&suite.feed(&["nicon-wire", "--destroy"], lab.input()));
    for place in &lab.places {
        assert_eq!(place.links(), ["lo", "eth1"]);
        assert_eq!(one(&place.ip("-j link show dev eth1"))["mtu"], 1400, "it keeps what it was given");
    }
    lab.places[0].ip("link del eth1");
    lab.is_gone();
    Ok(())
}

/// Where nothing can be written, a plan that moves links is told what --destroy will not know; one that only makes some is not.
fn nothing_kept(suite: &Suite) -> Result<(), Failed> {
    let lab = Lab::new();
    let program = suite.bins()?.join("nicon-wire");
    let script = format!(
        "mount -t tmpfs none /tmp && cp {} /tmp && mount -t tmpfs -o ro none /run && unset XDG_RUNTIME_DIR && exec /tmp/nicon-wire",
        program.display()
    );
    let wire = |input: String| output_of_input(tool("unshare").args(["-m", "sh", "-c", &script]), input, LIMIT);
    let [first, second, moved] = lab.wishes();
    let made = wire(lab.records(&[first, second]))?;
    records(&made);
    assert_eq!(made.stderr, "");
    let wired = wire(lab.records(&[moved]))?;
    records(&wired);
    assert!(wired.stderr.contains("--destroy will not know how links were"), "{wired:?}");
    // What is made is known by its mark alone.
    let destroyed = suite.feed(&["nicon-wire", "--destroy"], lab.input());
    assert_eq!((destroyed.code(), lab.places[0].links()), (Some(2), vec!["lo".into(), "eth2".into()]), "{destroyed:?}");
    assert!(destroyed.stderr.contains("how it was before is not known any more"), "{destroyed:?}");
    records(&suite.feed(&["nicon-linkmv", "--undo"], &wired.stdout));
    lab.is_gone();
    Ok(())
}

/// A link of the container itself, which the plan only changes, and which is given back what it had.
fn there_already(suite: &Suite) -> Result<(), Failed> {
    let lab = Lab::new();
    let place = &lab.places[0];
    place.ip_batch("link add own type veth peer name other\nlink set other up\nlink set own up");
    place.ip("addr add 203.0.113.1/24 dev own");
    let before = place.state("own");
    let wish = json!({"pid": place.pid(), "link": "own", "from": "target", "mtu": 1300, "addr": ["192.0.2.77/24"]});
    let input = lab.records(std::slice::from_ref(&wish));
    records(&suite.feed(&["nicon-wire"], &input));
    let link = one(&place.ip("-j addr show dev own"));
    assert_eq!((&link["mtu"], link["addr_info"].as_array().map(Vec::len)), (&json!(1300), Some(3)), "{link}");
    assert_eq!(suite.feed(&["nicon-wire", "--check"], &input).code(), Some(0));
    let mut other = wish.clone();
    other["addr"] = json!(["192.0.2.78/24"]);
    records(&suite.feed(&["nicon-wire", "--prune"], lab.records(&[other])));
    let addresses = place.ip("addr show dev own");
    assert!(addresses.contains("192.0.2.78/24") && !addresses.contains("192.0.2.77"), "{addresses}");
    assert!(addresses.contains("203.0.113.1/24"), "{addresses}");
    records(&suite.feed(&["nicon-wire", "--destroy"], &input));
    becomes(|| place.state("own"), &before);
    place.ip("link del own");
    lab.is_gone();
    Ok(())
}

/// A link that somebody has moved already is taken as it is, and stays where it is when the plan goes.
fn moved_by_hand(suite: &Suite) -> Result<(), Failed> {
    let lab = Lab::new();
    let place = format!("/proc/{}/ns/net", lab.places[0].pid());
    suite.run(&["nicon-linkmv", "-t", &place, &lab.pair.link, "eth2"]).ok()?;
    lab.wire(suite);
    let link = one(&lab.places[0].ip("-j link show dev eth2"));
    assert!(!link.to_string().contains("nicon-kept"), "{link}");
    let same = suite.feed(&["nicon-wire", "--check"], lab.input());
    assert_eq!((same.code(), &same.stdout[..]), (Some(0), ""), "{same:?}");
    let [first, second, _] = lab.wishes();
    records(&suite.feed(&["nicon-wire", "--prune"], lab.records(&[first, second])));
    records(&suite.feed(&["nicon-wire", "--destroy"], lab.input()));
    assert_eq!((lab.places[0].links(), lab.places[1].links()), (vec!["lo".into(), "eth2".into()], vec!["lo".into()]));
    let name = &lab.pair.link;
    suite.run(&["nicon-linkmv", "-t", "host", "--from", &place, "eth2", name]).ok()?;
    Ok(())
}

/// A link of the container's own that the plan renames is found under its new name, and given whatever else it is to have.
fn renamed_where_it_is(suite: &Suite) -> Result<(), Failed> {
    let lab = Lab::new();
    let place = &lab.places[0];
    place.ip("link add own type veth peer name other");
    place.ip("link set own up");
    let before = place.state("own");
    let input = |address: &str| {
        lab.records(&[json!({"pid": place.pid(), "link": "own", "from": "target", "name": "wan", "addr": [address]})])
    };
    for address in ["192.0.2.77/24", "192.0.2.78/24"] {
        records(&suite.feed(&["nicon-wire"], input(address)));
        assert!(place.ip("addr show dev wan").contains(address));
        assert_eq!(suite.feed(&["nicon-wire", "--check"], input(address)).code(), Some(0));
    }
    place.ip("addr flush dev wan");
    let differs = suite.feed(&["nicon-wire", "--check"], input("192.0.2.78/24"));
    assert_eq!((differs.code(), &differs.stderr[..]), (Some(1), ""), "{differs:?}");
    assert!(differs.stdout.contains("192.0.2.78/24 dev wan"), "{differs:?}");
    records(&suite.feed(&["nicon-wire"], input("192.0.2.78/24")));
    assert!(place.ip("addr show dev wan").contains("192.0.2.78/24"));
    records(&suite.feed(&["nicon-wire", "--destroy"], input("192.0.2.78/24")));
    assert_eq!(place.state("own"), before);
    place.ip("link del own");
    lab.is_gone();
    Ok(())
}

/// A plan that got another name takes none of its old links for its own, neither those that it made nor those that it moved: it says
/// whose they are, and how they go.
fn another_name(suite: &Suite) -> Result<(), Failed> {
    let lab = Lab::new();
    lab.wire(suite);
    let there = lab.state();
    let other = format!("{}-other", lab.plan);
    let named = |input: String| input.replace(&format!("\"{}\"", lab.plan), &format!("\"{other}\""));
    let [first, second, moved] = lab.wishes();
    let way_out = format!("(echo '{{\"plan\":\"{}\"}}' | nicon-wire --destroy)", lab.plan);
    let wishes = [("eth1", vec![first.clone(), second]), ("eth2", vec![moved])];
    for (name, mut wishes) in wishes {
        for mtu in [1400, 1300] {
            wishes[0]["mtu"] = mtu.into();
            for option in [None, Some("--check"), Some("--prune")] {
                let words: Vec<&str> = ["nicon-wire"].into_iter().chain(option).collect();
                let whose = format!("{name} in process {} is of the plan {}", first["pid"], lab.plan);
                refusal(&suite.feed(&words, named(lab.records(&wishes))), 1, &[&whose, &way_out]);
                assert_eq!(lab.state(), there);
            }
        }
    }
    // Where the other plan's link is only in the way, it says so as well.
    let bridge = json!({"pid": lab.places[0].pid(), "kind": "bridge", "name": "eth1"});
    let taken = suite.feed(&["nicon-wire"], named(lab.records(&[bridge])));
    refusal(&taken, 1, &["eth1 already exists", &format!("of the plan {}", lab.plan)]);
    // Nothing is there under the new name, which is told, and no failure.
    let nothing = suite.feed(&["nicon-wire", "--destroy"], named(lab.input()));
    assert_eq!((nothing.code(), &nothing.stdout[..]), (Some(0), ""), "{nothing:?}");
    assert_eq!(nothing.stderr, format!("nicon-wire: nothing is wired under the name {other} here\n"));
    assert_eq!(lab.state(), there);
    // The way out.
    records(&suite.feed(&["nicon-wire", "--destroy"], format!("{{\"plan\":\"{}\"}}\n", lab.plan)));
    records(&suite.feed(&["nicon-wire"], named(lab.input())));
    let wired = suite.feed(&["nicon-wire", "--destroy"], named(lab.input()));
    assert_eq!((records(&wired).len(), &wired.stderr[..]), (3, ""), "{wired:?}");
    lab.is_gone();
    Ok(())
}

/// What another plan has moved to our own namespace, or changed there, is not moved on.
fn moved_on(suite: &Suite) -> Result<(), Failed> {
    let lab = Lab::new();
    let link = &lab.pair.link;
    records(
        &suite.feed(
            &["nicon-wire"],
            lab.records(&[json!({"target": "host", "link": link, "from": "target", "mtu": 1300})]),
        ),
    );
    let there = crate::support::links::state(link);
    let moved = json!({"pid": lab.places[0].pid(), "link": link, "plan": format!("{}-other", lab.plan)});
    let whose = format!("{link} in host is of the plan {}", lab.plan);
    for option in [None, Some("--check")] {
        let words: Vec<&str> = ["nicon-wire"].into_iter().chain(option).collect();
        refusal(&suite.feed(&words, format!("{moved}\n")), 1, &[&whose]);
        assert_eq!(crate::support::links::state(link), there);
    }
    records(&suite.feed(&["nicon-wire", "--destroy"], format!("{{\"plan\":\"{}\"}}\n", lab.plan)));
    lab.is_gone();
    Ok(())
}
