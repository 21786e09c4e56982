//! The nodes of a topology: where the links of each lie.

use std::collections::HashMap;

use nicon_core::Record;
use nicon_core::link::LinkName;
use nicon_core::path::HOST;

use super::lab::Lab;
use super::values::Values;
use crate::fault::Fault;
use crate::targets::Targets;
use crate::wanted::Wanted;
use crate::yaml::{KeyValue, Node};

/// The nodes that every topology has besides its own.
pub(super) const MGMT_NET: &str = "mgmt-net";

/// What a network mode begins with that shares the network namespace of another container.
const CONTAINER: &str = "container:";

/// How many nodes may share a network namespace, each that of the next.
const SHARED: usize = 16;

/// All nodes by their names.
pub(super) struct Nodes {
    places: HashMap<String, Place>,
    /// The bridges that containerlab makes in containers.
    pub(super) bridges: Vec<Wanted>,
    pub(super) faults: Vec<Fault>,
}

/// Where the links of a node lie.
#[derive(Clone)]
pub(super) struct Place {
    pub(super) target: String,
    /// The target of the network namespace, where several nodes share one.
    pub(super) namespace: String,
    /// The bridge whose ports they become.
    pub(super) master: Option<String>,
    /// Whether what is too long for a link's name becomes an alternative one. What runs in the other nodes may know such names
    /// for names of its own.
    pub(super) takes_long_names: bool,
    /// Why there can be none.
    pub(super) refused: Option<String>,
}

impl Place {
    fn of(target: String) -> Self {
        Self { namespace: target.clone(), target, master: None, takes_long_names: false, refused: None }
    }

    /// A place where links have no other names than Linux gives them.
    fn of_linux(target: String) -> Self {
        Self { takes_long_names: true, ..Self::of(target) }
    }

    fn refuse(self, why: impl Into<String>) -> Self {
        Self { refused: Some(why.into()), ..self }
    }
}

/// What the nodes of a topology are read with.
struct Reading<'a> {
    defaults: Option<&'a Node>,
    groups: HashMap<&'a str, &'a Node>,
    kinds: HashMap<&'a str, &'a Node>,
    lab: &'a Lab,
    targets: &'a Targets,
    values: &'a Values<'a>,
    /// The nodes' own entries by their names, with variables put in.
    entries: HashMap<String, &'a KeyValue>,
}

impl Nodes {
    /// Reads the nodes, and what groups, kinds and defaults say of them.
    pub(super) fn read(topology: &Node, lab: &Lab, targets: &Targets, values: &Values) -> Self {
        let mut nodes = Self { places: HashMap::new(), bridges: Vec::new(), faults: Vec::new() };
        let section = |name| {
            let entries = topology.get(name).and_then(Node::entries).unwrap_or_default();
            entries.iter().map(|entry| (&*entry.key, &entry.value)).collect()
        };
        let (groups, kinds, defaults) = (section("groups"), section("kinds"), topology.get("defaults"));
        let mut reading = Reading { defaults, groups, kinds, lab, targets, values, entries: HashMap::new() };
        let mut names = Vec::new();
        match topology.get("nodes").map(|map| (map, map.entries())) {
            Some((_, Some(entries))) => {
                for entry in entries {
                    match values.expand(&entry.key) {
                        Ok(name) => {
                            names.push(name.clone());
                            reading.entries.insert(name, entry);
                        }
                        Err(why) => nodes.faults.push(entry.position.fault(why)),
                    }
                }
            }
            Some((map, None)) if !map.is_nothing() => nodes.faults.push(map.expected("nodes", "a map")),
            _ => {}
        }
        for name in names {
            match reading.place(&name, 0) {
                Ok(place) => {
                    if let Some(bridge) = reading.bridge_to_make(&name, &place) {
                        nodes.bridges.push(bridge);
                    }
                    nodes.places.insert(name, place);
                }
                Err(fault) => nodes.faults.push(fault),
            }
        }
        let host = Place::of_linux(targets.host());
        nodes.places.insert(HOST.to_owned(), host.clone());
        let mgmt = match &lab.bridge {
            Some(bridge) => Place { master: Some(bridge.clone()), ..host },
            None => host.refuse(
                "the engine made up the name of the management network's bridge: say it with mgmt: {bridge: NAME}",
            ),
        };
        nodes.places.insert(MGMT_NET.to_owned(), mgmt);
        nodes
    }

    /// The names of all nodes.
    pub(super) fn names(&self) -> impl Iterator<Item = &str> {
        self.places.keys().map(String::as_str)
    }

