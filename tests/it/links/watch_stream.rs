//! nicon-links --watch follows containers as a stream of records tells that they come, change and go.

use libtest_mimic::{Failed, Trial};
use nicon_lab::{Lab, tool, wait_for, witness};
use serde_json::{Value, json};

use crate::support::links::{Pair, Place, ip, links, names};
use crate::support::stream::Stream;
use crate::support::suite::Suite;

use super::watch_ends::{Name, watch};

pub(crate) fn trials(suite: &Suite) -> Vec<Trial> {
    let trial = |name, test: fn(&Suite) -> Result<(), Failed>| {
        suite.trial_of_kernel(&[], &format!("links::watch_stream::{name}"), test)
    };
    vec![
        trial("records_that_come_late", late),
        trial("containers_that_are_gone", gone),
        trial("a_container_that_is_told_twice", twice),
        trial("a_container_that_has_another_name", renamed),
        trial("a_newer_revision_of_a_plan", newer_revision),
        trial("lines_that_tell_nothing", nothing),
        trial("an_input_that_ends", ends),
        suite.trial("links::watch_stream::what_resolve_tells", what_resolve_tells),
    ]
}

/// A record of a place, as nicon-resolve would print it.
fn record(place: &Place, target: &str, more: &Value) -> String {
    let mut record = json!({"target": target, "pid": place.pid()});
    record.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    format!("{record}\n")
}

fn event(place: &Place, target: &str, event: &str) -> String {
    record(place, target, &json!({"event": event}))
}

/// The next records, about as many links as `ip` shows: they are those, and this has happened to each.
#[track_caller]
fn are_links(watching: &mut Stream, place: &Place, target: &str, event: &str) {
    let mut shown = place.links();
    let records = watching.take(shown.len());
    for record in &records {
        let told = (&record["target"], &record["nic"]["event"], &record["nic"]["netns"]);
        assert_eq!(told, (&json!(target), &json!(event), &json!(place.netns())), "{record}");
        assert!(record.get("event").is_none(), "that would be about the container: {record}");
    }
    let mut told: Vec<_> = records.iter().map(|record| record["nic"]["name"].as_str().unwrap().to_owned()).collect();
    told.sort();
    shown.sort();
    assert_eq!(told, shown);
}

fn late(suite: &Suite) -> Result<(), Failed> {
    let (a, b) = (Place::new(), Place::new());
    a.ip(&format!("link add to-b type veth peer name to-a netns {}", b.pid()));
    let mut watching = watch(suite, &[])?;
    watching.feed(event(&a, "x.a", "present"));
    are_links(&mut watching, &a, "x.a", "present");
    watching.feed(event(&b, "x.b", "arrived"));
    are_links(&mut watching, &b, "x.b", "arrived");
    // Whose other end it is, is known from now on.
    let peer = &watching.nic("changed", "to-b")["peer"];
    assert_eq!((&peer["target"], &peer["netns"]), (&json!("x.b"), &json!(b.netns())));
    b.ip("link add br0 type bridge");
    assert_eq!(watching.nic("arrived", "br0")["netns"], b.netns());
    // Of a record without an event, all is there at once.
    let c = Place::new();
    watching.feed(record(&c, "x.c", &json!({"paused": true})));
    are_links(&mut watching, &c, "x.c", "present");
    assert!(watching.told().is_empty());
    Ok(())
}

fn gone(suite: &Suite) -> Result<(), Failed> {
    let (a, b, pair) = (Place::new(), Place::new(), Pair::new());
    ip(&format!("link set {} netns {} name eth1", pair.link, b.pid()));
    let mut watching = watch(suite, &[])?;
    watching.feed(event(&a, "x.a", "present") + &event(&b, "x.b", "present"));
    are_links(&mut watching, &a, "x.a", "present");
    are_links(&mut watching, &b, "x.b", "present");
    // Its process may be there still.
    watching.feed(event(&a, "x.a", "gone"));
    are_links(&mut watching, &a, "x.a", "gone");
    a.ip("link add br0 type bridge");
    watching.says_nothing();
    watching.feed(event(&a, "x.a", "arrived"));
    are_links(&mut watching, &a, "x.a", "arrived");
    // Its process may have gone before that is told. Its namespace is not held.
    let told_later = event(&b, "x.b", "gone");
    drop(b);
    watching.nic("gone", "eth1");
    wait_for("the end of its namespace", || !links().contains(&pair.peer));
    watching.feed(told_later);
    watching.feed(event(&a, "x.a", "gone"));
    watching.nic("gone", "br0");
    // Nothing is watched, but more may come.
    let c = Place::new();
    watching.feed(event(&c, "x.c", "arrived"));
    are_links(&mut watching, &c, "x.c", "arrived");
    watching.end_input();
    drop(c);
    assert_eq!(watching.end().code(), Some(0));
    assert_eq!(watching.told_in_the_end(false), "");
    Ok(())
}

