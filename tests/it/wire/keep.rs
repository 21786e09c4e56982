//! Keeping a plan wired while its containers come and go, as nicon-resolve --watch tells it.

use std::fs::File;

use libtest_mimic::{Failed, Trial};
use nicon_lab::until;
use serde_json::{Value, json};

use super::keep_lab::{KeptLab, changed, is_as_before, pair, ring};
use crate::support::links::{Pair, ip, one, state};
use crate::support::suite::Suite;

pub(crate) fn trials(suite: &Suite) -> Vec<Trial> {
    vec![
        suite.trial_of_kernel(&[], "wire::keep::either_end_is_restarted", either_end),
        suite.trial_of_kernel(&[], "wire::keep::an_end_that_the_kernel_has_not_removed_yet", not_removed_yet),
        suite.trial_of_kernel(&[], "wire::keep::a_card_that_comes_home", a_card),
        suite.trial_of_kernel(&[], "wire::keep::each_revision_replaces_the_last", revisions),
        suite.trial_of_kernel(&[], "wire::keep::a_plan_that_gets_another_name", another_name),
        suite.trial_of_kernel(&[], "wire::keep::two_containers_swap_their_names", swapped_names),
        suite.trial_of_kernel(&[], "wire::keep::two_names_of_a_container", two_names),
        suite.trial_of_kernel(&[], "wire::keep::links_on_others", links_on_others),
        suite.trial_of_kernel(&[], "wire::keep::nothing_keeps_a_container_alive", keeps_nothing_alive),
        suite.trial_of_kernel(&[], "wire::keep::hundreds_of_events", hundreds_of_events),
    ]
}

fn either_end(suite: &Suite) -> Result<(), Failed> {
    let mut lab = KeptLab::new(suite, 3, ring(3))?;
    assert_eq!(changed(&lab.begin()), [true; 6]);
    lab.is_wired();
    for numbers in [&[0][..], &[1], &[2], &[0, 1], &[2, 1, 0]] {
        lab.restart(numbers);
        lab.is_wired();
    }
    // Only what has an end there is touched.
    let [first, _] = [lab.place(1), lab.place(2)].map(|place| one(&place.ip("-j link show dev p1"))["ifindex"].clone());
    lab.restart(&[0]);
    assert_eq!(one(&lab.place(1).ip("-j link show dev p1"))["ifindex"], first);
    // What is there already is told as such.
    let same = lab.records_of(1, "changed");
    lab.stream.feed(same);
    let told = lab.stream.take(4);
    assert_eq!((changed(&told), &told[1]["event"]), (vec![false; 4], &json!("changed")));
    assert_eq!(lab.stream.told(), [""; 0]);
    lab.destroy(suite);
    Ok(())
}

/// Somebody holds the network namespace of a container that has ended, so that its links live on: an end that leads there is in the
/// way of the one that leads to the new container.
fn not_removed_yet(suite: &Suite) -> Result<(), Failed> {
    let mut lab = KeptLab::new(suite, 2, [ring(2), pair("other", [0, 1], 9).to_vec()].concat())?;
    lab.begin();
    let held = File::open(format!("/proc/{}/ns/net", lab.place(0).pid()))?;
    let before = one(&lab.place(1).ip("-j link show dev p0"))["ifindex"].clone();
    lab.restart(&[0]);
    assert_ne!(one(&lab.place(1).ip("-j link show dev p0"))["ifindex"], before);
    lab.is_wired();
    assert_eq!(lab.stream.told(), [""; 0]);
    drop(held);
    lab.destroy(suite);
    Ok(())
}

