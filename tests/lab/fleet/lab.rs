//! A lab of 24 containers on three machines, with 60 links: 20 of them between machines.

use std::fmt::Write;

use crate::Ran;
use crate::fleet::{Fleet, NAMES};

/// How many containers a machine has.
pub const NODES: usize = 8;

/// Two ends, each a machine and a container of it.
pub struct Link {
    /// Each of a machine, and a container of it.
    pub ends: [(usize, usize); 2],
}

impl Link {
    /// Whether they are on two machines.
    #[must_use]
    pub fn is_across(&self) -> bool {
        self.ends[0].0 != self.ends[1].0
    }
}

/// What the container of a machine is called.
#[must_use]
pub fn container((machine, node): (usize, usize)) -> String {
    format!("m{}-n{}", machine + 1, node + 1)
}

/// The address of an end of a link.
#[must_use]
pub fn address(link: usize, end: usize) -> String {
    format!("10.7.{link}.{}", end + 1)
}

/// A ring and some chords on each machine, and what leads from each to the next.
#[must_use]
pub fn links() -> Vec<Link> {
    let mut links = Vec::new();
    for machine in 0..NAMES.len() {
        links.extend((0..NODES).map(|node| Link { ends: [(machine, node), (machine, (node + 1) % NODES)] }));
        let chords = if machine == 0 { 6 } else { 5 };
        links.extend((0..chords).map(|node| Link { ends: [(machine, node), (machine, (node + 3) % NODES)] }));
    }
    links.extend((0..20).map(|at| Link { ends: [(at % 3, at % NODES), ((at + 1) % 3, (at * 3) % NODES)] }));
    links
}

/// The plan: machines have these addresses.
#[must_use]
pub fn plan(addresses: [&str; 3]) -> String {
    let mut plan = "name: fleet\nmachines:\n".to_owned();
    for (name, address) in NAMES.iter().zip(addresses) {
        writeln!(plan, "  {name}: {{address: \"{address}\"}}").unwrap();
    }
    plan += "nodes: {\"m1-*\": {on: lab1}, \"m2-*\": {on: lab2}, \"m3-*\": {on: lab3}}\nlinks:\n";
    for (at, link) in links().iter().enumerate() {
        plan += "- endpoints:\n";
        for (end, of) in link.ends.into_iter().enumerate() {
            writeln!(plan, "  - {{endpoint: \"{}:l{at}\", addr: {}/30}}", container(of), address(at, end)).unwrap();
        }
    }
    plan
}

/// Runs the containers of a machine, which has no others.
///
/// # Errors
/// When a machine is not there, or a command fails.
pub fn run_containers(fleet: &Fleet, machine: usize) -> Result<(), String> {
    let names: Vec<_> = (0..NODES).map(|node| container((machine, node))).collect();
    let run = "for name; do docker run --detach --network=none --name $name image sleep 3600; done";
    remove_containers(fleet, machine)?;
    fleet.machine(machine)?.script(run, &names.iter().map(String::as_str).collect::<Vec<_>>()).map(drop)
}

/// Runs the containers of all machines.
///
/// # Errors
/// When a machine is not there, or a command fails.
pub fn run_all_containers(fleet: &Fleet) -> Result<(), String> {
    (0..NAMES.len()).try_for_each(|machine| run_containers(fleet, machine))
}

/// Runs the containers of all machines, and gives each the plan.
///
/// # Errors
/// When a machine is not there, or a command fails.
pub fn prepare(fleet: &Fleet, plan: &str) -> Result<(), String> {
    run_all_containers(fleet)?;
    (0..NAMES.len()).try_for_each(|machine| put_plan(fleet, machine, plan))
}

/// Gives a machine the plan.
///
/// # Errors
/// When it is not there, or a command fails.
pub fn put_plan(fleet: &Fleet, machine: usize, plan: &str) -> Result<(), String> {
    let put = "mkdir -p /etc/nicon && printf %s \"$1\" >/etc/nicon/lab.yaml";
    fleet.machine(machine)?.script(put, &[plan]).map(drop)
}

/// Removes all containers of a machine.
///
/// # Errors
/// When a machine is not there, or a command fails.
pub fn remove_containers(fleet: &Fleet, machine: usize) -> Result<(), String> {
    let remove = "docker ps --all --quiet | xargs --no-run-if-empty docker rm --force";
    fleet.machine(machine)?.script(remove, &[]).map(drop)
}

/// Those links whose other end does not answer, as it is asked in the containers of the machines that are there.
///
/// # Errors
/// When a machine is not there, or a command fails.
pub fn silent(fleet: &Fleet, is_meant: impl Fn(&Link) -> bool) -> Result<Vec<usize>, String> {
    let mut silent = Vec::new();
    for machine in 0..NAMES.len() {
        let from_here = |(_, link): &(usize, Link)| link.ends[0].0 == machine && is_meant(link);
        let pings = links().into_iter().enumerate().filter(from_here).map(|(at, link)| {
            let (name, far) = (container(link.ends[0]), address(at, 1));
            format!("in_container {name} ping -q -c1 -W3 {far} >/dev/null || echo {at}\n")
        });
        let pings = pings.collect::<String>();
        if pings.is_empty() {
            continue;
        }
        let enter = "in_container() { pid=$(docker inspect --format '{{.State.Pid}}' $1); shift; nsenter -t $pid -n \"$@\"; }\n";
        let told = fleet.machine(machine)?.script(&format!("{enter}{pings}true"), &[])?;
        silent.extend(told.lines().filter_map(|line| line.parse::<usize>().ok()));
    }
    Ok(silent)
}

/// The links in the containers of a machine: name, kind, VNI, ifindex.
///
/// # Errors
/// When a machine is not there, or a command fails.
pub fn links_on(fleet: &Fleet, machine: usize) -> Result<Vec<(String, String, u64, u64)>, String> {
    let mut all = Vec::new();
    let machine = fleet.machine(machine)?;
    let pids = machine.script("docker inspect --format '{{.State.Pid}}' $(docker ps --quiet)", &[])?;
    for pid in pids.lines() {
        let told = json(&machine.run(&["nsenter", "-t", pid, "-n", "ip", "-d", "-j", "link"]))?;
        for link in told.as_array().into_iter().flatten().filter(|link| link["ifname"] != "lo") {
            let text = |value: &serde_json::Value| value.as_str().unwrap_or_default().to_owned();
            let info = &link["linkinfo"];
            let vni = info["info_data"]["id"].as_u64().unwrap_or_default();
            let index = link["ifindex"].as_u64().unwrap_or_default();
            all.push((text(&link["ifname"]), text(&info["info_kind"]), vni, index));
        }
    }
    all.sort();
    Ok(all)
}

fn json(ran: &Ran) -> Result<serde_json::Value, String> {
    serde_json::from_str(&ran.ok()?).map_err(|error| error.to_string())
}
