//! What a plan says of its machines, apart from its links.

use std::ops::RangeInclusive;

use super::address::Address;
use super::rule::Rule;
use super::vni::{BASE, END};
use crate::fault::{Fault, Position, few};
use crate::yaml::{KeyValue, Node, unknown_key};

/// The keys of a plan for several machines.
pub(crate) const KEYS: [&str; 3] = [MACHINES, NODES, VNI];
const MACHINES: &str = "machines";
const NODES: &str = "nodes";
const VNI: &str = "vni";

/// The MTU of a network between machines that does not say it, in bytes.
const MTU: u32 = 1500;

/// From the least with which IPv6 goes on (RFC 8200) to the most.
const MTUS: RangeInclusive<u32> = 1280..=65535;

/// The machines of a plan, and what is on them.
#[derive(Debug)]
pub(crate) struct Machines {
    pub(super) all: Vec<Machine>,
    pub(super) nodes: Vec<Nodes>,
    /// The first number of the networks between them.
    pub(super) base: u32,
}

/// A machine.
#[derive(Debug)]
pub(super) struct Machine {
    pub(super) name: String,
    pub(super) position: Position,
    /// How the others reach it; `None` if no links lead there.
    pub(super) address: Option<Address>,
    /// Of the network by which they do, in bytes.
    pub(super) mtu: u32,
}

/// Containers, and their machine.
#[derive(Debug)]
pub(super) struct Nodes {
    pub(super) text: String,
    pub(super) rule: Rule,
    pub(super) machine: String,
    /// Where that is said.
    position: Position,
}

impl Machines {
    /// Reads what a plan says of machines; `None` if it is for one alone.
    ///
    /// # Errors
    /// All faults.
    pub(crate) fn read(document: &Node) -> Result<Option<Self>, Vec<Fault>> {
        let mut faults = Vec::new();
        let all = keep(document.get(MACHINES).map(read_machines), &mut faults);
        let nodes = keep(document.get(NODES).map(read_nodes), &mut faults);
        let base = keep(document.get(VNI).map(read_base), &mut faults);
        if !faults.is_empty() {
            return Err(faults);
        }
        let Some(all) = all else {
            let needless = [NODES, VNI].iter().filter_map(|key| Some((key, document.get(key)?)));
            let why = |(key, node): (&&str, &Node)| {
                node.position.fault(format!("{key}: the plan has no \"{MACHINES}:\", on which its nodes are"))
            };
            let faults: Vec<_> = needless.map(why).collect();
            return if faults.is_empty() { Ok(None) } else { Err(faults) };
        };
        let machines = Self { all, nodes: nodes.unwrap_or_default(), base: base.unwrap_or(BASE) };
        let unknown = machines.nodes.iter().filter(|nodes| machines.get(&nodes.machine).is_none());
        let why = |nodes: &Nodes| nodes.position.fault(format!("on: {}", machines.why_not(&nodes.machine)));
        let faults: Vec<_> = unknown.map(why).collect();
        if faults.is_empty() { Ok(Some(machines)) } else { Err(faults) }
    }

    /// The machine of this name.
    pub(super) fn get(&self, name: &str) -> Option<&Machine> {
        self.all.iter().find(|machine| machine.name == name)
    }

    /// Why there is no machine of a name.
    pub(super) fn why_not(&self, name: &str) -> String {
        let names: Vec<_> = self.all.iter().map(|machine| &*machine.name).collect();
        let others = few(&names).unwrap_or_else(|| format!("{} others below \"{MACHINES}:\"", names.len()));
        format!("the plan has no machine \"{name}\", but {others}")
    }
}

/// What could be read; the faults go with the others.
fn keep<T>(read: Option<Result<T, Vec<Fault>>>, faults: &mut Vec<Fault>) -> Option<T> {
    read.transpose().map_err(|more| faults.extend(more)).ok().flatten()
}

fn read_machines(node: &Node) -> Result<Vec<Machine>, Vec<Fault>> {
    let entries = entries(MACHINES, "a map of machines and how others reach them", node)?;
    let (mut machines, mut faults) = (Vec::<Machine>::new(), Vec::new());
    for entry in entries {
        match read_machine(entry) {
            Ok(machine) => {
                let same = |other: &&Machine| other.address.is_some() && other.address == machine.address;
                if let Some(other) = machines.iter().find(same) {
                    faults.push(machine.position.fault(format!("{} has the address of {}", machine.name, other.name)));
                }
                machines.push(machine);
            }
            Err(more) => faults.extend(more),
        }
    }
    if faults.is_empty() && machines.is_empty() {
        faults.push(node.position.fault(format!("{MACHINES}: there is none")));
    }
    if faults.is_empty() { Ok(machines) } else { Err(faults) }
}

fn read_machine(entry: &KeyValue) -> Result<Machine, Vec<Fault>> {
    let (mut address, mut mtu) = (None, MTU);
    let keys = if entry.value.is_nothing() { &[] } else { entries(&entry.key, "a map", &entry.value)? };
    let mut faults = Vec::new();
    for key in keys {
        let read = match &*key.key {
            "address" => text(&key.value).and_then(Address::parse).map(|read| address = Some(read)),
            "mtu" => key.value.scalar().and_then(|mtu| mtu.number(&MTUS)).map(|read| mtu = read),
            _ => {
                faults.push(unknown_key(key, &["address", "mtu"]));
                continue;
            }
        };
        faults.extend(read.err().map(|why| key.value.position.fault(format!("{}: {why}", key.key))));
    }
    let (name, position) = (entry.key.clone(), entry.position);
    if name.is_empty() || name.contains(|c: char| c.is_whitespace() || c.is_control()) {
        faults.push(position.fault(format!("{name:?} is no name of a machine")));
    }
    if faults.is_empty() { Ok(Machine { name, position, address, mtu }) } else { Err(faults) }
}

fn read_nodes(node: &Node) -> Result<Vec<Nodes>, Vec<Fault>> {
    let entries = entries(NODES, "a map of paths and the machine that each is on", node)?;
    let (mut all, mut faults) = (Vec::new(), Vec::new());
    for entry in entries {
        let on = entry.value.get("on");
        let others = entry.value.entries().unwrap_or_default().iter().filter(|key| key.key != "on");
        faults.extend(others.map(|key| unknown_key(key, &["on"])));
        let rule = Rule::parse(&entry.key).map_err(|why| entry.position.fault(why));
        let machine = match on {
            Some(on) => text(on).map_err(|why| on.position.fault(format!("on: {why}"))),
            None => Err(entry.value.position.fault(format!("{}: expected {{on: MACHINE}}", entry.key))),
        };
        match (rule, machine, on) {
            (Ok(rule), Ok(machine), Some(on)) => {
                let (text, machine, position) = (entry.key.clone(), machine.to_owned(), on.position);
                all.push(Nodes { text, rule, machine, position });
            }
            (rule, machine, _) => faults.extend(rule.err().into_iter().chain(machine.err())),
        }
    }
    if faults.is_empty() { Ok(all) } else { Err(faults) }
}

/// The base leaves room for a million links.
fn read_base(node: &Node) -> Result<u32, Vec<Fault>> {
    let base = node.scalar().and_then(|base| base.number(&(1..=END - 0x10_0000)));
    base.map_err(|why| vec![node.position.fault(format!("{VNI}: {why}"))])
}

fn entries<'a>(key: &str, what: &str, node: &'a Node) -> Result<&'a [KeyValue], Vec<Fault>> {
    node.entries().ok_or_else(|| vec![node.expected(key, what)])
}

fn text(node: &Node) -> Result<&str, String> {
    node.scalar()?.text()
}
