//! nicon-links --watch tells whatever happens to the links of a namespace.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader};
use std::process::{Child, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::Instant;

use libtest_mimic::{Failed, Trial};
use nicon_lab::{LIMIT, becomes, output_within, tool, wait_for, witness};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::{Value, json};

use crate::support::links::{Pair, Place, ip, links, one};
use crate::support::suite::Suite;

pub(crate) fn trials(suite: &Suite) -> Vec<Trial> {
    vec![
        suite.trial_of_kernel(&[], "links::watch::watch_tells_each_change", watch_tells_each_change),
        suite.trial_of_kernel(&[], "links::watch::watch_survives_pairs", watch_survives_pairs),
        suite.trial_of_kernel(
            &[],
            "links::watch::watch_survives_the_end_of_a_peers_namespace",
            watch_survives_the_end_of_a_peers_namespace,
        ),
        suite.trial_of_kernel(&[], "links::watch::watch_survives_a_storm_of_pairs", watch_survives_a_storm_of_pairs),
        suite.trial_of_kernel(&[], "links::watch::watch_recovers_from_an_overrun", watch_recovers_from_an_overrun),
        suite.trial_of_kernel(
            &[],
            "links::watch::watch_forgets_what_left_in_an_overrun",
            watch_forgets_what_left_in_an_overrun,
        ),
        suite.trial_of_kernel(&[], "links::watch::watch_keeps_no_namespace_alive", watch_keeps_no_namespace_alive),
    ]
}

/// A run that goes on, and what it has told so far.
struct Watching {
    child: Child,
    events: Receiver<Value>,
    /// The links by their ifindex, as the events add up to.
    links: BTreeMap<u64, Seen>,
}

/// The name of a link, and the ifindex of its other end.
type Seen = (String, Option<u64>);

impl Watching {
    fn start(suite: &Suite, place: &Place) -> Result<Self, Failed> {
        let mut command = suite.command("nicon-links")?;
        command.args(["--watch", "-t", &place.pid().to_string()]);
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn()?;
        let lines = BufReader::new(child.stdout.take().ok_or("no pipe")?).lines();
        let (sender, events) = channel();
        std::thread::spawn(move || {
            for line in lines.map_while(Result::ok) {
                let mut record: Value = serde_json::from_str(&line).unwrap();
                assert!(record.get("event").is_none(), "that would be about the container: {line}");
                let _ = sender.send(record["nic"].take());
            }
        });
        Ok(Self { child, events, links: BTreeMap::new() })
    }

    fn next(&mut self) -> Value {
        let event: Value = self.events.recv_timeout(LIMIT).expect("an event");
        let ifindex = event["ifindex"].as_u64().unwrap();
        let known = if event["event"] == "gone" {
            self.links.remove(&ifindex)
        } else {
            let name = event["name"].as_str().unwrap().to_owned();
            self.links.insert(ifindex, (name, event["peer"]["ifindex"].as_u64()))
        };
        let news = ["present", "arrived"].iter().any(|news| event["event"] == *news);
        assert_eq!(known.is_none(), news, "{event}");
        event
    }

    /// The next event about the link called `name`.
    fn of(&mut self, name: &str) -> Value {
        loop {
            let event = self.next();
            if event["name"] == name {
                return event;
            }
        }
    }

    /// Whether the events come to add up to what is there.
    fn adds_up_to(&mut self, place: &Place) -> bool {
        let there = seen_by_ip(place);
        let give_up = Instant::now() + LIMIT;
        while self.links != there && Instant::now() < give_up {
            self.next();
        }
        self.links == there
    }

    fn signal(&self, signal: Signal) {
        kill(Pid::from_raw(self.child.id().cast_signed()), signal).unwrap();
    }
}

impl Drop for Watching {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// What `ip` tells of a place's links. The other end of a veth it tells by name, if that is there as well.
fn seen_by_ip(place: &Place) -> BTreeMap<u64, Seen> {
    let links: Vec<Value> = serde_json::from_str(&place.ip("-j link")).unwrap();
    let ifindex = |name: &Value| links.iter().find(|link| link["ifname"] == *name)?["ifindex"].as_u64();
    let seen = |link: &Value| {
        let peer = link["link_index"].as_u64().or_else(|| ifindex(&link["link"]));
        (link["ifindex"].as_u64().unwrap(), (link["ifname"].as_str().unwrap().to_owned(), peer))
    };
    links.iter().map(seen).collect()
}

fn watch_tells_each_change(suite: &Suite) -> Result<(), Failed> {
    let (place, other) = (Place::new(), Place::new());
    place.ip("link add v0 type veth peer name v1");
    let mut watching = Watching::start(suite, &place)?;
    for name in ["lo", "v1", "v0"] {
        assert_eq!(watching.of(name)["event"], "present");
    }
    place.ip("link add br0 type bridge");
    assert_eq!(watching.of("br0")["event"], "arrived");
    place.ip("link set v0 name uplink");
    let renamed = watching.of("uplink");
    assert_eq!((&renamed["event"], &renamed["was"]["name"]), (&json!("changed"), &json!("v0")));
    place.ip("link set uplink mtu 1300");
    let changed = watching.of("uplink");
    assert_eq!((&changed["mtu"], &changed["was"]), (&json!(1300), &json!({"mtu": 1500})));
    place.ip("addr add 192.0.2.7/24 dev uplink");
    assert_eq!(watching.of("uplink")["addresses"], json!(["192.0.2.7/24"]));
    place.ip("addr del 192.0.2.7/24 dev uplink");
    assert_eq!(watching.of("uplink")["addresses"], json!([]));
    place.ip("link set uplink master br0");
    assert_eq!(watching.of("uplink")["master"]["name"], "br0");
    place.ip("link set uplink nomaster");
    let released = loop {
        let event = watching.of("uplink");
        assert_eq!(event["event"], "changed", "leaving a bridge is no departure");
        if event["master"].is_null() {
            break event;
        }
    };
    assert_eq!(released["was"]["master"]["name"], "br0");
    place.ip(&format!("link set uplink netns {}", other.pid()));
    let moved = loop {
        let event = watching.of("uplink");
        if event["event"] == "gone" {
            break event;
        }
    };
    assert_eq!(moved["to"]["netns"], other.netns(), "{moved}");
    assert_eq!(moved["to"]["ifindex"], one(&other.ip("-j link show dev uplink"))["ifindex"]);
    place.ip("link del br0");
    assert!(watching.adds_up_to(&place));
    Ok(())
}

/// Of the two ends of a pair that is being made, or removed, the kernel announces one as the end of nothing.
fn watch_survives_pairs(suite: &Suite) -> Result<(), Failed> {
    let (place, other) = (Place::new(), Place::new());
    let mut watching = Watching::start(suite, &place)?;
    assert_eq!(watching.of("lo")["event"], "present");
    place.ip("link add v0 type veth peer name v1");
    let second = watching.of("v1");
    assert_eq!((&second["event"], &second["peer"]["name"]), (&json!("arrived"), &json!("v0")));
    assert_eq!(watching.of("v0")["peer"]["name"], "v1");
    assert!(watching.adds_up_to(&place), "{:?}", watching.links);
    place.ip("link del v0");
    let mut gone = [watching.next(), watching.next()].map(|event| (event["event"].clone(), event["name"].clone()));
    gone.sort_by_key(|(_, name)| name.to_string());
    assert_eq!(gone, [(json!("gone"), json!("v0")), (json!("gone"), json!("v1"))]);
    // One end elsewhere, made and removed from either side: the end that is watched is the first, then the second.
    for (from, to) in [(&place, &other), (&other, &place)] {
        from.ip(&format!("link add near type veth peer name far netns {}", to.pid()));
        let watched = if from.pid() == place.pid() { "near" } else { "far" };
        let arrived = watching.of(watched);
        assert_eq!((&arrived["event"], &arrived["peer"]["netns"]), (&json!("arrived"), &json!(other.netns())));
        assert!(watching.adds_up_to(&place), "{:?}", watching.links);
        to.ip("link del far");
        while watching.of(watched)["event"] != "gone" {}
    }
    assert!(watching.adds_up_to(&place));
    Ok(())
}

fn watch_survives_the_end_of_a_peers_namespace(suite: &Suite) -> Result<(), Failed> {
    let place = Place::new();
    let mut watching = Watching::start(suite, &place)?;
    assert_eq!(watching.of("lo")["event"], "present");
    for round in 0..10 {
        let other = Place::new();
        place.ip_batch(&format!(
            "link add near type veth peer name far netns {0}
             link set near up
             link add back type veth peer name forth netns {0}
             link set back up",
            other.pid()
        ));
        assert_eq!(watching.of("near")["event"], "arrived", "{round}");
        // What is told of its end may be read when it has ended.
        drop(other);
        while watching.of("near")["event"] != "gone" {}
        becomes(|| place.links(), &vec!["lo".to_owned()]);
    }
    place.ip("link add after type bridge");
    assert_eq!(watching.of("after")["event"], "arrived");
    assert!(watching.adds_up_to(&place), "{:?}", watching.links);
    Ok(())
}

fn watch_survives_a_storm_of_pairs(suite: &Suite) -> Result<(), Failed> {
    let (place, other) = (Place::new(), Place::new());
    let mut watching = Watching::start(suite, &place)?;
    let storm = |n: u32| {
        let elsewhere = if n.is_multiple_of(2) { format!(" netns {}", other.pid()) } else { String::new() };
        let made = format!("link add a{n} type veth peer name b{n}{elsewhere}\nlink set a{n} up\n");
        // A few stay.
        if n.is_multiple_of(40) { made } else { format!("{made}link del a{n}\n") }
    };
    place.ip_batch(&(0..200).map(storm).collect::<Vec<_>>().concat());
    place.ip("link add after type bridge");
    assert_eq!(watching.of("after")["event"], "arrived");
    assert!(watching.adds_up_to(&place), "{:?} {:?}", watching.links, seen_by_ip(&place));
    assert_eq!(watching.links.len(), 7, "lo, after and five that stay");
    Ok(())
}

/// More happens than the socket holds while the program cannot read: it looks again, and no departure is forgotten.
fn watch_recovers_from_an_overrun(suite: &Suite) -> Result<(), Failed> {
    let place = Place::new();
    place.ip("link add before type bridge");
    let mut watching = Watching::start(suite, &place)?;
    assert_eq!(watching.of("before")["event"], "present");
    watching.signal(Signal::SIGSTOP);
    place.ip("link del before");
    place.ip_batch(&many_bridges());
    place.ip("link set b399 name last");
    watching.signal(Signal::SIGCONT);
    assert!(watching.adds_up_to(&place), "{:?}", watching.links);
    assert_eq!(watching.links.len(), 401);
    place.ip("link add after type bridge");
    assert_eq!(watching.of("after")["event"], "arrived");
    Ok(())
}

/// The announcements that a full socket still holds are older than the list that is made because of it: of what has left since,
/// they are not followed by the news that it is gone.
fn watch_forgets_what_left_in_an_overrun(suite: &Suite) -> Result<(), Failed> {
    let place = Place::new();
    let mut watching = Watching::start(suite, &place)?;
    assert_eq!(watching.of("lo")["event"], "present");
    watching.signal(Signal::SIGSTOP);
    place.ip_batch(&many_bridges());
    place.ip_batch(&many(|n| format!("link del b{n}\n")));
    watching.signal(Signal::SIGCONT);
    place.ip("link add after type bridge");
    assert_eq!(watching.of("after")["event"], "arrived");
    assert!(watching.adds_up_to(&place), "{:?}", watching.links);
    Ok(())
}

/// More than the socket of a watch holds.
fn many_bridges() -> String {
    many(|n| format!("link add b{n} type bridge\nlink set b{n} mtu 1300\n"))
}

fn many(line: impl Fn(u32) -> String) -> String {
    (0..400).map(line).collect::<Vec<_>>().concat()
}

/// Who watches a container has its network namespace open. It, and its links, must go with the container all the same.
fn watch_keeps_no_namespace_alive(suite: &Suite) -> Result<(), Failed> {
    let place = Place::new();
    let pair = Pair::new();
    ip(&format!("link set {} netns {} name eth1", pair.link, place.pid()));
    let net = format!("--net=/proc/{}/ns/net", place.pid());
    let mut other = tool("nsenter").args([&net, "sleep", "60"]).spawn()?;
    wait_for("another process there", || witness::ns_link(other.id(), "net") == witness::ns_link(place.pid(), "net"));
    let mut watching = Watching::start(suite, &place)?;
    assert_eq!(watching.of("eth1")["event"], "present");
    drop(place);
    // Another process is left in it, so that it goes on.
    let net = format!("--net=/proc/{}/ns/net", other.id());
    output_within(tool("nsenter").args([&net, "ip", "link", "set", "eth1", "mtu", "1300"]), LIMIT)?.ok()?;
    assert_eq!(watching.of("eth1")["mtu"], 1300);
    assert!(links().contains(&pair.peer));
    other.kill()?;
    other.wait()?;
    assert_eq!(watching.of("eth1")["event"], "gone");
    wait_for("the end of its namespace", || !links().contains(&pair.peer));
    assert_eq!(watching.child.wait()?.code(), Some(1));
    let told = std::io::read_to_string(watching.child.stderr.take().ok_or("no pipe")?)?;
    assert!(told.contains("exited: nobody is left in its network namespace"), "{told}");
    Ok(())
}
