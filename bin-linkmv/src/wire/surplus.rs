//! What a plan has on this machine and does not ask for (any more).

use nicon_core::{Error, Record, Result};
use serde_json::json;

use crate::link::journal::Journals;
use crate::link::kept::{Keeper, Kept};
use crate::link::namespaces::Namespaces;
use crate::link::tag::recorded_origin;
use crate::record::steps::STEPS;
use crate::wire::marked::{self, MarkedLink};
use crate::wire::wanted::Wanted;

/// Links that are to go.
pub(crate) struct Surplus {
    /// Those that go home, with their plan.
    pub(crate) moved: Vec<(String, Kept)>,
    /// Those that are removed.
    pub(crate) made: Vec<MarkedLink>,
    /// Those of which it is not known what they are.
    pub(crate) unknown: Vec<Error>,
}

/// Finds what plans have beside what is `wanted`.
///
/// # Errors
/// If the kernel does not answer, or a file in the directory of journals is not nicon's.
pub(crate) fn find(
    plans: &[&str],
    wanted: &Wanted,
    (namespaces, journals): (&Namespaces, &Journals<'_>),
) -> Result<Surplus> {
    let found = marked::find(plans, namespaces)?;
    let mut surplus = Surplus { moved: Vec::new(), made: Vec::new(), unknown: found.doubt.into_iter().collect() };
    let mut kept = kept(plans, journals)?;
    for marked in found.links {
        let inode = if kept.is_empty() { None } else { marked.netns.inode(&marked.link)? };
        let was_moved = kept.iter().position(|(_, kept)| inode.is_some() && kept.undo.inode() == inode);
        let before = was_moved.map(|at| kept.swap_remove(at));
        match (wanted.has(&marked)?, before) {
            (true, _) => {}
            (false, Some(before)) => surplus.moved.push(before),
            (false, None) if recorded_origin(&marked.link).is_some() || marked.link.kind.is_none() => {
                let (link, place) = (&marked.link.name, wanted.label(&marked.netns));
                surplus.unknown.push(Error::failed(format!(
                    "{link} in {place} was moved there, but how it was is not known any more (nicon-linkmv moves it back)"
                )));
            }
            (false, None) => surplus.made.push(marked),
        }
    }
    surplus.moved.extend(kept.into_iter().filter(|(_, kept)| !wanted.moves(&kept.undo)));
    // What sits on others goes before them.
    surplus.made.sort_by_key(|marked| marked.link.relation() != Some(nicon_rtnl::Relation::Parent));
    Ok(surplus)
}

/// How the links were that plans have moved, with the plan of each.
fn kept(plans: &[&str], journals: &Journals<'_>) -> Result<Vec<(String, Kept)>> {
    let Some(keeper) = Keeper::of(journals) else { return Ok(Vec::new()) };
    let mut all = Vec::new();
    for plan in plans {
        all.extend(keeper.of_plan(plan)?.into_iter().map(|kept| ((*plan).to_owned(), kept)));
    }
    Ok(all)
}

impl Surplus {
    /// What would be done about it, a record for each link.
    pub(crate) fn records(&self, wanted: &Wanted) -> Vec<Record> {
        let record = |target: &str, plan: &str, name: &str, step: String| {
            let mut record = Record::default();
            record.set("target", target);
            record.set("plan", plan);
            record.set("nic", json!({ "name": name }));
            record.set(STEPS, [step]);
            record
        };
        let moved = self.moved.iter().map(|(plan, kept)| {
            let name = &kept.undo.name;
            record("host", plan, name, format!("put {name} back"))
        });
        let made = self.made.iter().map(|MarkedLink { netns, link, mark }| {
            record(wanted.label(netns), &mark.plan, &link.name, format!("link del {}", link.name))
        });
        moved.chain(made).collect()
    }
}