/// By a path and by a pattern, or as the place of two links of a plan.
fn twice(suite: &Suite) -> Result<(), Failed> {
    let place = Place::new();
    let item = |item: u32, event: &str| {
        record(&place, "x.a", &json!({"plan": "lab", "plan_item": item, "plan_size": 2, "event": event}))
    };
    let mut watching = watch(suite, &[])?;
    watching.feed(item(1, "present") + &item(2, "present"));
    let present = watching.take(2);
    assert_eq!((&present[0]["plan_item"], &present[1]["plan_item"]), (&json!(1), &json!(2)));
    watching.feed(item(2, "gone"));
    let gone = watching.record();
    assert_eq!((&gone["plan_item"], &gone["nic"]["event"]), (&json!(2), &json!("gone")));
    place.ip("link add br0 type bridge");
    let arrived = watching.record();
    assert_eq!((&arrived["plan_item"], &arrived["nic"]["name"]), (&json!(1), &json!("br0")));
    watching.says_nothing();
    Ok(())
}

fn renamed(suite: &Suite) -> Result<(), Failed> {
    let place = Place::new();
    place.ip("link add br0 type bridge");
    let mut watching = watch(suite, &[])?;
    watching.feed(event(&place, "x.a", "present"));
    are_links(&mut watching, &place, "x.a", "present");
    let changed = |was: &str, paused: bool| {
        record(&place, "x.b", &json!({"event": "changed", "paused": paused, "was": {"target": was}}))
    };
    watching.feed(changed("x.a", true));
    watching.says_nothing();
    place.ip("link set br0 mtu 1300");
    let told = watching.record();
    assert_eq!((&told["target"], &told["paused"]), (&json!("x.b"), &json!(true)), "{told}");
    assert_eq!(told["nic"]["was"], json!({"mtu": 1500}), "{told}");
    assert!(told.get("was").is_none() && told.get("event").is_none(), "{told}");
    let shown: Value = serde_json::from_str(&place.ip("-j link show dev br0"))?;
    assert_eq!(told["nic"]["mtu"], shown[0]["mtu"]);
    watching.feed(changed("x.b", false) + &event(&place, "x.b", "gone"));
    are_links(&mut watching, &place, "x.b", "gone");
    watching.end_input();
    assert_eq!(watching.end().code(), Some(0));
    Ok(())
}

fn newer_revision(suite: &Suite) -> Result<(), Failed> {
    let (a, b, _name) = (Place::new(), Place::new(), Name::add("revised-1"));
    let of = |place: &Place, target: &str, revision: u32| {
        record(place, target, &json!({"event": "present", "plan": "lab", "plan_item": 1, "plan_revision": revision}))
    };
    let mut watching = watch(suite, &[])?;
    let named = json!({"target": "netns:revised-1", "event": "present", "plan": "lab", "plan_revision": 1});
    watching.feed(format!("{}{}{named}\n", of(&a, "x.a", 1), of(&b, "x.b", 1)));
    are_links(&mut watching, &a, "x.a", "present");
    are_links(&mut watching, &b, "x.b", "present");
    watching.nic("present", "lo");
    watching.feed(of(&b, "x.b", 2));
    are_links(&mut watching, &a, "x.a", "gone");
    are_links(&mut watching, &b, "x.b", "gone");
    watching.nic("gone", "lo");
    are_links(&mut watching, &b, "x.b", "present");
    a.ip("link add br0 type bridge");
    ip("-n revised-1 link add br1 type bridge");
    watching.says_nothing();
    Ok(())
}

