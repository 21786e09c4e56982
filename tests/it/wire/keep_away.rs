//! Keeping a plan wired of which some containers are not there, or seem not to be.

use libtest_mimic::{Failed, Trial};
use nicon_lab::until;
use serde_json::{Value, json};

use super::keep_lab::{KeptLab, changed, is_as_before, pair, ring};
use crate::support::links::{Pair, ip, links, one, state};
use crate::support::suite::Suite;

pub(crate) fn trials(suite: &Suite) -> Vec<Trial> {
    vec![
        suite.trial_of_kernel(&[], "wire::keep_away::a_container_that_is_not_there", not_there),
        suite.trial_of_kernel(&[], "wire::keep_away::containers_whose_engine_is_silent", silent_engine),
        suite.trial_of_kernel(&[], "wire::keep_away::another_link_of_its_name", another_of_its_name),
        suite.trial_of_kernel(&[], "wire::keep_away::links_that_end_with_each_restart", end_with_each_restart),
        suite.trial_of_kernel(&[], "wire::keep_away::what_somebody_deletes", what_somebody_deletes),
    ]
}

/// What can be wired is, and what belongs to the one that is not there is neither removed nor forgotten.
fn not_there(suite: &Suite) -> Result<(), Failed> {
    let card = Pair::new();
    ip(&format!("addr add 198.51.100.9/24 dev {}", card.link));
    let before = state(&card.link);
    let name = format!("{}-in", card.link);
    let wish = json!({"link": card.link, "name": name, "addr": ["192.0.2.1/24"]});
    let mut lab = KeptLab::new(suite, 3, [vec![(Some(0), wish)], ring(3)].concat())?;
    lab.begin();
    lab.place(0).ip(&format!("link set {name} netns {}", std::process::id()));
    let gone = lab.stop(0);
    lab.stream.feed(&gone);
    lab.stream.take(gone.lines().count());
    // Another run finds it so.
    lab.stream.signal(nix::sys::signal::Signal::SIGTERM);
    lab.stream.end();
    lab.start_again(&mut suite.command("nicon-wire")?)?;
    let records = lab.records();
    lab.stream.feed(records);
    // A pair of which one end is not there is not told.
    let told = lab.stream.take(3 + 2);
    assert_eq!(told.iter().filter(|record| record["event"] == "gone").count(), 3, "{told:?}");
    assert_eq!(lab.stream.told(), [""; 0]);
    lab.is_wired();
    assert!(links().contains(&name), "it is at home as its container left it");
    let arrived = lab.start(0);
    lab.stream.feed(arrived);
    lab.stream.take(5);
    lab.is_wired();
    lab.place(0).ip(&format!("link set {name} netns {}", std::process::id()));
    lab.destroy(suite);
    is_as_before(&before, &card);
    Ok(())
}

/// A run begins while an engine is silent: its containers run, but are told to be gone, and nobody knows where they are. Their links
/// stay, and what the plan does not ask for any more goes once they are known again.
fn silent_engine(suite: &Suite) -> Result<(), Failed> {
    let mut lab =
        KeptLab::new(suite, 3, [ring(3), pair("old", [0, 1], 7).to_vec(), pair("older", [1, 2], 8).to_vec()].concat())?;
    lab.begin();
    let index = |lab: &KeptLab| one(&lab.place(0).ip("-j link show dev p0"))["ifindex"].clone();
    let before = index(&lab);
    lab.stream.signal(nix::sys::signal::Signal::SIGKILL);
    lab.stream.end();
    lab.start_again(&mut suite.command("nicon-wire")?)?;
    lab.wishes.truncate(6);
    // A third of them answers.
    let is_there = |item: &usize| lab.wishes[*item].0 == Some(2);
    let silent = |item: usize| {
        let mut record: Value = serde_json::from_str(&lab.record(item, "gone")).unwrap();
        for field in ["pid", "starttime", "ns"] {
            record.as_object_mut().unwrap().remove(field);
        }
        record["unknown"] = "no answer".into();
        format!("{record}\n")
    };
    let records: String =
        (0..6).map(|item| if is_there(&item) { lab.record(item, "present") } else { silent(item) }).collect();
    lab.stream.feed(records);
    // One pair is not asked for: an end of it is where it is known that it is not.
    let told = lab.stream.take(4 + 1);
    assert_eq!(told.iter().filter(|record| record.get("undone").is_some()).count(), 1, "{told:?}");
    until("it is idle", || (lab.stream.seen().is_empty()).then_some(()));
    assert_eq!(index(&lab), before);
    let arrived = [lab.records_of(0, "arrived"), lab.records_of(1, "arrived")].concat();
    lab.stream.feed(arrived);
    until("all that is not asked for is gone", || {
        lab.stream.seen();
        (0..3).all(|number| lab.place(number).links().len() == 3).then_some(())
    });
    lab.is_wired();
    assert_eq!((index(&lab), lab.stream.told()), (before, vec![]));
    lab.destroy(suite);
    Ok(())
}

