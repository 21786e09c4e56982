//! The way back: which container something belongs to.
//!
//! A process is in a container if it is in that one's own cgroups or below: what a cgroup is called says nothing. Of containers in
//! containers it is in the innermost. Where no cgroups tell, its ancestors do: a descendant of a container's first process is in it.

use std::collections::HashSet;

use nicon_core::container::id;
use nicon_core::walk::Proc;
use nicon_core::{Error, NsId, NsType, Process, Result, Status};

use crate::proof::cgroup::{are_around, is_below};
use crate::query::parse::{Target, parse};
use crate::query::thing::{Thing, What};
use crate::resolve::batch::{Batch, Inner};
use crate::resolve::hit::Hit;
use crate::resolve::hop::{Hop, Sharing};
use crate::resolve::scan::search;

/// Finds the containers that each thing belongs to, and gives them by its number. What could not be looked at, in which it may be, is
/// given without one.
///
/// # Errors
/// Those of `give`, which end the search.
pub(crate) async fn find(
    batch: &Batch,
    things: &[Thing],
    mut give: impl FnMut(Option<usize>, Result<Hit>) -> Result<()>,
) -> Result<()> {
    let reach = Reach::of(things);
    let (mut hits, mut failures) = look(batch, &|hop, inside| reach.includes(hop, inside)).await?;
    // What a cgroup is called is reason enough to look further.
    if reach.0.is_some() && !things.iter().all(|thing| is_plain(thing, &hits)) {
        (hits, failures) = look(batch, &|_, _| true).await?;
    }
    let is_whole = failures.is_empty();
    failures.into_iter().try_for_each(|error| give(None, Err(error)))?;
    for (number, thing) in things.iter().enumerate() {
        let found = match &thing.what {
            What::Process(process) => innermost_of_process(process, &hits, batch.own_pidns()),
            What::Cgroup(path) => innermost_of_cgroup(path, &hits),
            What::Namespace(ns_type, ino) => with_namespace(&hits, *ns_type, *ino),
        };
        let found = found.map_err(|error| error.prefix(&thing.text));
        match found {
            Ok(found) if found.is_empty() => {
                give(Some(number), Err(none(&thing.text, is_whole)))?;
            }
            Ok(found) => found.into_iter().try_for_each(|hit| give(Some(number), Ok(hit)))?,
            Err(error) => give(Some(number), Err(error))?,
        }
    }
    Ok(())
}

/// That something belongs to none, of all containers or of those that could be looked at.
fn none(thing: &str, is_whole: bool) -> Error {
    if is_whole {
        Error::no(format!("{thing}: it belongs to no container"))
    } else {
        Error::failed(format!("{thing}: it belongs to no container that could be looked at"))
    }
}

/// All containers, except in those that cannot lead to what is asked for.
async fn look(batch: &Batch, leads_on: &dyn Fn(&Hop, &[Inner]) -> bool) -> Result<(Vec<Hit>, Vec<Error>)> {
    let Ok(Target::Many(all)) = parse("**") else { unreachable!("it is a pattern") };
    let (mut hits, mut failures) = (Vec::new(), Vec::new());
    let take = |hit| {
        match hit {
            Ok(hit) => hits.push(hit),
            Err(error) => failures.push(error),
        }
        Ok(())
    };
    search::find_within(batch, &all, leads_on, take).await?;
    Ok((hits, failures))
}

/// Where processes may be: the PID namespaces that they are in, and those above. `None` if that is no limit.
struct Reach(Option<HashSet<NsId>>);

impl Reach {
    fn of(things: &[Thing]) -> Self {
        let of_process = |thing: &Thing| match &thing.what {
            What::Process(process) => pid_namespaces(process).ok(),
            What::Cgroup(_) | What::Namespace(..) => None,
        };
        let all: Option<Vec<_>> = things.iter().map(of_process).collect();
        Self(all.map(|all| all.into_iter().flatten().collect()))
    }

    /// Whether a process may be in what this container has in it. Engines in its own PID namespace have no others.
    fn includes(&self, hop: &Hop, inside: &[Inner]) -> bool {
        let Some(known) = &self.0 else { return true };
        let is_own = inside.iter().all(|inner| inner.sharing == Sharing::Dind);
        let pidns = hop.process().namespace_id(NsType::Pid).ok().flatten();
        !is_own || pidns.is_none_or(|pidns| known.contains(&pidns))
    }
}