/// A network card goes home when its container ends, under the name that it has there. (This kernel has no card: it is sent.)
fn a_card(suite: &Suite) -> Result<(), Failed> {
    let card = Pair::new();
    ip(&format!("addr add 198.51.100.9/24 dev {}", card.link));
    let before = state(&card.link);
    let wish = json!({"link": card.link, "name": format!("{}-in", card.link), "addr": ["192.0.2.1/24"]});
    let mut lab = KeptLab::new(suite, 2, [vec![(Some(0), wish.clone())], ring(2)].concat())?;
    lab.begin();
    lab.is_wired();
    let send_home = |lab: &KeptLab| {
        lab.place(0).ip(&format!("link set {} netns {}", wish["name"].as_str().unwrap(), std::process::id()));
    };
    for _ in 0..2 {
        send_home(&lab);
        lab.restart(&[0]);
        lab.is_wired();
    }
    // It comes late: what waits for it is done at once then.
    send_home(&lab);
    let name = wish["name"].as_str().unwrap();
    let elsewhere = crate::support::links::Place::new();
    ip(&format!("link set {name} netns {}", elsewhere.pid()));
    let gone = lab.stop(0);
    lab.stream.feed(&gone);
    lab.stream.take(gone.lines().count());
    let arrived = lab.start(0);
    lab.stream.feed(arrived);
    lab.stream.take(4);
    let failure = lab.stream.error();
    assert!(failure.contains(name) && failure.contains(&format!("no link {} in host", card.link)), "{failure}");
    elsewhere.ip(&format!("link set {name} netns {}", std::process::id()));
    assert_eq!(changed(&lab.stream.take(1)), [true]);
    assert!(lab.stream.error().ends_with(": mended"));
    lab.is_wired();
    // It is at home when its container does not run, and there when the plan goes.
    send_home(&lab);
    lab.destroy(suite);
    is_as_before(&before, &card);
    Ok(())
}

fn revisions(suite: &Suite) -> Result<(), Failed> {
    let mut lab = KeptLab::new(suite, 3, ring(3))?;
    lab.begin();
    let index = |lab: &KeptLab| one(&lab.place(1).ip("-j link show dev p1"))["ifindex"].clone();
    let before = index(&lab);
    // One pair leaves, one comes, one has other values and one leads elsewhere.
    lab.revision = 2;
    lab.wishes.drain(4..);
    lab.wishes.extend(pair("new", [0, 1], 7));
    lab.wishes[2].1["mtu"] = 1300.into();
    lab.wishes[1].0 = Some(2);
    let records = lab.records();
    lab.stream.feed(records);
    let told = lab.stream.take(2 + 2 + 6);
    assert_eq!(told.iter().filter(|record| record.get("undone").is_some()).count(), 4, "{told:?}");
    lab.is_wired();
    assert_eq!(lab.place(2).links().iter().filter(|name| name.as_str() == "p2").count(), 0);
    let link = one(&lab.place(1).ip("-j link show dev p1"));
    assert_eq!((&link["ifindex"], &link["mtu"]), (&before, &json!(1300)));
    // Until all of a revision has come, nothing is done. What is late of an old one is nothing.
    let late = lab.records();
    lab.revision = 3;
    lab.wishes.pop();
    lab.wishes.pop();
    let records = lab.records();
    let (last, first) = records.trim_end().rsplit_once('\n').map(|(first, last)| (last, first)).unwrap();
    lab.stream.feed(format!("{first}\n{late}"));
    lab.stream.says_nothing();
    assert!(lab.place(0).links().contains(&"new".to_owned()));
    lab.stream.feed(format!("{last}\n"));
    lab.stream.take(2 + 4);
    lab.is_wired();
    assert!(!lab.place(0).links().contains(&"new".to_owned()));
    // A plan that asks for nothing any more.
    let nothing =
        json!({"target":"host","plan":lab.plan,"plan_size":0,"plan_item":0,"plan_revision":4,"event":"present"});
    lab.stream.feed(format!("{nothing}\n"));
    lab.stream.take(1 + 4);
    for number in 0..3 {
        assert_eq!(lab.place(number).links(), ["lo"]);
    }
    lab.destroy(suite);
    Ok(())
}

/// What asks for the same under another name, be that before or behind the old one, has its own links in the place of the old ones.
fn another_name(suite: &Suite) -> Result<(), Failed> {
    let mut lab = KeptLab::new(suite, 2, ring(2))?;
    lab.begin();
    let first = lab.plan.clone();
    for name in [format!("{first}-z"), format!("{first}-a"), first] {
        let revision = lab.revision + 1;
        let nothing = json!({"target":"host","plan":lab.plan,"plan_size":0,"plan_item":0,"plan_revision":revision,"event":"present"});
        (lab.plan, lab.revision) = (name, revision);
        let records = lab.records();
        lab.stream.feed(format!("{nothing}\n{records}"));
        let told = lab.stream.take(1 + 4 + 4);
        assert_eq!(told.iter().filter(|record| record.get("undone").is_some()).count(), 4, "{told:?}");
        assert_eq!(changed(&told[5..]), [true; 4]);
        lab.is_wired();
    }
    assert_eq!(lab.stream.told(), [""; 0]);
    lab.destroy(suite);
    Ok(())
}

