//! The nest, as the records tell it.

use std::collections::HashMap;

use nicon_core::{Error, Record, Result};
use serde_json::Value;

use crate::link::{self, Link};

/// The deepest nest that is drawn. The kernel itself nests PID namespaces no deeper than 32.
const DEPTH: usize = 256;

/// All that was read: containers in containers, and what is none beside the outermost.
#[derive(Default)]
pub(crate) struct Nest {
    /// Each behind the one that it is in.
    pub(crate) nodes: Vec<Node>,
    places: HashMap<(Option<usize>, String), usize>,
}

/// A container, or another process or place that a record names.
pub(crate) struct Node {
    pub(crate) name: String,
    /// The engine, and how it was reached; of what is no container, what it is.
    pub(crate) kind: String,
    /// The container's full ID; empty for what is none.
    pub(crate) id: String,
    pub(crate) pid: Option<i32>,
    /// The PID that the engine tells.
    pub(crate) inner: Option<i64>,
    /// The container around it.
    pub(crate) outer: Option<usize>,
    /// The containers in it.
    pub(crate) within: Vec<usize>,
    /// The record that is about it; `None` where others only came by.
    pub(crate) record: Option<Record>,
    pub(crate) links: Vec<Link>,
}

impl Nest {
    /// Adds what a record tells.
    ///
    /// # Errors
    /// Where it names nothing, or a field is of the wrong type; the nest is as it was.
    pub(crate) fn add(&mut self, record: Record) -> Result<()> {
        record.integers("ns")?;
        let link = Link::of(&record)?;
        let is_loopback = link::is_loopback(&record);
        let index = match record.get("hops") {
            Some(Value::Array(hops)) if !hops.is_empty() => self.container(hops)?,
            None | Some(Value::Null | Value::Array(_)) => self.bystander(&record)?,
            Some(_) => return Err(Error::failed("field \"hops\": expected a list")),
        };
        let node = &mut self.nodes[index];
        if let Some(link) = link.filter(|link| !is_loopback && node.links.iter().all(|known| known.id != link.id)) {
            node.links.push(link);
        }
        node.record.get_or_insert(record);
        Ok(())
    }

    /// The nodes that are in no other.
    pub(crate) fn roots(&self) -> Vec<usize> {
        (0..self.nodes.len()).filter(|&index| self.nodes[index].outer.is_none()).collect()
    }

    /// The names that lead to a node, as nicon-resolve takes them.
    pub(crate) fn path(&self, index: usize) -> String {
        let around = std::iter::successors(Some(index), |&index| self.nodes[index].outer);
        let mut names: Vec<_> = around.map(|index| self.nodes[index].name.as_str()).collect();
        names.reverse();
        names.join(if names.iter().any(|name| name.contains('.')) { "/" } else { "." })
    }

    fn container(&mut self, hops: &[Value]) -> Result<usize> {
        if hops.len() > DEPTH {
            return Err(Error::failed(format!("field \"hops\": more than {DEPTH} of them")));
        }
        let nodes: Vec<_> = hops.iter().map(Node::of_hop).collect::<Result<_>>()?;
        let mut outer = None;
        for node in nodes {
            outer = Some(self.place(outer, node.id.clone(), node));
        }
        Ok(outer.expect("there is a hop"))
    }

    fn bystander(&mut self, record: &Record) -> Result<usize> {
        let node = Node::of_bystander(record)?;
        Ok(self.place(None, format!("{} {}", node.kind, node.name), node))
    }