fn pid_namespaces(process: &Process) -> Result<Vec<NsId>> {
    let mut known = Vec::new();
    let mut next = Some(process.namespace(NsType::Pid)?);
    while let Some(namespace) = next {
        known.push(namespace.id());
        next = namespace.parent()?;
    }
    Ok(known)
}

/// Whether a process was found where its cgroup is called after.
fn is_plain(thing: &Thing, hits: &[Hit]) -> bool {
    let What::Process(process) = &thing.what else { return false };
    let Ok(cgroups) = process.read("cgroup") else { return true };
    let found = innermost(hits, |own| are_around(own, &cgroups));
    matches!(&found[..], [hit] if hit.hop.id().is_some() && hit.hop.id() == id(&cgroups))
}

fn innermost_of_cgroup(path: &str, hits: &[Hit]) -> Result<Vec<Hit>> {
    let found = innermost(hits, |own| is_below(own, path));
    let without = hits.iter().find(|hit| hit.hop.own_cgroups().is_empty() && hit.process().is_alive());
    match without.filter(|_| found.is_empty()) {
        Some(hit) => Err(Error::failed(format!(
            "it belongs to no container of which cgroups tell, and it is not known which are those of {} (say a process in it: pid:N)",
            hit.path()
        ))),
        None => Ok(found),
    }
}

fn innermost_of_process(process: &Process, hits: &[Hit], own: NsId) -> Result<Vec<Hit>> {
    let cgroups = process.read("cgroup")?;
    let mut found = innermost(hits, |own| are_around(own, &cgroups));
    let sharing = if found.is_empty() { sharing_pid_namespace(process, hits, own) } else { Ok(Vec::new()) };
    found.extend(sharing.iter().flatten().cloned());
    if found.is_empty() {
        let proc = Proc::open()?;
        let nearest =
            proc.ancestry(process.pid()).find_map(|(pid, _)| hits.iter().find(|hit| hit.process().pid() == pid));
        found.extend(nearest.filter(|hit| hit.process().is_alive()).cloned());
    }
    if !process.is_alive() {
        return Err(Error::no("it has ended"));
    }
    if found.is_empty() { sharing } else { Ok(found) }
}

/// The containers whose own cgroups are not known, and which have a process in a PID namespace that is theirs alone: `lxc-attach` starts
/// some that descend from none of theirs.
///
/// # Errors
/// If there are such containers, and it is unknown.
fn sharing_pid_namespace(process: &Process, hits: &[Hit], own: NsId) -> Result<Vec<Hit>> {
    let without: Vec<_> = hits.iter().filter(|hit| hit.hop.own_cgroups().is_empty()).collect();
    if without.is_empty() {
        return Ok(Vec::new());
    }
    let Some(pidns) = process.namespace_id(NsType::Pid)?.filter(|pidns| *pidns != own) else { return Ok(Vec::new()) };
    let is_shared = hits.iter().filter(|hit| is_first_in(hit, pidns)).count() > 1;
    let found = without.into_iter().filter(|hit| !is_shared && is_first_in(hit, pidns));
    Ok(found.cloned().collect())
}

/// Whether the first process of a container is in a PID namespace.
fn is_first_in(hit: &Hit, pidns: NsId) -> bool {
    hit.process().namespace_id(NsType::Pid).is_ok_and(|known| known == Some(pidns))
}

/// Of the containers whose own cgroups are `around` something, those that have the longest paths. If that is the same one for
/// several, the one whose path has the most names is in the others.
fn innermost(hits: &[Hit], around: impl Fn(&[(String, String)]) -> bool) -> Vec<Hit> {
    let depth = |hit: &&Hit| {
        let own = hit.hop.own_cgroups();
        let length = own.iter().map(|(_, path)| path.len()).max().unwrap_or_default();
        around(&own).then_some((length, hit.path.len()))
    };
    let all: Vec<_> = hits.iter().filter_map(|hit| Some((depth(&hit)?, hit))).collect();
    let most = all.iter().map(|(depth, _)| *depth).max();
    all.into_iter().filter(|(depth, _)| Some(*depth) == most).map(|(_, hit)| hit.clone()).collect()
}

/// The containers whose first process is in a namespace.
fn with_namespace(hits: &[Hit], ns_type: NsType, ino: u64) -> Result<Vec<Hit>> {
    let mut found = Vec::new();
    for hit in hits {
        match hit.process().namespace_id(ns_type) {
            Ok(Some(id)) if id.ino == ino => found.push(hit.clone()),
            Ok(_) => {}
            Err(error) if error.status() == Status::No => {}
            Err(error) => return Err(error.prefix(hit.path())),
        }
    }
    Ok(found)
}
