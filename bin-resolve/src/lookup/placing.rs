//! Which of the containers of a list are in pods, and how they are called there.

use std::collections::HashMap;
use std::rc::Rc;

use nicon_core::path::is_name;
use nicon_core::{Error, Result, Status};

use crate::engine::address::Address;
use crate::lookup::listing::{ListedContainer, Listing};
use crate::proof::claim::Verified;
use crate::proof::membership;
use crate::query::Qualifier;
use crate::query::path::{by_id, spell};

/// Puts the containers of pods into these, which are listed as well, and before their containers. What cannot be put into its pod is
/// called as if it were in none. Returns what is to be told of that.
pub(crate) fn place_in_pods(
    containers: &mut Vec<ListedContainer>,
    asked: &Qualifier,
    is_near: &impl Fn(&Address) -> bool,
) -> Vec<Error> {
    let (mut pods, mut others): (Vec<_>, Vec<_>) =
        std::mem::take(containers).into_iter().partition(|listed| listed.as_pod().is_some());
    name_pods(&mut pods, asked, is_near);
    let mut remarks = Vec::new();
    let pods: Vec<_> = pods.into_iter().map(Rc::new).collect();
    for listed in &mut others {
        let Some(pod) = listed.pod.as_ref() else { continue };
        let sandbox = pods.iter().find(|other| other.id == pod.sandbox && other.endpoint == listed.endpoint);
        match sandbox.map(|sandbox| (sandbox, is_member(sandbox, listed))) {
            Some((sandbox, Ok(()))) => listed.within = Some(Rc::clone(sandbox)),
            // One of both has just ended.
            Some((_, Err(error))) if error.status() == Status::No => {}
            Some((_, Err(error))) => remarks.push(error),
            // Whoever asks for all sees it by its own name.
            None if asked.is_pod => remarks.push(Error::failed(format!(
                "the sandbox of {} does not run, but its container \"{}\" does (say {})",
                pod,
                listed.name,
                by_id(&Qualifier::default(), &listed.id)
            ))),
            None => {}
        }
    }
    name_members(&mut others);
    containers.extend(pods.iter().map(|pod| ListedContainer::clone(pod)));
    containers.extend(others);
    remarks
}

/// Gives each pod a segment that no other one has, as far as its name does.
fn name_pods(pods: &mut [ListedContainer], asked: &Qualifier, is_near: &impl Fn(&Address) -> bool) {
    let segment = |listed: &ListedContainer| {
        let pod = listed.as_pod().filter(|pod| is_name(&pod.name) && is_name(&pod.namespace))?;
        let owner = listed.endpoint.owner.as_ref().map_or("root", |owner| &owner.name);
        let says_whose = asked.user.is_some() || !is_near(&listed.endpoint);
        Some(spell(&pod.way(says_whose.then(|| owner.to_owned())), &pod.name, &listed.id))
    };
    let segments: Vec<_> = pods.iter().map(segment).collect();
    let mut bearers: HashMap<&String, usize> = HashMap::new();
    segments.iter().flatten().for_each(|segment| *bearers.entry(segment).or_default() += 1);
    for (pod, segment) in pods.iter_mut().zip(&segments) {
        if let Some(segment) = segment.as_ref().filter(|segment| bearers[segment] == 1) {
            pod.segment.clone_from(segment);
        }
    }
}

/// A container's name is unique in its pod, unless one of that name is about to take its place.
fn name_members(containers: &mut [ListedContainer]) {
    let place = |listed: &ListedContainer| Some((listed.within.as_ref()?.id.clone(), listed.name.clone()));
    let mut bearers: HashMap<(String, String), usize> = HashMap::new();
    containers.iter().filter_map(place).for_each(|place| *bearers.entry(place).or_default() += 1);
    for listed in containers {
        let Some(place) = place(listed) else { continue };
        let is_alone = bearers[&place] == 1 && is_name(&listed.name);
        let of = Qualifier::default();
        listed.segment = if is_alone { spell(&of, &listed.name, &listed.id) } else { by_id(&of, &listed.id) };
    }
}

/// Keeps those that are containers of this pod alone, and remarks on others.
pub(crate) fn keep_members(listing: &mut Listing, pod: &Verified) {
    let Listing { containers, remarks, .. } = listing;
    containers.retain(|listed| {
        match listed.verified.borrow().as_deref().map(|found| membership::require(pod, found)) {
            Some(Err(error)) => {
                remarks.extend((error.status() != Status::No).then_some(error));
                false
            }
            Some(Ok(())) | None => true,
        }
    });
}

fn is_member(sandbox: &ListedContainer, listed: &ListedContainer) -> Result<()> {
    match (&*sandbox.verified.borrow(), &*listed.verified.borrow()) {
        (Some(sandbox), Some(listed)) => membership::require(sandbox, listed),
        _ => Ok(()),
    }
}
