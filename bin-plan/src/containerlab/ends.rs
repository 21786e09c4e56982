//! The ends that a topology's link has, in any of its forms.

use super::end::{End, check_address};
use super::values::Values;
use crate::fault::Fault;
use crate::yaml::{Content, Node};

/// The ends of a link: those that it lists, or its one end, and what it is called on the host.
pub(super) fn read(link: &Node, keys: &[&str], values: &Values) -> Result<Vec<End>, Vec<Fault>> {
    let mut ends = if keys.contains(&"endpoints") {
        listed(link, values)?
    } else {
        let endpoint = needed(link, "endpoint").map_err(|fault| vec![fault])?;
        let mut ends = vec![End::read(endpoint, values)?];
        if keys.contains(&"host-interface") {
            let node = needed(link, "host-interface").map_err(|fault| vec![fault])?;
            let name = values.text("host-interface", node).map_err(|fault| vec![fault])?;
            let of = link.get("type").and_then(|of| values.text("type", of).ok()).unwrap_or_default();
            ends.push(End::new(&of.trim().to_lowercase(), &name, node.position));
        }
        ends
    };
    let mut faults = Vec::new();
    for (version, key) in ["ipv4", "ipv6"].into_iter().enumerate() {
        faults.extend(addresses(link, (version, key), &mut ends, values).err().into_iter().flatten());
    }
    if faults.is_empty() { Ok(ends) } else { Err(faults) }
}

fn listed(link: &Node, values: &Values) -> Result<Vec<End>, Vec<Fault>> {
    let endpoints = needed(link, "endpoints").map_err(|fault| vec![fault])?;
    let list = match &endpoints.content {
        Content::List(list) if list.len() == 2 => list,
        Content::List(list) => {
            return Err(vec![endpoints.position.fault(format!("endpoints: expected two, found {}", list.len()))]);
        }
        _ => return Err(vec![endpoints.expected("endpoints", "a list of two")]),
    };
    let (mut ends, mut faults) = (Vec::new(), Vec::new());
    for end in list.iter() {
        match End::read(end, values) {
            Ok(end) => ends.push(end),
            Err(more) => faults.extend(more),
        }
    }
    if faults.is_empty() { Ok(ends) } else { Err(faults) }
}

/// Gives the addresses of a link's list to its ends, in their order. An empty one gives none.
fn addresses(link: &Node, (version, key): (usize, &str), ends: &mut [End], values: &Values) -> Result<(), Vec<Fault>> {
    let Some(node) = link.get(key).filter(|list| !list.is_nothing()) else { return Ok(()) };
    let Content::List(list) = &node.content else { return Err(vec![node.expected(key, "a list")]) };
    if list.len() > ends.len() {
        return Err(vec![node.position.fault(format!("{key}: more addresses than ends"))]);
    }
    let mut faults = Vec::new();
    for (end, node) in ends.iter_mut().zip(list.iter()) {
        match values.text(key, node) {
            Ok(text) if text.trim().is_empty() => {}
            Ok(text) => {
                check_address(key, Some(text.trim()), node, &mut faults);
                end.add_address(version, text.trim().to_owned());
            }
            Err(fault) => faults.push(fault),
        }
    }
    if faults.is_empty() { Ok(()) } else { Err(faults) }
}

/// The value of a key that a link must have.
pub(super) fn needed<'n>(link: &'n Node, key: &str) -> Result<&'n Node, Fault> {
    link.get(key).filter(|node| !node.is_nothing()).ok_or_else(|| link.position.fault(format!("the link has no {key}")))
}