/// For a moment, both names lead to the same container: what is wired there for one is not taken away for the other.
fn swapped_names(suite: &Suite) -> Result<(), Failed> {
    let mut wishes = [pair("one", [0, 1], 1), pair("two", [1, 2], 2)].concat();
    for (item, name) in ["east", "west", "east", "west"].iter().enumerate() {
        wishes[item].1["name"] = (*name).into();
    }
    let mut lab = KeptLab::new(suite, 3, wishes)?;
    lab.begin();
    for _ in 0..2 {
        let (gone, late) = (lab.records_of(1, "gone"), lab.records_of(2, "gone"));
        lab.places.swap(1, 2);
        lab.stream.feed(gone);
        lab.stream.take(2);
        let arrived = lab.records_of(1, "arrived");
        lab.stream.feed(arrived);
        assert_eq!(changed(&lab.stream.take(2)), [true; 2]);
        let failure = lab.stream.error();
        assert!(failure.contains("west already exists in c2"), "{failure}");
        lab.stream.feed(late);
        lab.stream.take(1);
        let arrived = lab.records_of(2, "arrived");
        lab.stream.feed(arrived);
        assert_eq!(changed(&lab.stream.take(2)), [true; 2]);
        lab.is_wired();
    }
    assert_eq!(lab.stream.told(), [""; 0]);
    lab.destroy(suite);
    Ok(())
}

/// Two paths lead to one network namespace, and ask for different links of the same name there: the first stays, whatever comes.
fn two_names(suite: &Suite) -> Result<(), Failed> {
    let mut wishes = [pair("one", [0, 1], 1), pair("two", [0, 1], 2)].concat();
    wishes[2].1["name"] = "one".into();
    let mut lab = KeptLab::new(suite, 2, wishes)?;
    let records = lab.records();
    lab.stream.feed(records);
    lab.stream.take(2);
    assert!(lab.stream.error().contains("one already exists in c0"));
    let index = |lab: &KeptLab| one(&lab.place(0).ip("-j link show dev one"))["ifindex"].clone();
    let before = index(&lab);
    for _ in 0..2 {
        lab.revision += 1;
        let records = lab.records();
        lab.stream.feed(records);
        assert_eq!(changed(&lab.stream.take(2)), [false; 2]);
        assert_eq!(index(&lab), before);
        assert!(lab.stream.error().contains("one already exists in c0"));
    }
    lab.wishes.truncate(2);
    lab.is_wired();
    lab.destroy(suite);
    Ok(())
}

