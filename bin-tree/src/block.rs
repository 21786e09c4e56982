//! The lines of text about each node, the same for all output formats.

use std::collections::HashMap;

use nicon_core::filter::colour::Mark;

use crate::args::Args;
use crate::compare::{Change, Comparison, Owner};
use crate::link::{Link, LinkId};
use crate::nest::Nest;
use crate::procs::{Proc, Procs};
use crate::screen::Screen;

/// The most columns of a line in an image. Commands can be long.
const BOX: usize = 80;

const IMAGE: Screen = Screen { width: None, unicode: true };

/// A node with its links and processes.
pub(crate) struct Block {
    /// Which node it is.
    pub(crate) node: usize,
    /// The number of blocks around it.
    pub(crate) depth: usize,
    /// The block of what it is in; only a machine is in none.
    pub(crate) outer: Option<usize>,
    /// The node's kind.
    pub(crate) kind: String,
    /// The node's own line first.
    pub(crate) lines: Vec<Line>,
}

/// A line, and its depth below the node.
#[derive(Debug, Default, PartialEq)]
pub(crate) struct Line {
    pub(crate) depth: usize,
    pub(crate) name: String,
    pub(crate) kind: String,
    pub(crate) pid: String,
    pub(crate) inner: String,
    pub(crate) rest: String,
    /// What is to be noticed about the first word of that.
    pub(crate) mark: Option<Mark>,
    /// Which of the node's links it is about.
    pub(crate) link: Option<usize>,
}

/// A line about a link: which block it is in, and which of its lines it is.
pub(crate) type Place = (usize, usize);

/// Two links that are connected.
#[derive(Debug, PartialEq)]
pub(crate) struct Wire {
    pub(crate) from: Place,
    pub(crate) to: Place,
}

/// How the links are connected.
#[derive(Default)]
pub(crate) struct Wiring {
    /// The two ends of each pair or tunnel.
    pub(crate) wires: Vec<Wire>,
    /// From each port to the bridge, bond or VRF whose port it is.
    pub(crate) ports: Vec<Wire>,
}

impl Block {
    /// What the node's box begins with in a graph: its name, its kind and PIDs, and its own namespaces.
    pub(crate) fn heading(&self) -> Vec<String> {
        fit(self.lines.iter().take(1).flat_map(|node| [node.name.clone(), node.facts(), node.rest.clone()]))
    }

    /// The other lines, one row each.
    pub(crate) fn rows(&self) -> Vec<String> {
        fit(self.lines.iter().skip(1).map(Line::text))
    }

    /// The text of a box around others: what it is called, and what is unusual about it.
    pub(crate) fn title(&self) -> Vec<String> {
        fit(self.lines.iter().take(1).flat_map(|node| [node.name.clone(), node.rest.clone()]))
    }
}

fn fit(lines: impl Iterator<Item = String>) -> Vec<String> {
    let lines = lines.filter(|line| !line.is_empty());
    lines.map(|line| IMAGE.fit(&IMAGE.show(&line), BOX).into_owned()).collect()
}

impl Line {
    /// Kind and PIDs: `docker dind 30519 (112)`.
    pub(crate) fn facts(&self) -> String {
        let inner = if self.inner.is_empty() { String::new() } else { format!("({})", self.inner) };
        let facts = [self.kind.as_str(), &self.pid, &inner];
        facts.into_iter().filter(|fact| !fact.is_empty()).collect::<Vec<_>>().join(" ")
    }

    /// The whole line, indented by its depth.
    fn text(&self) -> String {
        // The limit keeps deeply nested processes from making the image huge.
        let indent = "  ".repeat(self.depth.min(20));
        format!("{indent}{}  {}  {}", self.name, self.facts(), self.rest)
    }
}

