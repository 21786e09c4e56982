//! A plan for several machines, each with its half: network namespaces stand for the machines, and others for their containers.

use libtest_mimic::{Failed, Trial};
use nicon_lab::Ran;
use serde_json::{Value, json};

use crate::support::expect::{parse, records, refusal};
use crate::support::kernel::Feature;
use crate::support::links::{Place, one};
use crate::support::suite::Suite;

pub(crate) fn trials(suite: &Suite) -> Vec<Trial> {
    let kinds = &[Feature::LinkKind("vxlan")];
    vec![
        suite.trial_of_kernel(kinds, "wire::machines::halves_meet_over_ipv4", |suite| {
            halves_meet(suite, ["198.51.100.1", "198.51.100.2"], 50)
        }),
        suite.trial_of_kernel(kinds, "wire::machines::halves_meet_over_ipv6", |suite| {
            halves_meet(suite, ["2001:db8:f::1", "2001:db8:f::2"], 70)
        }),
        suite.trial_of_kernel(kinds, "wire::machines::a_tree_has_both_ends", a_tree_has_both_ends),
        suite.trial_of_kernel(kinds, "wire::machines::a_number_is_somebodys", a_number_is_somebodys),
        suite.trial_of_kernel(kinds, "wire::machines::an_mtu_that_does_not_fit", an_mtu_that_does_not_fit),
        suite.trial_of_kernel(kinds, "wire::machines::a_half_without_links", a_half_without_links),
        suite.trial_of_kernel(&[], "wire::machines::this_one_by_its_name", this_one_by_its_name),
    ]
}

/// Two machines with a wire between them, and a container of each.
struct Machines {
    hosts: [Place; 2],
    containers: [Place; 2],
    plan: String,
}

impl Machines {
    fn new(addresses: [&str; 2], wishes: &str) -> Self {
        let [hosts, containers] = [(); 2].map(|()| [Place::new(), Place::new()]);
        hosts[0].ip(&format!("link add u0 type veth peer name u1 netns {}", hosts[1].pid()));
        for (at, host) in hosts.iter().enumerate() {
            host.ip(&format!("addr add 198.51.100.{}/24 dev u{at}", at + 1));
            host.ip(&format!("addr add 2001:db8:f::{}/64 dev u{at} nodad", at + 1));
            host.ip(&format!("link set u{at} up"));
        }
        let machine = |at: usize| format!("m{at}: {{address: \"{}\"}}", addresses[at]);
        let end = |at: usize| {
            let pid = containers[at].pid();
            format!("{{endpoint: \"pid:{pid}:eth1\", on: m{at}, addr: [192.0.2.{}/24]}}", at + 1)
        };
        let plan = format!(
            "name: machines{}\nmachines: {{{}, {}}}\nlinks:\n- {{endpoints: [{}, {}]{wishes}}}\n",
            hosts[0].pid(),
            machine(0),
            machine(1),
            end(0),
            end(1)
        );
        Self { hosts, containers, plan }
    }

    /// Wires the half of a machine there.
    fn wire(&self, suite: &Suite, at: usize, words: &str) -> Ran {
        let enter = format!("nsenter --net=/proc/{}/ns/net", self.hosts[at].pid());
        let line = format!("nicon-plan --on m{at} - | nicon-resolve | {enter} $(command -v nicon-wire) {words}");
        suite.shell(&line, &self.plan)
    }

    fn end(&self, at: usize) -> Value {
        one(&self.containers[at].ip("-d -j link show dev eth1"))
    }
}

fn halves_meet(suite: &Suite, addresses: [&str; 2], headroom: u64) -> Result<(), Failed> {
    let machines = Machines::new(addresses, "");
    for at in 0..2 {
        let made = records(&machines.wire(suite, at, ""));
        assert_eq!((made.len(), &made[0]["remote_end"]["on"]), (1, &format!("m{}", 1 - at).into()), "{made:?}");
        assert_eq!(machines.hosts[at].links(), ["lo", &format!("u{at}")], "nothing of it is where it sends from");
    }
    let ends = [0, 1].map(|at| machines.end(at));
    for (at, end) in ends.iter().enumerate() {
        let data = &end["linkinfo"]["info_data"];
        let remote = if headroom == 50 { "remote" } else { "remote6" };
        assert_eq!((&data[remote], &data["learning"]), (&addresses[1 - at].into(), &false.into()), "{end}");
        assert_eq!(end["mtu"], 1500 - headroom);
    }
    let number = |end: &Value| end["linkinfo"]["info_data"]["id"].clone();
    assert_eq!(number(&ends[0]), number(&ends[1]));
    assert!(number(&ends[0]).as_u64() >= Some(65536), "{ends:?}");
    // The largest packet goes through in one piece.
    let size = 1500 - headroom - 28;
    machines.containers[0].reaches("192.0.2.2");
    machines.containers[0].sh(&format!("ping -c1 -W5 -M do -s {size} 192.0.2.2 >&2"));

    // Made anew, an end is the one that it was to the other.
    machines.containers[1].ip("link del eth1");
    records(&machines.wire(suite, 1, ""));
    assert_eq!(machines.end(1)["address"], ends[1]["address"]);
    machines.containers[0].reaches("192.0.2.2");
    // On one machine both halves carry one mark.
    assert_eq!(records(&machines.wire(suite, 0, "--destroy")).len(), 2);
    assert!(machines.containers.iter().all(|container| container.links() == ["lo"]));
    Ok(())
}

