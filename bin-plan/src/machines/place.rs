//! Where the links of a plan are, and which of them lead from one machine to another.

use std::collections::HashMap;

use nicon_core::Record;
use nicon_core::path::{self, Start};
use serde_json::Value;

use super::cross::cross;
use super::declared::Machines;
use super::vni::Numbers;
use crate::fault::Fault;
use crate::wanted::Wanted;

/// The links of a plan, each with its machine, and the faults of the others. A pair whose ends are on two machines becomes two VXLAN ends: that
/// is said of the end `here`, since plans are large.
pub(crate) fn place(
    machines: &Machines,
    plan: &str,
    here: &str,
    links: Vec<Vec<Wanted>>,
) -> (Vec<Vec<Wanted>>, Vec<Fault>) {
    let (mut placed, mut faults) = (Vec::new(), Vec::new());
    let mut known = HashMap::new();
    for mut link in links {
        match locate(machines, &mut link, &mut known) {
            Ok(()) => placed.push(link),
            Err(more) => faults.extend(more),
        }
    }
    let mut numbers = Numbers::new(machines.base, plan);
    let mut is_right = |read: Result<(), Fault>| read.map_err(|fault| faults.push(fault)).is_ok();
    placed.retain(|link| is_right(reserve(link, &mut numbers)));
    placed.retain_mut(|link| !is_across(link) || is_right(cross(machines, here, link, &mut numbers)));
    (placed, faults)
}

/// Says of each record on which machine it is.
fn locate(machines: &Machines, link: &mut [Wanted], seen: &mut HashMap<String, String>) -> Result<(), Vec<Fault>> {
    let (mut found, mut faults) = (Vec::new(), Vec::new());
    for Wanted { record, position, .. } in link.iter() {
        match machine_of(machines, record, seen) {
            Ok(name) => found.push(name),
            Err(why) => faults.push(position.fault(why)),
        }
    }
    if !faults.is_empty() {
        return Err(faults);
    }
    // What is not in a container is where the other end is.
    let known: Vec<_> = found.iter().flatten().cloned().collect();
    for (wanted, found) in link.iter_mut().zip(found) {
        let Some(machine) = found.or_else(|| known.first().cloned()) else {
            let target = wanted.record.cell("target");
            return Err(vec![wanted.position.fault(format!("{target}: of which machine? Say it: on: .."))]);
        };
        wanted.record.set("on", machine);
    }
    Ok(())
}

/// The machine that a record says, or that its container is on; `None` if it is about no container, and does not say.
///
/// # Errors
/// If it is on none, or on two.
fn machine_of(
    machines: &Machines,
    record: &Record,
    seen: &mut HashMap<String, String>,
) -> Result<Option<String>, String> {
    let target = record.cell("target");
    let said = record.get("on").and_then(|on| on.as_str());
    if let Some(said) = said.filter(|said| machines.get(said).is_none()) {
        return Err(format!("on: {}", machines.why_not(said)));
    }
    let found = match (seen.get(&target), Start::parse(&target)) {
        (Some(known), _) => Some(known.clone()),
        (None, Ok(None)) => ruled(machines, &target)?,
        _ => None,
    };
    match (said, found) {
        (Some(said), Some(found)) if said != found => {
            Err(format!("{target}: its link says that it is on {said}, and \"nodes:\" that it is on {found}"))
        }
        (None, None) if matches!(Start::parse(&target), Ok(None)) => Err(format!(
            "{target}: on which machine is it? It fits none of \"nodes:\", and its link does not say \"on:\""
        )),
        (said, found) => {
            if let Some(found) = &found {
                seen.insert(target, found.clone());
            }
            Ok(said.map(str::to_owned).or(found))
        }
    }
}

/// The machine on which a container is by the plan's rules. Its own path counts before patterns.
///
/// # Errors
/// If there are two.
fn ruled(machines: &Machines, target: &str) -> Result<Option<String>, String> {
    let names = path::parse(target).map_err(|error| error.to_string())?;
    let (paths, patterns): (Vec<_>, Vec<_>) =
        machines.nodes.iter().filter(|nodes| nodes.rule.fits(&names)).partition(|nodes| nodes.rule.is_path);
    let fitting = if paths.is_empty() { patterns } else { paths };
    let Some((first, others)) = fitting.split_first() else { return Ok(None) };
    match others.iter().find(|nodes| nodes.machine != first.machine) {
        Some(second) => Err(format!(
            "{target}: \"{}\" says that it is on {}, and \"{}\" that it is on {}",
            first.text, first.machine, second.text, second.machine
        )),
        None => Ok(Some(first.machine.clone())),
    }
}

fn is_across(link: &[Wanted]) -> bool {
    matches!(link, [one, other] if one.record.get("on") != other.record.get("on"))
}

/// Keeps the numbers that links say themselves.
fn reserve(link: &[Wanted], numbers: &mut Numbers) -> Result<(), Fault> {
    let [first, ..] = link else { return Ok(()) };
    let vni = first.record.get("vni").and_then(Value::as_u64);
    let Some(vni) = vni.and_then(|vni| u32::try_from(vni).ok()) else { return Ok(()) };
    if first.record.get("pair").is_none() {
        return numbers.keep(vni, false, first.position);
    }
    if is_across(link) {
        return numbers.keep(vni, true, first.position);
    }
    let on = first.record.cell("on");
    Err(first.position.fault(format!("vni: both ends are on {on}, so they are a veth pair, which has none")))
}
