//! Containerlab's topology files, as they are.
//!
//! nicon wires nodes that run: what a file says of starting and configuring them is not read. What it says of links is carried
//! out as containerlab does (its `links/` and `core/`, July 2026), or is a fault.

mod end;
mod ends;
mod lab;
mod links;
mod making;
mod nodes;
mod templates;
mod tunnels;
mod values;
mod variables;

pub(crate) use templates::first as template;

use crate::plan::Plan;
use crate::targets::Targets;
use crate::yaml::{Content, Node, unknown_key};
use lab::Lab;
use making::Making;
use nodes::Nodes;
use values::Values;

/// The key that tells a topology from nicon's own form.
const TOPOLOGY: &str = "topology";

/// The keys below it.
const KEYS: [&str; 5] = ["defaults", "groups", "kinds", "links", "nodes"];

/// Whether a document is a topology.
pub(crate) fn is_topology(document: &Node) -> bool {
    document.get(TOPOLOGY).is_some()
}

/// What a topology says.
pub(crate) fn read(document: &Node, text: &str, targets: &Targets, env: &dyn Fn(&str) -> Option<String>) -> Plan {
    let values = Values { env };
    let mut plan = Plan::with_faults(templates::in_comments(text));
    let lab = match Lab::read(document, &values) {
        Ok(lab) => lab,
        Err(faults) => {
            plan.faults.extend(faults);
            return plan;
        }
    };
    plan.name = Some(lab.name.clone());
    let Some(topology) = document.get(TOPOLOGY).filter(|topology| !topology.is_nothing()) else { return plan };
    let Some(entries) = topology.entries() else {
        plan.faults.push(topology.expected(TOPOLOGY, "a map"));
        return plan;
    };
    plan.faults
        .extend(entries.iter().filter(|entry| !KEYS.contains(&&*entry.key)).map(|entry| unknown_key(entry, &KEYS)));
    let mut nodes = Nodes::read(topology, &lab, targets, &values);
    plan.faults.append(&mut nodes.faults);
    for bridge in std::mem::take(&mut nodes.bridges) {
        plan.add(vec![bridge]);
    }
    match topology.get("links").map(|links| (links, &links.content)) {
        Some((_, Content::List(list))) => {
            let making = Making { nodes: &nodes, values: &values, targets };
            for link in list.iter() {
                match links::read(link, &making) {
                    Ok(wanted) => plan.add(wanted),
                    Err(faults) => plan.faults.extend(faults),
                }
            }
        }
        Some((links, _)) if !links.is_nothing() => plan.faults.push(links.expected("links", "a list")),
        _ => {}
    }
    plan
}

#[cfg(test)]
mod tests;