/// A bridge with ports, what sits on an end in another container, and what is stitched to one: the kernel removes them with what they need.
fn links_on_others(suite: &Suite) -> Result<(), Failed> {
    let mut wishes = vec![
        (Some(0), json!({"kind": "bridge", "name": "br7", "addr": ["10.77.20.1/24"]})),
        (Some(0), json!({"pair": "port", "name": "port", "master": "br7"})),
        (Some(1), json!({"pair": "port", "name": "eth1", "addr": ["10.77.20.2/24"], "far": "10.77.20.1"})),
        (
            Some(2),
            json!({"kind": "macvlan", "name": "mv", "parent": "eth1", "from": Value::Null, "addr": ["10.77.20.3/24"], "far": "10.77.20.1"}),
        ),
        (Some(1), json!({"pair": "stitched", "name": "st"})),
        (Some(2), json!({"pair": "stitched", "name": "st-far"})),
        (
            Some(2),
            json!({"kind": "vxlan", "name": "vx", "vni": 77, "remote": "192.0.2.1", "dstport": 0, "stitch": "st-far", "from": "target"}),
        ),
    ];
    wishes.rotate_left(3);
    let mut lab = KeptLab::new(suite, 3, wishes)?;
    let from = |lab: &mut KeptLab| {
        let place = lab.place(1);
        let from = json!({"target": "c1", "pid": place.pid()});
        lab.wishes[0].1["from"] = from;
    };
    from(&mut lab);
    lab.begin();
    let is_wired = |lab: &KeptLab| {
        lab.is_wired();
        assert_eq!(one(&lab.place(0).ip("-j link show dev port"))["master"], "br7");
        let filters = lab.place(2).sh("tc filter show dev st-far ingress; tc filter show dev vx ingress");
        assert!(filters.contains("vx") && filters.contains("st-far"), "{filters}");
    };
    is_wired(&lab);
    for numbers in [&[0][..], &[2], &[1], &[0, 1], &[1, 2]] {
        let gone: String = numbers.iter().map(|number| lab.stop(*number)).collect();
        // What sits on a link of another container is told anew when that is.
        lab.stream.feed(&gone);
        lab.stream.take(gone.lines().count());
        let mut arrived: String = numbers.iter().map(|number| lab.start(*number)).collect();
        from(&mut lab);
        arrived += &lab.record(0, "changed");
        lab.stream.feed(&arrived);
        // It makes what it needs first, so that the last unit to be told is known by being in place.
        until("all is wired", || {
            lab.stream.seen();
            let there = |number: usize, name: &str| lab.place(number).links().contains(&name.to_owned());
            let stitched = || lab.place(2).sh("tc filter show dev vx ingress 2>&1 || :").contains("st-far");
            let up = |number: usize, name: &str| {
                lab.place(number).sh(&format!("ip addr show dev {name}")).contains("inet 10.")
            };
            // The end that it sat on may be there still, and goes with the container that it was in.
            let answers = || lab.place(2).sh("ping -q -c1 -W1 10.77.20.1 || :").contains(" 0% packet loss");
            let all = there(0, "port") && there(2, "mv") && up(2, "mv") && there(2, "vx") && stitched() && answers();
            all.then_some(())
        });
        is_wired(&lab);
    }
    assert_eq!(lab.stream.told(), [""; 0]);
    lab.destroy(suite);
    Ok(())
}

/// The namespace of a container ends with it, and the other ends of its pairs go, though nobody has told that it ended.
fn keeps_nothing_alive(suite: &Suite) -> Result<(), Failed> {
    let mut lab = KeptLab::new(suite, 2, ring(2))?;
    lab.begin();
    let held = || {
        let files = std::fs::read_dir(format!("/proc/{}/fd", lab.stream.pid())).unwrap().flatten();
        let links = files.filter_map(|file| std::fs::read_link(file.path()).ok());
        links.filter(|link| link.to_string_lossy().starts_with("net:[")).count()
    };
    until("it holds no namespace but ours", || (held() <= 1).then_some(()));
    lab.places[0] = None;
    until("the kernel has removed the other ends", || (lab.place(1).links() == ["lo"]).then_some(()));
    lab.places[1] = None;
    lab.stream.end_input();
    assert_eq!(lab.stream.end().code(), Some(2));
    assert!(lab.stream.error().contains("the plan's stream has ended"));
    Ok(())
}

fn hundreds_of_events(suite: &Suite) -> Result<(), Failed> {
    let mut lab = KeptLab::new(suite, 3, ring(3))?;
    lab.begin();
    // Of its own memory: the pages of its file come and go with what else runs on the machine.
    let memory = |lab: &KeptLab| {
        let status = std::fs::read_to_string(format!("/proc/{}/status", lab.stream.pid())).unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix("RssAnon:")).unwrap();
        line.trim().trim_end_matches(" kB").parse::<u64>().unwrap()
    };
    let feed = |lab: &mut KeptLab, rounds| {
        for round in 0..rounds {
            let events =
                [lab.records_of(0, "gone"), lab.records_of(0, "arrived"), lab.records_of(1, "changed")].concat();
            lab.stream.feed(events);
            if round % 50 == 0 {
                lab.restart(&[1]);
            }
            lab.stream.seen();
        }
        // Whatever is still to be printed comes before this.
        let last = lab.records_of(2, "changed");
        lab.stream.feed(last);
        until("the last event", || {
            lab.stream
                .seen()
                .iter()
                .any(|record| record["target"] == "c2" && record["event"] == "changed")
                .then_some(())
        });
    };
    // The allocator takes its share at first.
    feed(&mut lab, 400);
    let after_some = memory(&lab);
    feed(&mut lab, 1600);
    assert!(memory(&lab) < after_some + 512, "{} kB, and {after_some} before", memory(&lab));
    lab.is_wired();
    assert_eq!(lab.stream.told(), [""; 0]);
    lab.destroy(suite);
    Ok(())
}
