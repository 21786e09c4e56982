//! Links and places for them: made with `ip` and `unshare`, and looked at with `ip`.

use std::process::Command;
use std::sync::atomic::{AtomicU32, Ordering};

use nicon_lab::{LIMIT, NetPlace, output_of_input, output_within, tool, until, witness};
use serde_json::Value;

/// A veth pair in the runner's network namespace, under names of its own. Its end goes with that namespace.
pub(crate) struct Pair {
    pub(crate) link: String,
    pub(crate) peer: String,
}

impl Pair {
    pub(crate) fn new() -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        let pair = Self { link: format!("v{number}"), peer: format!("p{number}") };
        ip(&format!("link add {} type veth peer name {}", pair.link, pair.peer));
        pair
    }
}

/// A process in a network namespace of its own, which lives until this is dropped.
pub(crate) struct Place(NetPlace);

impl Place {
    pub(crate) fn new() -> Self {
        Self(NetPlace::new().unwrap())
    }

    pub(crate) fn pid(&self) -> u32 {
        self.0.pid()
    }

    /// Inode number of its network namespace.
    pub(crate) fn netns(&self) -> u64 {
        let link = witness::ns_link(self.pid(), "net").unwrap();
        link.trim_start_matches("net:[").trim_end_matches(']').parse().unwrap()
    }

    /// The journals of nicon-linkmv about links that came from here.
    pub(crate) fn journals(&self) -> Vec<String> {
        let names = std::fs::read_dir("/run/nicon").unwrap().flatten();
        let names = names.map(|entry| entry.file_name().to_string_lossy().into_owned());
        names.filter(|name| name.starts_with(&format!("nicon.{}.", self.netns()))).collect()
    }

    /// Runs `ip` in its network namespace.
    pub(crate) fn ip(&self, line: &str) -> String {
        ip_with(tool("nsenter").args([&format!("--net=/proc/{}/ns/net", self.pid()), "ip"]), line)
    }

    /// All that `ip` tells of a link of it.
    pub(crate) fn state(&self, link: &str) -> [String; 3] {
        state_by(|line| self.ip(line), link)
    }

    /// Runs many lines of `ip` there.
    pub(crate) fn ip_batch(&self, lines: &str) {
        let mut ip = tool("nsenter");
        ip.args([&format!("--net=/proc/{}/ns/net", self.pid()), "ip", "-batch", "-"]);
        output_of_input(&mut ip, lines, LIMIT).unwrap().ok().unwrap();
    }

    /// Runs a shell script in its network namespace.
    pub(crate) fn sh(&self, script: &str) -> String {
        let net = format!("--net=/proc/{}/ns/net", self.pid());
        output_within(tool("nsenter").args([&net, "sh", "-c", script]), LIMIT).unwrap().ok().unwrap()
    }

    pub(crate) fn links(&self) -> Vec<String> {
        names(&self.ip("-j link"))
    }

    /// Waits until nothing changes by itself any more.
    #[track_caller]
    pub(crate) fn rest(&self) {
        rest(|line| self.ip(line));
    }

    /// Waits until packets pass to an address, and back. Until the kernel has noticed the carriers on the way, they are dropped, and what
    /// they were to find out is asked for again seconds later, by whoever has not given up.
    #[track_caller]
    pub(crate) fn reaches(&self, address: &str) {
        let net = format!("--net=/proc/{}/ns/net", self.pid());
        let ping = || output_within(tool("nsenter").args([&net, "ping", "-c1", "-W1", address]), LIMIT).unwrap();
        until(format_args!("an answer of {address}"), || ping().status.success().then_some(()));
    }
}

pub(crate) fn ip(line: &str) -> String {
    ip_with(&mut tool("ip"), line)
}

fn ip_with(command: &mut Command, line: &str) -> String {
    output_within(command.args(line.split(' ')), LIMIT).unwrap().ok().unwrap()
}

/// All that `ip` tells of a link: to be compared before and after.
pub(crate) fn state(link: &str) -> [String; 3] {
    state_by(ip, link)
}

fn state_by(ip: impl Fn(&str) -> String, link: &str) -> [String; 3] {
    let v6 = format!("-6 route show table all dev {link}");
    let addresses = until(format_args!("{link} at rest"), || {
        Some(ip(&format!("-j -d addr show dev {link}"))).filter(|text| !is_settling(&one(text)))
    });
    [addresses, ip(&format!("route show table all dev {link}")), ip(&v6)]
}

/// Waits until the kernel has noticed all carriers of a network namespace, and knows its addresses to be unique: it does both some time
/// after the command, a long time where other links come and go.
#[track_caller]
pub(crate) fn rest(ip: impl Fn(&str) -> String) {
    // Asked for one link alone, the kernel (since 6.8) notices what it has not noticed of its carrier.
    for link in names(&ip("-j link")) {
        ip(&format!("link show dev {link}"));
    }
    until("all links at rest", || {
        let links: Vec<Value> = serde_json::from_str(&ip("-j -d addr")).unwrap();
        (!links.iter().any(is_settling)).then_some(())
    });
}

/// Whether what `ip` tells of a link is about to change by itself.
fn is_settling(link: &Value) -> bool {
    let has = |flag: &str| link["flags"].as_array().is_some_and(|flags| flags.iter().any(|other| other == flag));
    let is_unsure = |address: &Value| address["tentative"] == true && address["dadfailed"].is_null();
    let works = ["UP", "UNKNOWN"].iter().any(|state| link["operstate"] == *state);
    let is_down = ["DOWN", "LOWERLAYERDOWN"].iter().any(|state| link["operstate"] == *state);
    // Of most kinds nothing more is ever known.
    let is_unknown = link["operstate"] == "UNKNOWN" && link["linkinfo"]["info_kind"] == "veth";
    let mut addresses = link["addr_info"].as_array().into_iter().flatten();
    match (has("UP"), has("LOWER_UP")) {
        (false, _) => false,
        (true, true) => is_down || is_unknown || works && addresses.any(is_unsure),
        (true, false) => link["operstate"] == "UP" || is_unknown,
    }
}

/// How many links there are in the network namespace of a process: sooner than `ip` tells it, for a moment that is to be met.
pub(crate) fn links_of(pid: u32) -> usize {
    // Two lines of headings, and one for each link.
    std::fs::read_to_string(format!("/proc/{pid}/net/dev")).unwrap().lines().count() - 2
}

pub(crate) fn links() -> Vec<String> {
    names(&ip("-j link"))
}

pub(crate) fn names(json: &str) -> Vec<String> {
    let links: Vec<Value> = serde_json::from_str(json).unwrap();
    links.iter().map(|link| link["ifname"].as_str().unwrap().to_owned()).collect()
}

pub(crate) fn one(json: &str) -> Value {
    let mut links: Vec<Value> = serde_json::from_str(json).unwrap();
    assert_eq!(links.len(), 1, "{json}");
    links.remove(0)
}

/// A field of a record without the addresses that IPv6 gives by itself to a link that has just come up.
pub(crate) fn without_own(field: &Value) -> Value {
    let stays = |item: &&Value| !item.as_str().is_some_and(|address| address.starts_with("fe80:"));
    field.as_array().map_or_else(|| field.clone(), |items| items.iter().filter(stays).cloned().collect())
}