    /// Where the links of a node lie.
    pub(super) fn get(&self, name: &str) -> Option<&Place> {
        self.places.get(name)
    }
}

impl Reading<'_> {
    /// Where the links of a node lie. `depth`: how many nodes that share its network namespace were looked at before it.
    fn place(&self, name: &str, depth: usize) -> Result<Place, Fault> {
        let host = || Place::of_linux(self.targets.host());
        let kind = self.kind(name)?.unwrap_or_default().to_lowercase();
        let mode = self.property(name, "network-mode")?.unwrap_or_default();
        let shared = mode.strip_prefix(CONTAINER);
        // In a name, `|` sets bridges of the same name in different containers apart.
        let bridge = name.split('|').next().unwrap_or(name);
        let place = match (&*kind, shared) {
            ("bridge", None) => Place { master: Some(bridge.to_owned()), ..host() },
            ("bridge", Some(other)) => match self.entries.get(other) {
                Some(_) if depth < SHARED => {
                    Place { master: Some(bridge.to_owned()), takes_long_names: true, ..self.place(other, depth + 1)? }
                }
                _ => host().refuse(format!("{CONTAINER}{other}: there is no such node")),
            },
            ("ovs-bridge", _) => host().refuse(format!(
                "ports of Open vSwitch are not added: say host:PORT, and ovs-vsctl add-port {name} PORT"
            )),
            ("host", _) => host(),
            ("k8s-kind", _) => {
                let example = format!("{name}-control-plane: {{kind: ext-container}}");
                host()
                    .refuse(format!("a cluster has no links of its own: make its containers nodes, such as {example}"))
            }
            (kind, shared) => {
                let container = if kind == "ext-container" { name.to_owned() } else { self.lab.container(name) };
                let place = match self.targets.container(&container) {
                    Ok(target) if matches!(kind, "linux" | "ext-container") => Place::of_linux(target),
                    Ok(target) => Place::of(target),
                    Err(error) => host().refuse(error.to_string()),
                };
                match shared {
                    Some(other) if self.entries.contains_key(other) && depth < SHARED => {
                        Place { namespace: self.place(other, depth + 1)?.namespace, ..place }
                    }
                    None if mode == HOST => Place { namespace: self.targets.host(), ..place },
                    _ => place,
                }
            }
        };
        Ok(place)
    }

    /// The bridge that containerlab makes for a node: one in a container. Others must be there.
    fn bridge_to_make(&self, name: &str, place: &Place) -> Option<Wanted> {
        let is_made = self.property(name, "network-mode").ok().flatten()?.starts_with(CONTAINER);
        let bridge = place.master.as_ref().filter(|_| is_made && place.refused.is_none())?;
        let mut record = Record::default();
        record.set("target", &place.target);
        record.set("kind", "bridge");
        record.set("name", bridge);
        let position = self.entries.get(name)?.position;
        bridge.parse::<LinkName>().ok()?;
        Some(Wanted { record, position, namespace: place.namespace.clone() })
    }

    /// The kind of a node: its own, that of its group, or the default.
    fn kind(&self, name: &str) -> Result<Option<String>, Fault> {
        let own = |key| self.entries.get(name).and_then(|entry| entry.value.get(key));
        let default = |key| self.defaults?.get(key);
        let of_group = |group: Option<&Node>| self.group(group?)?.get("kind");
        let kind = own("kind").or_else(|| of_group(own("group"))).or_else(|| of_group(default("group")));
        self.text("kind", kind.or_else(|| default("kind")))
    }

    /// What a node says, or else its group, its kind, or the defaults.
    fn property(&self, name: &str, key: &str) -> Result<Option<String>, Fault> {
        let own = |key| self.entries.get(name).and_then(|entry| entry.value.get(key));
        let default = |key| self.defaults?.get(key);
        let kind = self.kind(name)?.and_then(|kind| self.kinds.get(&*kind));
        let group = own("group").or_else(|| kind?.get("group")).or_else(|| default("group"));
        let group = group.and_then(|group| self.group(group));
        self.text(key, own(key).or_else(|| group?.get(key)).or_else(|| kind?.get(key)).or_else(|| default(key)))
    }

    fn group(&self, name: &Node) -> Option<&Node> {
        self.groups.get(&*self.values.text("group", name).ok()?).copied()
    }

    fn text(&self, key: &str, node: Option<&Node>) -> Result<Option<String>, Fault> {
        node.filter(|node| !node.is_nothing()).map(|node| self.values.text(key, node)).transpose()
    }
}