fn nothing(suite: &Suite) -> Result<(), Failed> {
    let place = Place::new();
    let mut watching = watch(suite, &[])?;
    watching.feed("{\"target\":\"x.never\",\"event\":\"gone\"}\n");
    watching.feed(event(&place, "x.never", "gone"));
    watching.feed(event(&place, "x.a", "present"));
    are_links(&mut watching, &place, "x.a", "present");
    // Half a line holds nobody up.
    let (first, second) = ("\n\n{\"target\":\"netns:not-there-", "at-all\",\"event\":\"present\"}\nno record\n");
    watching.feed(first);
    place.ip("link add br0 type bridge");
    watching.nic("arrived", "br0");
    assert!(watching.told().is_empty());
    watching.feed(second);
    assert!(watching.error().contains("line 6: no network namespace is called \"not-there-at-all\""));
    assert!(watching.error().contains("line 7"));
    // It may come.
    let _name = Name::add("not-there-at-all");
    watching.nic("arrived", "lo");
    Ok(())
}

fn ends(suite: &Suite) -> Result<(), Failed> {
    let place = Place::new();
    let mut watching = watch(suite, &[])?;
    watching.feed(event(&place, "x.a", "present"));
    watching.nic("present", "lo");
    watching.end_input();
    place.ip("link add br0 type bridge");
    watching.nic("arrived", "br0");
    drop(place);
    watching.nic("gone", "br0");
    assert_eq!(watching.end().code(), Some(0));
    assert_eq!(watching.told_in_the_end(false), "");
    // Nothing has ever been watched.
    let mut watching = watch(suite, &[])?;
    watching.feed("{\"target\":\"x.never\",\"event\":\"gone\"}\n");
    watching.end_input();
    assert_eq!(watching.end().code(), Some(0));
    // A plain list is read to its end, and that a process has ended is told.
    let (a, b) = (Place::new(), Place::new());
    a.ip(&format!("link add to-b type veth peer name to-a netns {}", b.pid()));
    let mut watching = watch(suite, &[])?;
    watching.feed(record(&a, "x.a", &json!({})));
    watching.says_nothing();
    watching.feed(record(&b, "x.b", &json!({})));
    watching.end_input();
    assert_eq!(watching.nic("present", "to-b")["peer"]["target"], "x.b");
    are_links(&mut watching, &b, "x.b", "present");
    drop((a, b));
    assert_eq!(watching.end().code(), Some(1));
    assert_eq!(watching.told_in_the_end(false).matches("exited: nobody is left").count(), 2);
    Ok(())
}

fn what_resolve_tells(suite: &Suite, lab: &Lab) -> Result<(), Failed> {
    let script = "\"$1\" --watch 'setup.strea*' | \"$2\" --watch";
    let mut shell = tool("sh");
    shell.args(["-c", script, "sh"]);
    for program in ["nicon-resolve", "nicon-links"] {
        shell.arg(suite.bins()?.join(program));
    }
    let mut watching = Stream::start(&mut shell)?;
    for _ in 0..2 {
        lab.run_container("setup", "streamed", &[])?;
        let pid = lab.host_pid("setup.streamed")?;
        let netns = witness::ns_link(pid, "net").unwrap();
        let arrived = watching.record();
        let nic = &arrived["nic"];
        assert_eq!((&arrived["target"], &arrived["pid"]), (&json!("setup.streamed"), &json!(pid)), "{arrived}");
        assert_eq!((&nic["name"], &nic["event"]), (&json!("lo"), &json!("arrived")), "{arrived}");
        assert_eq!(format!("net:[{}]", nic["netns"]), netns);
        let net = format!("--net=/proc/{pid}/ns/net");
        let in_it = |words: &str| {
            let mut ip = tool("nsenter");
            ip.args([&net, "ip"]).args(words.split(' '));
            nicon_lab::output_within(&mut ip, nicon_lab::LIMIT).unwrap().ok().unwrap()
        };
        in_it("link add br0 type bridge");
        watching.nic("arrived", "br0");
        assert_eq!(names(&in_it("-j link")), ["lo", "br0"]);
        lab.remove("setup", "streamed")?;
        let gone = watching.take(2);
        assert!(gone.iter().all(|gone| gone["pid"] == pid && gone["nic"]["event"] == "gone"), "{gone:?}");
    }
    assert!(watching.told().is_empty());
    Ok(())
}