/// What both print, joined, is one picture, though machines have other names than in the plan.
fn a_tree_has_both_ends(suite: &Suite) -> Result<(), Failed> {
    let machines = Machines::new(["198.51.100.1", "198.51.100.2"], "");
    let mut joined = String::new();
    for at in 0..2 {
        let mut made = records(&machines.wire(suite, at, "")).remove(0);
        made["machine"] = format!("lab{at}").into();
        made["boot"] = format!("boot{at}").into();
        joined += &(made.to_string() + "\n");
    }
    let drawn = suite.feed(&["nicon-tree", "--links"], &joined).ok()?;
    for at in 0..2 {
        let other = format!("eth1 in pid:{} on lab{}", machines.containers[1 - at].pid(), 1 - at);
        assert!(drawn.contains(&other), "{other}: {drawn}");
    }
    let svg = suite.feed(&["nicon-tree", "--links", "--svg"], &joined).ok()?;
    assert_eq!(svg.matches("class=\"wire ").count(), 1, "{svg}");
    machines.wire(suite, 0, "--destroy").ok()?;
    Ok(())
}

/// Whoever has the number is named, wherever it is: on the machine, or in a container from which it sends.
fn a_number_is_somebodys(suite: &Suite) -> Result<(), Failed> {
    let machines = Machines::new(["198.51.100.1", "198.51.100.2"], ", vni: 77");
    let other = Place::new();
    for (to, place) in [
        (machines.hosts[0].pid(), "host".to_owned()),
        (other.pid(), format!("the network namespace of PID {}", other.pid())),
    ] {
        let add = format!("link add rival netns {to} type vxlan id 77 dstport 4789 remote 198.51.100.9");
        machines.hosts[0].ip(&add);
        refusal(&machines.wire(suite, 0, ""), 2, &["eth1", &format!("VNI 77 is that of rival in {place}")]);
        assert_eq!(machines.containers[0].links(), ["lo"]);
        let holder = if place == "host" { &machines.hosts[0] } else { &other };
        holder.ip("link del rival");
    }
    // At another port it is another one.
    machines.hosts[0].ip("link add rival type vxlan id 77 dstport 8472 remote 198.51.100.9");
    records(&machines.wire(suite, 0, ""));
    Ok(())
}

fn an_mtu_that_does_not_fit(suite: &Suite) -> Result<(), Failed> {
    let machines = Machines::new(["198.51.100.1", "198.51.100.2"], "");
    machines.hosts[0].ip("link set u0 mtu 1400");
    refusal(
        &machines.wire(suite, 0, ""),
        2,
        &["MTU 1450 is out of range for eth1", "with u0 below it, it is 1350 at most"],
    );
    assert_eq!(machines.containers[0].links(), ["lo"]);
    machines.hosts[0].ip("link set u0 mtu 1500");
    records(&machines.wire(suite, 0, ""));
    Ok(())
}

/// What has left it goes, though it does not ask for anything any more.
fn a_half_without_links(suite: &Suite) -> Result<(), Failed> {
    let mut machines = Machines::new(["198.51.100.1", "198.51.100.2"], "");
    records(&machines.wire(suite, 0, ""));
    let (before, _) = machines.plan.split_once("links:").ok_or("no links")?;
    machines.plan = format!("{before}links: []\n");
    let same = machines.wire(suite, 0, "--check");
    assert_eq!((same.code(), &same.stdout[..]), (Some(0), ""), "{same:?}");
    assert!(same.stderr.contains(" has 1 link that it does not ask for any more ("), "{same:?}");
    let differs = machines.wire(suite, 0, "--check --prune");
    assert_eq!(
        (differs.code(), parse(&differs.stdout)[0]["steps"].clone()),
        (Some(1), json!(["link del eth1"])),
        "{differs:?}"
    );
    assert_eq!(records(&machines.wire(suite, 0, "")).len(), 0);
    assert_eq!(machines.containers[0].links(), ["lo", "eth1"]);
    records(&machines.wire(suite, 0, "--prune"));
    assert_eq!(machines.containers[0].links(), ["lo"]);
    for words in ["--check", "--prune", "--destroy"] {
        assert_eq!(records(&machines.wire(suite, 0, words)).len(), 0, "{words}");
    }
    Ok(())
}

/// Without `--on` it is the half of the machine that we run on.
fn this_one_by_its_name(suite: &Suite) -> Result<(), Failed> {
    let plan = "machines: {elsewhere: {address: 192.0.2.1}, nicon-here: {address: 192.0.2.2}}\\n\
        nodes: {\"a*\": {on: elsewhere}, b: {on: nicon-here}}\\nlinks:\\n- endpoints: [\"a1:x\", \"b:x\"]\\n";
    let run = |name: &str| {
        suite.shell(&format!("printf '{plan}' | unshare --uts sh -c 'hostname {name}; exec nicon-plan -J'"), "")
    };
    let told = records(&run("nicon-here"));
    assert_eq!((told.len(), &told[0]["target"], &told[0]["remote"]), (1, &"b".into(), &"192.0.2.1".into()), "{told:?}");
    refusal(&run("nicon-there"), 2, &["this machine is called nicon-there", "elsewhere, nicon-here", "--on"]);
    Ok(())
}
