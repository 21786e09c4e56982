//! nicon-links --watch tells whatever happens to the links of a namespace.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader};
use std::process::{Child, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

use libtest_mimic::{Failed, Trial};
use nicon_lab::{LIMIT, Lab, output_within, tool, witness};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::{Value, json};

use crate::links::{Pair, Place, ip, links, one, wait_until};
use crate::suite::Suite;

pub(crate) fn trials(suite: &Suite) -> Vec<Trial> {
    vec![
        suite.trial("links::watch_tells_each_change", watch_tells_each_change),
        suite.trial("links::watch_recovers_from_an_overrun", watch_recovers_from_an_overrun),
        suite.trial("links::watch_keeps_no_namespace_alive", watch_keeps_no_namespace_alive),
    ]
}

/// A run that goes on, and what it has told so far.
struct Watching {
    child: Child,
    events: Receiver<Value>,
    /// The names of links by their ifindex, as the events add up to.
    links: BTreeMap<u64, String>,
}

impl Watching {
    fn start(suite: &Suite, place: &Place) -> Result<Self, Failed> {
        let mut command = suite.command("nicon-links")?;
        command.args(["--watch", "-t", &place.pid().to_string()]);
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn()?;
        let lines = BufReader::new(child.stdout.take().ok_or("no pipe")?).lines();
        let (sender, events) = channel();
        std::thread::spawn(move || {
            for line in lines.map_while(Result::ok) {
                let _ = sender.send(serde_json::from_str(&line).unwrap());
            }
        });
        Ok(Self { child, events, links: BTreeMap::new() })
    }

    fn next(&mut self) -> Value {
        let event: Value = self.events.recv_timeout(Duration::from_secs(10)).expect("an event");
        let ifindex = event["ifindex"].as_u64().unwrap();
        let known = if event["event"] == "gone" {
            self.links.remove(&ifindex)
        } else {
            self.links.insert(ifindex, event["name"].as_str().unwrap().to_owned())
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
        let there: Vec<Value> = serde_json::from_str(&place.ip("-j link")).unwrap();
        let there: BTreeMap<u64, String> = there
            .iter()
            .map(|link| (link["ifindex"].as_u64().unwrap(), link["ifname"].as_str().unwrap().to_owned()))
            .collect();
        let give_up = Instant::now() + Duration::from_secs(10);
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

fn watch_tells_each_change(suite: &Suite, _: &Lab) -> Result<(), Failed> {
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

/// More happens than the socket holds while the program cannot read: it looks again, and no departure is forgotten.
fn watch_recovers_from_an_overrun(suite: &Suite, _: &Lab) -> Result<(), Failed> {
    let place = Place::new();
    place.ip("link add before type bridge");
    let mut watching = Watching::start(suite, &place)?;
    assert_eq!(watching.of("before")["event"], "present");
    watching.signal(Signal::SIGSTOP);
    place.ip("link del before");
    let net = format!("--net=/proc/{}/ns/net", place.pid());
    let many: Vec<_> = (0..400).map(|n| format!("link add b{n} type bridge\nlink set b{n} mtu 1300\n")).collect();
    let mut batch = tool("nsenter");
    nicon_lab::output_of_input(batch.args([&net, "ip", "-batch", "-"]), many.concat(), LIMIT)?.ok()?;
    place.ip("link set b399 name last");
    watching.signal(Signal::SIGCONT);
    assert!(watching.adds_up_to(&place), "{:?}", watching.links);
    assert_eq!(watching.links.len(), 401);
    place.ip("link add after type bridge");
    assert_eq!(watching.of("after")["event"], "arrived");
    Ok(())
}

/// Who watches a container has its network namespace open. It, and its links, must go with the container all the same.
fn watch_keeps_no_namespace_alive(suite: &Suite, _: &Lab) -> Result<(), Failed> {
    let place = Place::new();
    let pair = Pair::new();
    ip(&format!("link set {} netns {} name eth1", pair.link, place.pid()));
    let net = format!("--net=/proc/{}/ns/net", place.pid());
    let mut other = tool("nsenter").args([&net, "sleep", "60"]).spawn()?;
    wait_until(|| witness::ns_link(other.id(), "net") == witness::ns_link(place.pid(), "net"));
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
    wait_until(|| !links().contains(&pair.peer));
    assert!(!links().contains(&pair.peer), "its other end is there");
    assert_eq!(watching.child.wait()?.code(), Some(1));
    let told = std::io::read_to_string(watching.child.stderr.take().ok_or("no pipe")?)?;
    assert!(told.contains("exited: nobody is left in its network namespace"), "{told}");
    Ok(())
}