    /// The node with this key in `outer`: the one that is there already, else `node`.
    fn place(&mut self, outer: Option<usize>, key: String, node: Node) -> usize {
        let next = self.nodes.len();
        let index = *self.places.entry((outer, key)).or_insert(next);
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
    fn of_hop(hop: &Value) -> Result<Self> {
        let text = |field: &str| hop.get(field).and_then(Value::as_str);
        let must =
            |field: &str| text(field).ok_or_else(|| Error::failed(format!("field \"hops\": one has no \"{field}\"")));
        let number = |field: &str| hop.get(field).and_then(Value::as_i64);
        let engine = text("engine").unwrap_or("container");
        Ok(Self {
            name: must("name")?.to_owned(),
            kind: match text("sharing") {
                None | Some("host") => engine.to_owned(),
                Some(sharing) => format!("{engine} {sharing}"),
            },
            id: must("id")?.to_owned(),
            pid: number("pid").and_then(|pid| pid.try_into().ok()),
            inner: number("inner_pid"),
            outer: None,
            within: Vec::new(),
            record: None,
            links: Vec::new(),
        })
    }

    /// What a record without hops is about: a process, a place that has a name, or a namespace that nobody is in.
    fn of_bystander(record: &Record) -> Result<Self> {
        let pid = record.integer("pid")?;
        let target = record.text("target")?.map(str::to_owned);
        let namespace =
            || Some(format!("{}:[{}]", record.text("nstype").ok()??, record.integer::<u64>("nsino").ok()??));
        let (kind, name) = match pid {
            Some(pid) => ("process", target.or_else(|| Some(format!("process {pid}")))),
            None if target.is_some() => ("place", target),
            None => ("namespace", namespace()),
        };
        let name = name.ok_or_else(|| {
            Error::failed("the record names neither a container nor a process (no \"hops\", no \"pid\")")
        })?;
        Ok(Self {
            name,
            kind: kind.to_owned(),
            id: String::new(),
            pid,
            inner: None,
            outer: None,
            within: Vec::new(),
            record: None,
            links: Vec::new(),
        })
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// A record of a container; a path's first letter is its ID.
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
    fn containers_on_the_way_are_there() {
        let mut nest = Nest::default();
        for path in [&["a", "b", "c"][..], &["a"], &["a", "d"], &["e"], &["a", "b", "c"]] {
            nest.add(record(path, "")).unwrap();
        }
        let names: Vec<_> =
            (0..nest.nodes.len()).map(|index| (nest.path(index), nest.nodes[index].record.is_some())).collect();
        let expected = [("a", true), ("a.b", false), ("a.b.c", true), ("a.d", true), ("e", true)];
        assert_eq!(names, expected.map(|(path, told)| (path.to_owned(), told)));
        assert_eq!(nest.roots(), [0, 4]);
        assert_eq!((nest.nodes[0].kind.as_str(), nest.nodes[1].kind.as_str()), ("docker", "docker dind"));
    }

    #[test]
    fn what_is_no_container_stands_beside() {
        let mut nest = Nest::default();
        for (line, name) in [
            (r#"{"pid":42}"#, "process 42"),
            (r#"{"target":"host"}"#, "host"),
            (r#"{"nstype":"net","nsino":7}"#, "net:[7]"),
            (r#"{"pid":42,"hops":[]}"#, "process 42"),
        ] {
            nest.add(Record::parse(line).unwrap()).unwrap();
            assert!(nest.nodes.iter().any(|node| node.name == name), "{line}");
        }
        assert_eq!(nest.nodes.len(), 3);
    }

    #[test]
    fn what_is_not_understood_leaves_no_trace() {
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
        assert!(nest.nodes.is_empty());
        assert!(nest.add(record(&["x"; 257], "")).is_err());
    }

    #[test]
    fn links_come_one_a_record() {
        let mut nest = Nest::default();
        for link in [
            r#","name":"lo","ifindex":1,"netns":9,"flags":["UP","LOOPBACK"]"#,
            r#","name":"eth1","ifindex":2,"netns":9,"kind":"veth","peer":{"name":"x","ifindex":3,"netns":8,"target":null}"#,
        ] {
            nest.add(record(&["a"], link)).unwrap();
            nest.add(record(&["a"], link)).unwrap();
        }
        let [link] = &nest.nodes[0].links[..] else { panic!("{:?}", nest.nodes[0].links) };
        let peer = link.peer.as_ref().unwrap();
        assert_eq!(
            (link.name.as_str(), link.id, peer.id, peer.place.as_str()),
            ("eth1", (9, 2), Some((8, 3)), "net:[8]")
        );
    }
}
