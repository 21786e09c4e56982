//! What a plan does not ask for any more.

use libtest_mimic::{Failed, Trial};
use serde_json::{Value, json};

use super::lab::Lab;
use crate::links::undo::settles_as;
use crate::support::expect::{parse, records, refusal};
use crate::support::links::Place;
use crate::support::suite::Suite;

pub(crate) fn trials(suite: &Suite) -> Vec<Trial> {
    vec![
        suite.trial_of_kernel(&[], "wire::prune::what_left_the_file_goes", what_left_the_file),
        suite.trial_of_kernel(&[], "wire::prune::what_is_not_known_to_have_left_the_file", not_known),
        suite.trial_of_kernel(&[], "wire::prune::a_pair_that_leads_elsewhere_now", leads_elsewhere),
        suite.trial_of_kernel(&[], "wire::prune::links_that_were_renamed", renamed),
        suite.trial_of_kernel(&[], "wire::prune::a_mark_on_a_link_that_nobody_makes", mark_on_lo),
        suite.trial_of_kernel(&[], "wire::prune::a_mark_that_somebody_forged", forged),
        suite.trial_of_kernel(&[], "wire::prune::nothing_before_what_cannot_be", what_cannot_be),
        suite.trial_of_kernel(&[], "wire::prune::never_with_a_part_of_the_plan", part_of_the_plan),
    ]
}

fn what_left_the_file(suite: &Suite) -> Result<(), Failed> {
    let lab = Lab::new();
    lab.wire(suite);
    let there = lab.state();
    let [_, _, moved] = lab.wishes();
    let only_moved = lab.records(std::slice::from_ref(&moved));
    // Without the option it stays, which a check says, and is no difference.
    assert_eq!(records(&suite.feed(&["nicon-wire"], &only_moved)).len(), 1);
    let checked = suite.feed(&["nicon-wire", "--check"], &only_moved);
    assert_eq!((checked.code(), &checked.stdout[..]), (Some(0), ""), "{checked:?}");
    assert!(lab.left_pair().contains(&checked.stderr), "{checked:?}");
    assert_eq!(lab.state(), there);
    let foreseen = suite.feed(&["nicon-wire", "--check", "--prune"], &only_moved);
    let surplus: Vec<Value> = parse(&foreseen.stdout).iter().map(|record| record["steps"].clone()).collect();
    assert_eq!(
        (foreseen.code(), &foreseen.stderr[..], json!(surplus)),
        (Some(1), "", json!([["link del eth1"], ["link del eth1"]])),
        "{foreseen:?}"
    );
    assert_eq!(lab.state(), there);
    let pruned = records(&suite.feed(&["nicon-wire", "--prune"], &only_moved));
    assert_eq!(pruned.len(), 3, "two ends that went, and the link that stays");
    // Whatever is told says on which machine that is.
    let boot = std::fs::read_to_string("/proc/sys/kernel/random/boot_id")?;
    let name = nix::sys::utsname::uname()?.nodename().to_string_lossy().into_owned();
    for record in parse(&foreseen.stdout).iter().chain(&pruned) {
        assert_eq!((&record["boot"], &record["machine"]), (&json!(boot.trim()), &json!(name)), "{record}");
    }
    assert_eq!((lab.places[0].links(), lab.places[1].links()), (vec!["lo".into(), "eth2".into()], vec!["lo".into()]));
    // The other way: the pair stays, and the link goes home.
    lab.wire(suite);
    let [first, second, _] = lab.wishes();
    let only_pair = lab.records(&[first, second]);
    let ran = suite.feed(&["nicon-wire", "--check"], &only_pair);
    let told = format!("(host:{}): --prune takes it away\n", lab.pair.link);
    assert!(ran.code() == Some(0) && ran.stderr.ends_with(&told), "{ran:?}");
    records(&suite.feed(&["nicon-wire", "--prune"], only_pair));
    settles_as(&lab.before, &lab.pair.link);
    assert_eq!(
        (lab.places[0].links(), lab.places[1].links()),
        (vec!["lo".into(), "eth1".into()], vec!["lo".into(), "eth1".into()])
    );
    records(&suite.feed(&["nicon-wire", "--destroy"], lab.input()));
    lab.is_gone();
    Ok(())
}