/// The blocks of all nodes, each after the one that it is in, and how their links are connected.
pub(crate) fn blocks(
    nest: &Nest,
    comparisons: &[Comparison],
    procs: Option<&Procs>,
    args: &Args,
) -> (Vec<Block>, Wiring) {
    let mut blocks: Vec<Block> = Vec::new();
    let mut ends: HashMap<LinkId, Place> = HashMap::new();
    let mut masters = Vec::new();
    let mut wires = Vec::new();
    let mut waiting: Vec<(usize, usize, Option<usize>)> =
        nest.roots().into_iter().map(|root| (root, 0, None)).collect();
    waiting.reverse();
    while let Some((index, depth, outer)) = waiting.pop() {
        let (node, place) = (&nest.nodes[index], blocks.len());
        let mut lines = vec![node_line(nest, index, &comparisons[index])];
        for (number, link) in node.links.iter().enumerate().filter(|_| args.links) {
            let here = (place, lines.len());
            // What shares a network namespace has the same links, and each is one end of one wire.
            if !ends.contains_key(&link.id) {
                let there = link.peer.as_ref().and_then(|peer| ends.get(&peer.id?));
                wires.extend(there.map(|&from| Wire { from, to: here }));
                masters.extend(link.master.as_ref().and_then(|master| Some((here, master.id?))));
                ends.insert(link.id, here);
            }
            lines.push(Line { link: Some(number), ..link_line(link) });
        }
        lines.extend(procs.map(|procs| &procs.of[index]).into_iter().flatten().map(process_line));
        blocks.push(Block { node: index, depth, outer, kind: node.kind.clone(), lines });
        waiting.extend(node.within.iter().rev().map(|&within| (within, depth + 1, Some(place))));
    }
    // A port may be listed before its master.
    let port = |(from, master): (Place, LinkId)| Some(Wire { from, to: *ends.get(&master)? });
    (blocks, Wiring { wires, ports: masters.into_iter().filter_map(port).collect() })
}

fn node_line(nest: &Nest, index: usize, comparison: &Comparison) -> Line {
    let node = &nest.nodes[index];
    let mut rest: Vec<String> = comparison.changes.iter().map(|change| change_text(nest, change)).collect();
    if node.is_machine() {
        rest = vec![nest.machines[node.machine].notices(&nest.machines).join(", ")];
    }
    if let Some(same) = comparison.same {
        rest = vec![format!("the same as {}", nest.path(same))];
    }
    if comparison.gone {
        rest = vec!["gone".to_owned()];
    }
    Line {
        depth: 0,
        name: nest.name(index),
        kind: node.kind.clone(),
        pid: node.pid.map(|pid| pid.to_string()).unwrap_or_default(),
        inner: node.inner.map(|pid| pid.to_string()).unwrap_or_default(),
        mark: comparison.gone.then_some(Mark::Gone),
        rest: rest.join(" "),
        link: None,
    }
}

fn change_text(nest: &Nest, change: &Change) -> String {
    match change.owner {
        None => change.ns_type.clone(),
        Some(Owner::Host) => format!("{}=host", change.ns_type),
        Some(Owner::Node(index)) => format!("{}={}", change.ns_type, nest.path(index)),
    }
}

fn link_line(link: &Link) -> Line {
    let master = link.master.as_ref().map(|master| format!("master {}", master.name));
    let peer = link.peer.as_ref().map(|peer| format!("\u{2194} {} in {}", peer.name, peer.place()));
    let rest: Vec<String> =
        [link.state.clone()].into_iter().chain(master).chain(link.addresses.iter().cloned()).chain(peer).collect();
    Line {
        depth: 1,
        name: link.name.clone(),
        kind: link.kind.clone(),
        rest: rest.join(" "),
        mark: Mark::of_state(&link.state),
        ..Line::default()
    }
}

fn process_line(process: &Proc) -> Line {
    Line {
        depth: 1 + process.depth,
        name: process.name.clone(),
        kind: "process".to_owned(),
        pid: process.pid.to_string(),
        inner: process.inner.map(|pid| pid.to_string()).unwrap_or_default(),
        rest: process.command.clone(),
        mark: None,
        link: None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_box_has_all_lines() {
        let node =
            Line { name: "a".into(), kind: "docker".into(), pid: "7".into(), inner: "1".into(), ..Line::default() };
        let link = Line { depth: 1, name: "eth1".into(), kind: "veth".into(), rest: "UP".into(), ..Line::default() };
        let block = Block { node: 0, depth: 0, outer: None, kind: String::new(), lines: vec![node, link] };
        assert_eq!(
            (block.heading(), block.rows()),
            (vec!["a".into(), "docker 7 (1)".into()], vec!["  eth1  veth  UP".into()])
        );
    }
}