/// A link that is not asked for any more goes, although one of its name is asked for in containers that are not there: these have none.
fn another_of_its_name(suite: &Suite) -> Result<(), Failed> {
    let mut lab = KeptLab::new(suite, 4, [pair("x", [0, 1], 7), pair("x", [2, 3], 8)].concat())?;
    lab.begin();
    lab.stream.signal(nix::sys::signal::Signal::SIGTERM);
    lab.stream.end();
    for number in [2, 3] {
        lab.stop(number);
    }
    lab.start_again(&mut suite.command("nicon-wire")?)?;
    lab.wishes.drain(..2);
    let records = lab.records();
    lab.stream.feed(records);
    until("it is gone", || {
        lab.stream.seen();
        (0..2).all(|number| lab.place(number).links() == ["lo"]).then_some(())
    });
    assert_eq!(lab.stream.told(), [""; 0]);
    let arrived = [lab.start(2), lab.start(3)].concat();
    lab.stream.feed(arrived);
    until("the other one is there", || lab.place(2).links().contains(&"x".to_owned()).then_some(()));
    lab.is_wired();
    lab.destroy(suite);
    Ok(())
}

/// Each time that a container is restarted, its own link is another one. How those were that have ended is forgotten.
fn end_with_each_restart(suite: &Suite) -> Result<(), Failed> {
    let wish = json!({"link": "own", "name": "own", "from": "target", "mtu": 1300});
    let mut lab = KeptLab::new(suite, 1, vec![(Some(0), wish)])?;
    let own = |lab: &KeptLab| lab.place(0).ip("link add own type veth peer name other");
    own(&lab);
    lab.begin();
    let prefix = format!("kept.{}:", lab.plan);
    let kept = || {
        let names = std::fs::read_dir("/run/nicon").unwrap().flatten();
        names.filter(|entry| entry.file_name().to_string_lossy().starts_with(&prefix)).count()
    };
    assert_eq!(kept(), 1);
    let mut most = 0;
    for _ in 0..40 {
        let gone = lab.stop(0);
        let arrived = lab.start(0);
        own(&lab);
        lab.stream.feed(gone + &arrived);
        until("it is as asked for", || one(&lab.place(0).ip("-j link show dev own"))["mtu"].eq(&1300).then_some(()));
        lab.stream.seen();
        most = most.max(kept());
    }
    assert!(most < 25, "{most} are kept");
    lab.place(0).ip("link delete own");
    lab.destroy(suite);
    Ok(())
}

/// Containers and the file are followed, and not links: what somebody deletes is made again with the next change of either.
fn what_somebody_deletes(suite: &Suite) -> Result<(), Failed> {
    let mut lab = KeptLab::new(suite, 2, ring(2))?;
    lab.begin();
    for is_revised in [false, true] {
        let name = lab.wishes[0].1["name"].as_str().ok_or("no name")?;
        lab.place(0).ip(&format!("link delete {name}"));
        lab.revision += u64::from(is_revised);
        let records = if is_revised { lab.records() } else { lab.records_of(1, "changed") };
        lab.stream.feed(records);
        assert_eq!(changed(&lab.stream.take(4)).iter().filter(|changed| **changed).count(), 2);
        lab.is_wired();
    }
    assert_eq!(lab.stream.told(), [""; 0]);
    lab.destroy(suite);
    Ok(())
}
