//! Links and places for them: made with `ip` and `unshare`, and looked at with `ip`.

use std::process::Command;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use nicon_lab::{LIMIT, NetPlace, output_of_input, output_within, patience, tool, witness};
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
    [ip(&format!("-j -d addr show dev {link}")), ip(&format!("route show table all dev {link}")), ip(&v6)]
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

pub(crate) fn wait_until(condition: impl Fn() -> bool) {
    let give_up = Instant::now() + Duration::from_secs(10) * patience();
    while !condition() && Instant::now() < give_up {
        std::thread::sleep(Duration::from_millis(20));
    }
}
