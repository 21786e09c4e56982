//! The links of a plan for several machines.

use crate::fault::{Fault, START};
use crate::machines::{self, Machines};
use crate::plan::Plan;
use crate::targets::Targets;
use crate::wanted::Wanted;
use crate::yaml::Node;

/// The links, each with its machine if the plan is for several.
pub(super) fn place(
    plan: &mut Plan,
    document: Option<&Node>,
    targets: &Targets,
    here: &str,
    links: Vec<Vec<Wanted>>,
) -> Vec<Vec<Wanted>> {
    match document.map(Machines::read) {
        Some(Ok(Some(_))) if targets.is_within() => {
            plan.faults
                .push(START.fault("the plan is for several machines: all of it cannot be in one container (--in)"));
            Vec::new()
        }
        Some(Ok(Some(machines))) => {
            let name = plan.name.as_ref().map(|(name, _)| &**name).unwrap_or_default();
            let (links, faults) = machines::place(&machines, name, here, links);
            plan.faults.extend(faults);
            plan.machines = Some(machines);
            links
        }
        Some(Err(faults)) => {
            plan.faults.extend(faults);
            Vec::new()
        }
        Some(Ok(None)) | None => {
            let mut is_right = |link: &Vec<Wanted>| {
                let faults: Vec<_> = link.iter().filter_map(of_several).collect();
                let is_right = faults.is_empty();
                plan.faults.extend(faults);
                is_right
            };
            links.into_iter().filter(|link| is_right(link)).collect()
        }
    }
}

/// The fault of a link that says what only a link of a plan for several machines can.
fn of_several(wanted: &Wanted) -> Option<Fault> {
    let record = &wanted.record;
    let key = if record.get("on").is_some() { "on" } else { "vni" };
    let is_one = key == "on" || record.get("pair").is_some() && record.get(key).is_some();
    is_one
        .then(|| wanted.position.fault(format!("{key}: the plan has no \"machines:\", between which links could lead")))
}
