//! The nest of containers that the records describe.

use std::collections::HashMap;

use nicon_core::path::{HOST, show};
use nicon_core::{Error, Record, Result};
use serde_json::Value;

use crate::link::Link;
use crate::machine::Machine;

/// The deepest nest that is drawn. The kernel nests PID namespaces at most 32 deep.
const DEPTH: usize = 256;

/// Machines, and in them all containers of the records, and what is beside the outermost ones.
#[derive(Default)]
pub(crate) struct Nest {
    /// Each after the one that it is in. Only a machine is in none.
    pub(crate) nodes: Vec<Node>,
    pub(crate) machines: Vec<Machine>,
    /// Whether a record told of a link, be it one that is not drawn.
    pub(crate) has_links: bool,
    /// The index of each node, by the node around it and its key there.
    places: HashMap<(Option<usize>, String), usize>,
}

/// A machine, a container, or a process or namespace that is not a container's.
pub(crate) struct Node {
    pub(crate) name: String,
    /// Of a container its engine, and how that was reached; otherwise what the node is.
    pub(crate) kind: String,
    /// The full ID of a container, otherwise empty.
    pub(crate) id: String,
    pub(crate) pid: Option<i32>,
    /// The PID that the engine reports.
    pub(crate) inner: Option<i64>,
    /// Which machine it is, or is on.
    pub(crate) machine: usize,
    /// The container around it, or the machine.
    pub(crate) outer: Option<usize>,
    /// The containers in it.
    pub(crate) within: Vec<usize>,
    /// The record about it; `None` if it is only on the path to others.
    pub(crate) record: Option<Record>,
    pub(crate) links: Vec<Link>,
}

impl Nest {
    /// Adds the containers, or the other node, and the link of a record.
    ///
    /// # Errors
    /// If it names neither, or a field has the wrong type. The nest is unchanged then.
    pub(crate) fn add(&mut self, record: Record) -> Result<()> {
        record.integers("ns")?;
        let machine = Machine::of(&record)?;
        let known = self.machines.iter().position(|known| *known == machine);
        let at = known.unwrap_or(self.machines.len());
        let link = Link::of(&record, at)?;
        let nodes = match record.get("hops") {
            Some(Value::Array(hops)) if !hops.is_empty() => Node::of_hops(hops)?,
            None | Some(Value::Null | Value::Array(_)) => Node::of_other(&record)?.into_iter().collect(),
            Some(_) => return Err(Error::failed("field \"hops\": expected a list")),
        };
        if known.is_none() {
            self.machines.push(machine);
        }
        let mut index = self.place(None, Node::of_machine(at));
        for node in nodes {
            index = self.place(Some(index), Node { machine: at, ..node });
        }
        self.has_links |= link.is_some();
        let node = &mut self.nodes[index];
        if let Some(link) = link.filter(|link| !link.is_loopback && node.links.iter().all(|known| known.id != link.id))
        {
            node.links.push(link);
        }
        node.record.get_or_insert(record);
        Ok(())
    }

    /// The machines, in the order in which they are drawn.
    pub(crate) fn roots(&self) -> Vec<usize> {
        let mut roots: Vec<_> = (0..self.nodes.len()).filter(|&index| self.nodes[index].is_machine()).collect();
        let machine = |index: usize| &self.machines[self.nodes[index].machine];
        roots.sort_by(|&a, &b| machine(a).compare(machine(b)));
        roots
    }

    /// What a node is called by the others around it.
    pub(crate) fn name(&self, index: usize) -> String {
        let node = &self.nodes[index];
        let machine = &self.machines[node.machine];
        let is_known = self.machines.len() == 1 && machine.is_here;
        if node.is_machine() && !is_known { machine.title() } else { node.name.clone() }
    }

    /// Where a link of a node is: the node's path, and the machine if there are several.
    pub(crate) fn place_of(&self, index: usize) -> String {
        let path = self.path(index);
        if self.machines.len() == 1 {
            return path;
        }
        format!("{path} on {}", self.machines[self.nodes[index].machine].title())
    }

    /// The path of a node, as nicon-resolve takes it on its machine.
    pub(crate) fn path(&self, index: usize) -> String {
        if self.nodes[index].is_machine() {
            return HOST.to_owned();
        }
        let around = std::iter::successors(Some(index), |&index| self.nodes[index].outer);
        let around = around.filter(|&index| !self.nodes[index].is_machine());
        let mut names: Vec<_> = around.map(|index| self.nodes[index].name.as_str()).collect();
        names.reverse();
        show(&names)
    }

    /// The index of the node with this one's key in `outer`. If there is none yet, `node` is added.
    fn place(&mut self, outer: Option<usize>, node: Node) -> usize {
        let next = self.nodes.len();
        let index = *self.places.entry((outer, node.key())).or_insert(next);
        if index == next {
            self.nodes.push(Node { outer, ..node });
            if let Some(outer) = outer {
                self.nodes[outer].within.push(index);
            }
        }
        index
    }
}

