//! In the user namespace of a container, as under `podman unshare` and `nsenter --user`: with rights over the container's network
//! namespaces, and none over our own.

use std::path::PathBuf;
use std::process::{Child, Command};

use libtest_mimic::{Failed, Trial};
use nicon_lab::{LIMIT, Lab, Ran, output_within, tool, wait_for, witness};

use crate::filters::privileges::reachable;
use crate::support::expect::{parse, record, records, refusal};
use crate::support::links::{Pair, ip};
use crate::support::suite::Suite;

pub(crate) fn trials(suite: &Suite) -> Vec<Trial> {
    vec![
        suite.trial("filters::user_namespaces::links_are_listed_and_made", links_are_listed_and_made),
        suite.trial("filters::user_namespaces::what_is_not_ours_is_refused", what_is_not_ours_is_refused),
    ]
}

/// Root, and nobody: both can make such a namespace.
const USERS: [&str; 2] = ["0", "65534"];

/// A process in a network namespace that belongs to a user namespace; it lives until this is dropped.
struct Rootless {
    user: &'static str,
    process: Child,
}

impl Rootless {
    /// With a user namespace of its own.
    fn new(user: &'static str) -> Result<Self, Failed> {
        Self::start(user, &["unshare", "--user", "--map-root-user", "--net"])
    }

    /// With that of another.
    fn beside(other: &Self) -> Result<Self, Failed> {
        let enter = ["nsenter", "--user", "--preserve-credentials", "--target", &other.pid(), "unshare", "--net"];
        Self::start(other.user, &enter)
    }

    fn start(user: &'static str, words: &[&str]) -> Result<Self, Failed> {
        // It ends with its starter also where that is killed.
        let process = setpriv(user).arg("--pdeathsig=KILL").args(words).args(["sleep", "1000"]).spawn()?;
        let own = witness::ns_link(std::process::id(), "net");
        let (place, is_there) = (Self { user, process }, |link| link != own);
        wait_for("its network namespace", || is_there(witness::ns_link(place.process.id(), "net")));
        Ok(place)
    }

    fn pid(&self) -> String {
        self.process.id().to_string()
    }

    /// Runs a program of ours in the user namespace, and in our own network namespace.
    fn run(&self, suite: &Suite, words: &[&str]) -> Result<Ran, Failed> {
        let program: PathBuf = reachable(suite, words[0])?;
        let mut enter = setpriv(self.user);
        enter.args(["nsenter", "--user", "--preserve-credentials", "--target", &self.pid()]);
        Ok(output_within(enter.arg(program).args(&words[1..]), LIMIT)?)
    }

    /// The names of the links that `ip` lists here.
    fn links(&self) -> Result<Vec<String>, Failed> {
        let mut ip = tool("nsenter");
        ip.args([&format!("--net=/proc/{}/ns/net", self.pid()), "ip", "-j", "link"]);
        let links: Vec<serde_json::Value> = serde_json::from_str(&output_within(&mut ip, LIMIT)?.ok()?)?;
        Ok(links.iter().filter_map(|link| link["ifname"].as_str().map(str::to_owned)).collect())
    }
}

impl Drop for Rootless {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

fn setpriv(user: &str) -> Command {
    let mut command = tool("setpriv");
    command.args([&format!("--reuid={user}"), &format!("--regid={user}"), "--clear-groups"]);
    command
}

fn links_are_listed_and_made(suite: &Suite, _: &Lab) -> Result<(), Failed> {
    for user in USERS {
        let one = Rootless::new(user)?;
        let other = Rootless::beside(&one)?;
        let made = one.run(suite, &["nicon-veth", "-t", &one.pid(), "-t", &other.pid(), "a0", "b0"])?;
        assert_eq!(records(&made).len(), 2, "{made:?}");
        let (ours, theirs) = (one.links()?, other.links()?);
        assert!(ours.contains(&"a0".to_owned()) && theirs.contains(&"b0".to_owned()), "{ours:?} {theirs:?}");

        let listed = records(&one.run(suite, &["nicon-links", "-t", &one.pid(), "-t", &other.pid()])?);
        let names: Vec<_> = listed.iter().filter_map(|told| told["nic"]["name"].as_str()).collect();
        assert_eq!(names, [ours, theirs].concat());
        // Others' processes may not be looked at, which is said; what can be seen is listed.
        let all = one.run(suite, &["nicon-links", "--all", "--json"])?;
        assert!(all.code() == Some(2) && all.stderr.contains("could not be inspected"), "{all:?}");
        assert!(parse(&all.stdout).iter().any(|told| told["nic"]["name"] == "b0"), "{all:?}");
    }
    // The journal of a move is root's.
    let one = Rootless::new("0")?;
    let other = Rootless::beside(&one)?;
    one.run(suite, &["nicon-veth", "-t", &one.pid(), "-t", &one.pid(), "a0", "a1"])?.ok()?;
    record(&one.run(suite, &["nicon-linkmv", "--from", &one.pid(), "-t", &other.pid(), "a0", "eth1"])?);
    assert!(other.links()?.contains(&"eth1".to_owned()) && !one.links()?.contains(&"a0".to_owned()));
    Ok(())
}

fn what_is_not_ours_is_refused(suite: &Suite, _: &Lab) -> Result<(), Failed> {
    let pair = Pair::new();
    ip("netns add not-ours");
    for user in USERS {
        let place = Rootless::new(user)?;
        let pid = place.pid();
        for words in [
            &["nicon-links", "--netns", "not-ours"][..],
            &["nicon-linkmv", "-t", "/run/netns/not-ours", &pair.link, "eth1"],
            &["nicon-linkmv", "--from", "not-ours", "-t", &pid, "lo", "eth1"],
            &["nicon-veth", "-t", "/run/netns/not-ours", "-t", &pid, "a0", "b0"],
        ] {
            let ran = place.run(suite, words)?;
            refusal(&ran, 2, &["enter a network namespace: Operation not permitted", "CAP_SYS_ADMIN", "owns it"]);
        }
        let ran = place.run(suite, &["nicon-linkmv", "-t", &pid, &pair.link, "eth1"])?;
        refusal(&ran, 2, &["Operation not permitted"]);
        let ran = place.run(suite, &["nicon-veth", "-t", "host", "-t", &pid, "a0", "b0"])?;
        refusal(&ran, 2, &["Operation not permitted", "CAP_NET_ADMIN"]);
        assert_eq!(place.links()?, ["lo"]);
    }
    ip("netns del not-ours");
    ip(&format!("link del {}", pair.link));
    Ok(())
}
