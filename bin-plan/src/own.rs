//! nicon's own form of a plan: a list of links.

mod endpoint;
mod fields;
mod keys;
mod kinds;
mod link;
mod value;

use crate::fault::{Fault, START};
use crate::plan::Plan;
use crate::targets::Targets;
use crate::yaml::{Content, Node, unknown_key};

pub(crate) use keys::fields;

/// The keys of a plan. Others that begin with `x-` are the writer's own, for what anchors name.
const KEYS: [&str; 2] = [NAME, LINKS];
const NAME: &str = "name";
const LINKS: &str = "links";

/// What a plan says.
pub(crate) fn read(document: Option<&Node>, targets: &Targets) -> Plan {
    let mut plan = Plan::default();
    let entries = match document.map(|node| (node, node.entries())) {
        Some((_, Some(entries))) => entries,
        Some((node, None)) if !node.is_nothing() => {
            plan.faults.push(node.position.fault(format!("expected \"{LINKS}:\", found {}", node.content.display())));
            return plan;
        }
        _ => &[],
    };
    let mut is_empty = true;
    for entry in entries {
        match &entry.value.content {
            _ if entry.key.starts_with("x-") => {}
            _ if !KEYS.contains(&&*entry.key) => plan.faults.push(unknown_key(entry, &KEYS)),
            Content::Scalar(name) if entry.key == NAME => match name.text() {
                Ok(text) => plan.name = Some((text.to_owned(), entry.value.position)),
                Err(why) => plan.faults.push(entry.value.position.fault(format!("{NAME}: {why}"))),
            },
            Content::List(links) if entry.key == LINKS => {
                is_empty = false;
                for link in links.iter() {
                    match link::read(link, targets) {
                        Ok(wanted) => plan.add(wanted),
                        Err(faults) => plan.faults.extend(faults),
                    }
                }
            }
            other => {
                let found = other.display();
                let expected = if entry.key == NAME { "text" } else { "a list" };
                let fault = format!("{}: expected {expected}, found {found}", entry.key);
                plan.faults.push(entry.value.position.fault(fault));
            }
        }
    }
    if plan.faults.is_empty() && is_empty {
        plan.faults.push(empty());
    }
    plan
}

fn empty() -> Fault {
    START.fault(format!("the plan is empty: expected \"{LINKS}:\" and a list of links below it"))
}

#[cfg(test)]
mod tests;