/// A link that was left out for a fault, or whose container was not found, is in the file.
fn not_known(suite: &Suite) -> Result<(), Failed> {
    let lab = Lab::new();
    lab.wire(suite);
    let mut moved = lab.wishes()[2].clone();
    moved["each"] = true.into();
    let one = lab.records(std::slice::from_ref(&moved));
    let part = one.replace("\"plan_size\":1", "\"plan_size\":3");
    let told = lab.left_pair();
    for (input, is_told) in [(&part, false), (&one, true)] {
        let ran = suite.feed(&["nicon-wire", "--check"], input);
        assert_eq!(ran.code(), Some(0), "{ran:?}");
        assert_eq!((told.contains(&ran.stderr), ran.stderr.is_empty()), (is_told, !is_told), "{ran:?}");
    }
    // Nor is one surplus whose record an earlier program has failed.
    let mut failed = lab.wishes();
    for end in &mut failed[..2] {
        end["failed"] = "it is elsewhere".into();
    }
    let there = lab.state();
    let ran = suite.feed(&["nicon-wire", "--check"], lab.records(&failed));
    assert_eq!((ran.code(), &ran.stderr[..]), (Some(0), ""), "{ran:?}");
    refusal(
        &suite.feed(&["nicon-wire", "--prune"], lab.records(&failed)),
        2,
        &["an earlier program has failed a record"],
    );
    assert_eq!(lab.state(), there);
    records(&suite.feed(&["nicon-wire", "--destroy"], lab.input()));
    lab.is_gone();
    Ok(())
}

fn leads_elsewhere(suite: &Suite) -> Result<(), Failed> {
    let (lab, third) = (Lab::new(), Place::new());
    lab.wire(suite);
    let there = lab.state();
    let mut wishes = lab.wishes();
    wishes[1]["pid"] = third.pid().into();
    let taken = ["eth1 already exists", "whose other end is eth1", "(--prune replaces it)"];
    let ran = suite.feed(&["nicon-wire"], lab.records(&wishes));
    assert_eq!((ran.code(), &ran.stdout[..], ran.stderr.lines().count()), (Some(1), "", 1), "{ran:?}");
    assert!(taken.iter().all(|words| ran.stderr.contains(words)), "{ran:?}");
    let checked = suite.feed(&["nicon-wire", "--check"], lab.records(&wishes));
    assert!(checked.code() == Some(1) && checked.stderr.contains(taken[2]), "{checked:?}");
    let foreseen = suite.feed(&["nicon-wire", "--check", "--prune"], lab.records(&wishes));
    let steps: Vec<Value> = parse(&foreseen.stdout).iter().map(|record| record["steps"][0].clone()).collect();
    let (goes, comes) = ("link del eth1", "make eth1 in the place of what is removed");
    assert_eq!((foreseen.code(), json!(steps)), (Some(1), json!([goes, goes, comes, comes])), "{foreseen:?}");
    assert_eq!((lab.state(), third.links()), (there, vec!["lo".into()]));
    records(&suite.feed(&["nicon-wire", "--prune"], lab.records(&wishes)));
    assert_eq!((lab.places[1].links(), third.links()), (vec!["lo".into()], vec!["lo".into(), "eth1".into()]));
    lab.places[0].reaches("192.0.2.2");
    assert_eq!(suite.feed(&["nicon-wire", "--check"], lab.records(&wishes)).code(), Some(0));
    records(&suite.feed(&["nicon-wire", "--destroy"], lab.input()));
    lab.is_gone();
    Ok(())
}

/// The root of a container marks a link of his: that is told, and keeps the plan from nothing.
fn forged(suite: &Suite) -> Result<(), Failed> {
    let lab = Lab::new();
    lab.wire(suite);
    lab.places[1].ip("link add forged type bridge");
    lab.places[1].ip(&format!("link property add dev forged altname nicon-kept.{}:forged", lab.plan));
    let mut wishes = lab.wishes();
    for end in &mut wishes[..2] {
        end["mtu"] = 1300.into();
    }
    let ran = suite.feed(&["nicon-wire", "--prune"], lab.records(&wishes));
    assert_eq!((ran.code(), parse(&ran.stdout).len()), (Some(2), 3), "{ran:?}");
    assert!(
        ran.stderr.contains("forged in process ") && ran.stderr.contains("how it was before is not known"),
        "{ran:?}"
    );
    lab.places[1].ip("link del forged");
    assert_eq!(suite.feed(&["nicon-wire", "--check"], lab.records(&wishes)).code(), Some(0));
    records(&suite.feed(&["nicon-wire", "--destroy"], lab.input()));
    lab.is_gone();
    Ok(())
}