impl Node {
    fn of_hops(hops: &[Value]) -> Result<Vec<Self>> {
        if hops.len() > DEPTH {
            return Err(Error::failed(format!("field \"hops\": more than {DEPTH} of them")));
        }
        hops.iter().map(Self::of_hop).collect()
    }

    fn of_machine(machine: usize) -> Self {
        Self { machine, ..Self::new(HOST.to_owned(), "machine") }
    }

    fn new(name: String, kind: &str) -> Self {
        Self {
            name,
            kind: kind.to_owned(),
            id: String::new(),
            pid: None,
            inner: None,
            machine: 0,
            outer: None,
            within: Vec::new(),
            record: None,
            links: Vec::new(),
        }
    }

    fn of_hop(hop: &Value) -> Result<Self> {
        let text = |field: &str| hop.get(field).and_then(Value::as_str);
        let must =
            |field: &str| text(field).ok_or_else(|| Error::failed(format!("field \"hops\": a hop has no \"{field}\"")));
        let number = |field: &str| hop.get(field).and_then(Value::as_i64);
        // The process that a path begins with has neither an engine nor an ID.
        let is_process = hop.get("id").is_none() && text("engine").is_none() && number("pid").is_some();
        // A pod is its sandbox, in which its containers are.
        let pod = hop.get("pod").filter(|_| hop.get("sandbox") == Some(&Value::Bool(true)));
        let namespace = pod.and_then(|pod| pod.get("namespace")).and_then(Value::as_str);
        let engine = text("engine").unwrap_or(if is_process { "process" } else { "container" });
        let what = if namespace.is_some() { "pod" } else { engine };
        let name = match (must("name")?, namespace) {
            (name, Some(namespace)) => format!("pod:{namespace}:{name}"),
            (name, None) => name.to_owned(),
        };
        let kind = match text("sharing") {
            None | Some("host") => what.to_owned(),
            Some(sharing) => format!("{what} {sharing}"),
        };
        Ok(Self {
            id: if is_process { String::new() } else { must("id")?.to_owned() },
            pid: number("pid").and_then(|pid| pid.try_into().ok()),
            inner: number("inner_pid"),
            ..Self::new(name, &kind)
        })
    }

    pub(crate) fn is_machine(&self) -> bool {
        self.outer.is_none()
    }

    /// What tells it from the others in the node around it: the ID of a container, or else what it is, where, and its name.
    fn key(&self) -> String {
        if self.id.is_empty() { format!("{} {} {}", self.kind, self.machine, self.name) } else { self.id.clone() }
    }