/// The root of a container renames its links: they are found by their marks, and made and moved anew.
fn renamed(suite: &Suite) -> Result<(), Failed> {
    let lab = Lab::new();
    lab.wire(suite);
    for name in ["eth1", "eth2"] {
        lab.places[0].ip(&format!("link set {name} down"));
        lab.places[0].ip(&format!("link set {name} name other-{name}"));
    }
    let differs = suite.feed(&["nicon-wire", "--check", "--prune"], lab.input());
    let home = format!("put {} back", lab.pair.link);
    for step in ["link del other-eth1", &home] {
        assert!(differs.stdout.contains(step), "{step}: {differs:?}");
    }
    records(&suite.feed(&["nicon-wire", "--prune"], lab.input()));
    assert_eq!(suite.feed(&["nicon-wire", "--check"], lab.input()).code(), Some(0));
    assert_eq!(lab.places[0].links().len(), 3, "lo, and what the plan asks for");
    lab.places[0].reaches("192.0.2.2");
    records(&suite.feed(&["nicon-wire", "--destroy"], lab.input()));
    lab.is_gone();
    Ok(())
}

fn mark_on_lo(suite: &Suite) -> Result<(), Failed> {
    let lab = Lab::new();
    lab.wire(suite);
    lab.places[1].ip(&format!("link property add dev lo altname {}", lab.mark("lo")));
    let same = suite.feed(&["nicon-wire", "--check"], lab.input());
    assert_eq!((same.code(), &same.stdout[..]), (Some(0), ""), "{same:?}");
    records(&suite.feed(&["nicon-wire", "--prune"], lab.input()));
    records(&suite.feed(&["nicon-wire", "--destroy"], lab.input()));
    lab.is_gone();
    Ok(())
}

fn part_of_the_plan(suite: &Suite) -> Result<(), Failed> {
    let lab = Lab::new();
    lab.wire(suite);
    let there = lab.state();
    let mut alone = lab.wishes()[2].clone();
    alone["each"] = true.into();
    for option in [&["--prune"][..], &["--check", "--prune"]] {
        let words = [&["nicon-wire"], option].concat();
        let input = lab.records(std::slice::from_ref(&alone));
        refusal(&suite.feed(&words, input), 2, &["--prune wants the whole plan"]);
    }
    // What nicon-resolve holds back.
    refusal(&suite.feed(&["nicon-wire", "--prune"], ""), 1, &["no record on standard input: nothing to do"]);
    let [first, _, moved] = lab.wishes();
    refusal(&suite.feed(&["nicon-wire", "--prune"], lab.records(&[first, moved])), 1, &["has no other end"]);
    assert_eq!(lab.state(), there);
    records(&suite.feed(&["nicon-wire", "--destroy"], lab.input()));
    lab.is_gone();
    Ok(())
}

/// What cannot be done however much is removed keeps all that there is from being removed: it would not be made again.
fn what_cannot_be(suite: &Suite) -> Result<(), Failed> {
    let lab = Lab::new();
    let other = Place::new();
    lab.wire(suite);
    let there = lab.state();
    let [first, second, moved] = lab.wishes();
    let wrong = json!({"pid": other.pid(), "kind": "macvlan", "name": "m0", "parent": "nowhere", "from": "target"});
    let renamed = |mut wish: Value| {
        wish["name"] = "eth7".into();
        wish
    };
    let wishes = [renamed(first), renamed(second), moved, wrong.clone()];
    refusal(&suite.feed(&["nicon-wire", "--prune"], lab.records(&wishes)), 1, &[":m0: parent: no link nowhere"]);
    assert_eq!(lab.state(), there);
    // Without it, they are renamed.
    records(&suite.feed(&["nicon-wire", "--prune"], lab.records(&wishes[..3])));
    assert_eq!(lab.places[1].links(), ["lo", "eth7"]);
    // What may be mended by what is removed is tried: a name that is free only then.
    let [first, second, _] = lab.wishes();
    let own = json!({"pid": lab.places[0].pid(), "kind": "bridge", "name": "eth2"});
    records(&suite.feed(&["nicon-wire", "--prune"], lab.records(&[first, second, own])));
    let mut there = lab.places[0].links();
    there.sort();
    assert_eq!(there, ["eth1", "eth2", "lo"]);
    settles_as(&lab.before, &lab.pair.link);
    records(&suite.feed(&["nicon-wire", "--destroy"], lab.input()));
    lab.is_gone();
    Ok(())
}