    /// The node of a record without hops: a process, a network namespace whose links were listed, a namespace without
    /// processes, or a container that was not resolved; `None` of the machine itself.
    fn of_other(record: &Record) -> Result<Option<Self>> {
        let pid = record.integer("pid")?;
        let target = record.text("target")?.map(str::to_owned);
        let namespace =
            || Some(format!("{}:[{}]", record.text("nstype").ok()??, record.integer::<u64>("nsino").ok()??));
        let (kind, name) = match pid {
            Some(pid) => ("process", target.or_else(|| Some(format!("process {pid}")))),
            None if target.as_deref() == Some(HOST) => return Ok(None),
            None if target.is_some() && record.get("nic").is_some() => ("netns", target),
            None if target.is_some() => ("unresolved", target),
            None => ("namespace", namespace()),
        };
        let name = name.ok_or_else(|| {
            Error::failed("the record names neither a container nor a process (it has no \"hops\" and no \"pid\")")
        })?;
        Ok(Some(Self { pid, ..Self::new(name, kind) }))
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// A record of a container. The names are the IDs as well.
    pub(crate) fn record(path: &[&str], more: &str) -> Record {
        let hops: Vec<_> = path
            .iter()
            .enumerate()
            .map(|(depth, name)| {
                format!(
                    r#"{{"name":"{name}","id":"{name}","engine":"docker","pid":{},"inner_pid":7,"sharing":"{}"}}"#,
                    1000 + depth,
                    if depth == 0 { "host" } else { "dind" }
                )
            })
            .collect();
        Record::parse(&format!(r#"{{"target":"{}","hops":[{}]{more}}}"#, path.join("."), hops.join(","))).unwrap()
    }

    #[test]
    fn containers_on_the_path_to_others_are_added() {
        let mut nest = Nest::default();
        for path in [&["a", "b", "c"][..], &["a"], &["a", "d"], &["e"], &["a", "b", "c"]] {
            nest.add(record(path, "")).unwrap();
        }
        let names: Vec<_> =
            (0..nest.nodes.len()).map(|index| (nest.path(index), nest.nodes[index].record.is_some())).collect();
        let expected = [("host", false), ("a", true), ("a.b", false), ("a.b.c", true), ("a.d", true), ("e", true)];
        assert_eq!(names, expected.map(|(path, has_record)| (path.to_owned(), has_record)));
        assert_eq!((nest.roots(), &nest.nodes[0].within[..]), (vec![0], &[1, 5][..]));
        assert_eq!((nest.nodes[1].kind.as_str(), nest.nodes[2].kind.as_str()), ("docker", "docker dind"));
    }

    #[test]
    fn records_without_hops_become_nodes() {
        let mut nest = Nest::default();
        for (line, name, kind) in [
            (r#"{"pid":42}"#, "process 42", "process"),
            (r#"{"target":"host","nic":{"netns":7,"ifindex":1}}"#, "host", "machine"),
            (r#"{"target":"a.b"}"#, "a.b", "unresolved"),
            (r#"{"nstype":"net","nsino":7}"#, "net:[7]", "namespace"),
            (r#"{"pid":42,"hops":[]}"#, "process 42", "process"),
        ] {
            nest.add(Record::parse(line).unwrap()).unwrap();
            assert!(nest.nodes.iter().any(|node| (&node.name[..], &node.kind[..]) == (name, kind)), "{line}");
        }
        // The machine's links are its own.
        let links: Vec<usize> = nest.nodes.iter().map(|node| node.links.len()).collect();
        assert_eq!(links, [1, 0, 0, 0]);
    }

    #[test]
    fn a_path_may_begin_with_a_process() {
        let mut nest = Nest::default();
        let container = r#"{"name":"web","id":"1a","engine":"docker","pid":43,"sharing":"dind"}"#;
        for more in [String::new(), format!(",{container}"), String::new()] {
            let record = format!(r#"{{"hops":[{{"name":"pid:42","pid":42}}{more}]}}"#);
            nest.add(Record::parse(&record).unwrap()).unwrap();
        }
        let nodes: Vec<_> = nest.nodes.iter().map(|node| (&node.kind[..], node.pid, node.outer)).collect();
        assert_eq!(nodes[1..], [("process", Some(42), Some(0)), ("docker dind", Some(43), Some(1))]);
        assert_eq!(nest.path(2), "pid:42.web");
    }

    #[test]
    fn a_pod_has_its_containers_in_it() {
        let mut nest = Nest::default();
        let pod = r#""engine":"containerd","pod":{"name":"front","namespace":"default"}"#;
        let sandbox = format!(r#"{{"name":"front","id":"1a",{pod},"sandbox":true,"pid":42,"sharing":"host"}}"#);
        let web = format!(r#"{{"name":"web","id":"2b",{pod},"pid":43,"sharing":"host"}}"#);
        nest.add(Record::parse(&format!(r#"{{"hops":[{sandbox},{web}]}}"#)).unwrap()).unwrap();
        assert_eq!((&nest.nodes[1].kind[..], &nest.nodes[2].kind[..]), ("pod", "containerd"));
        assert_eq!(nest.path(2), "pod:default:front/web");
    }

    #[test]
    fn a_bad_record_leaves_the_nest_unchanged() {
        let mut nest = Nest::default();
        for line in [
            "{}",
            r#"{"hops":7}"#,
            r#"{"pid":1,"ns":[]}"#,
            r#"{"hops":[{"name":"a","id":"1"},{"name":"b"}]}"#,
            r#"{"hops":[7]}"#,
            r#"{"pid":"x"}"#,
        ] {
            assert!(nest.add(Record::parse(line).unwrap()).is_err(), "{line}");
        }
        assert!(nest.nodes.is_empty() && nest.machines.is_empty());
        assert!(nest.add(record(&["x"; 257], "")).is_err());
    }

    #[test]
    fn each_link_is_added_once() {
        let mut nest = Nest::default();
        for link in [
            r#","nic":{"name":"lo","ifindex":1,"netns":9,"flags":["UP","LOOPBACK"]}"#,
            r#","nic":{"name":"eth1","ifindex":2,"netns":9,"kind":"veth","peer":{"name":"x","ifindex":3,"netns":8,"target":null}}"#,
        ] {
            nest.add(record(&["a"], link)).unwrap();
            nest.add(record(&["a"], link)).unwrap();
        }
        let [link] = &nest.nodes[1].links[..] else { panic!("{:?}", nest.nodes[1].links) };
        let peer = link.peer.as_ref().unwrap();
        assert_eq!(
            (link.name.as_str(), link.id, peer.id, &peer.place()[..]),
            ("eth1", (0, 9, 2), Some((0, 8, 3)), "net:[8]")
        );
    }

    #[test]
    fn machines_are_never_merged() {
        let mut nest = Nest::default();
        let of = |machine: &str, boot: &str| format!(r#","machine":"{machine}","boot":"{boot}""#);
        for (machine, boot) in [("lab10", "b1"), ("lab9", "b2"), ("lab10", "b3"), ("lab10", "b1")] {
            nest.add(record(&["a"], &of(machine, boot))).unwrap();
        }
        let places: Vec<String> = (0..nest.nodes.len()).map(|index| nest.place_of(index)).collect();
        let [a, b, c] = [("lab10", 0), ("lab9", 1), ("lab10", 2)]
            .map(|(lab, machine)| (machine, [format!("host on {lab}"), format!("a on {lab}")]));
        assert_eq!(places, [a.1, b.1, c.1].concat());
        // By name and then by boot.
        assert_eq!(nest.roots(), [2, 0, 4]);
    }
}
