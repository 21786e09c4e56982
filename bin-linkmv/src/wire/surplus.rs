//! What a plan has on this machine and does not ask for (any more).

use std::collections::HashSet;
use std::rc::Rc;

use nicon_core::{Error, Record, Result};
use nicon_rtnl::packet_route::link::LinkFlags;
use nicon_rtnl::{Link, NetnsHandle};
use serde_json::json;

use crate::link::journal::Journals;
use crate::link::kept::{Keeper, Kept};
use crate::link::mark::Tie;
use crate::record::deed::say_where;
use crate::record::steps::STEPS;
use crate::wire::context::Context;
use crate::wire::marked::{self, MarkedLink};
use crate::wire::wanted::Wanted;

/// Links that are to go.
pub(crate) struct Surplus {
    /// Those that go home, with their plan.
    pub(crate) moved: Vec<(String, Kept)>,
    /// Those that are removed.
    pub(crate) made: Vec<MarkedLink>,
    /// Those of which it is not known what they are: in a container, anybody may have marked them.
    pub(crate) unknown: Vec<Error>,
    /// Why there may be more.
    pub(crate) doubt: Option<Error>,
    /// All that carries the marks of the plans.
    pub(crate) found: marked::Found,
    /// Those that lead into another namespace, whatever becomes of them.
    crossing: Vec<(Rc<NetnsHandle>, Link)>,
    /// The inode numbers of the namespaces in which it is, or which it goes home to.
    places: HashSet<u64>,
}

/// Finds what plans have beside what is `wanted`.
///
/// # Errors
/// If the kernel does not answer, or a file in the directory of journals is not nicon's.
pub(crate) fn find(plans: &[&str], wanted: &Wanted, context: &Context<'_>) -> Result<Surplus> {
    let mut found = marked::find(plans, context.namespaces)?;
    let (mut moved, mut made, mut unknown) = (Vec::new(), Vec::new(), Vec::new());
    let doubt = found.doubt.take();
    let mut kept = kept(plans, &context.journals)?;
    let (mut places, mut crossing) = (HashSet::new(), Vec::new());
    for marked in std::mem::take(&mut found.links) {
        let inode = if kept.is_empty() { None } else { marked.netns.inode(&marked.link)? };
        let was_moved = kept.iter().position(|(_, kept)| inode.is_some() && kept.undo.inode() == inode);
        let before = was_moved.map(|at| kept.swap_remove(at));
        let is_wanted = wanted.has(&marked, &context.namespaces.home)?;
        if !is_wanted {
            places.insert(marked.netns.ns.id().ino);
            if marked.link.lower_nsid.is_some() {
                crossing.push((marked.netns.clone(), marked.link.clone()));
            }
        }
        match (is_wanted, before) {
            (true, _) => {}
            (false, Some(before)) => moved.push(before),
            (false, None) if marked.mark.tie == Tie::Kept => {
                let (link, place) = (&marked.link.name, wanted.label(&marked.netns));
                unknown.push(Error::failed(format!(
                    "{link} in {place} was moved or changed for the plan, but how it was before is not known any more (put it back, and remove its alternative name {})",
                    marked.mark.altname()
                )));
            }
            // A network card or lo: nicon makes no such link, and moves no lo, so somebody else gave it the mark.
            (false, None) if is_nobodys(&marked) => {}
            (false, None) => made.push(marked),
        }
    }
    moved.extend(kept.into_iter().filter(|(_, kept)| !wanted.moves(&kept.undo)));
    places.extend(moved.iter().map(|(_, kept)| kept.undo.netns));
    // What sits on others goes before them.
    made.sort_by_key(|marked| marked.link.relation() != Some(nicon_rtnl::Relation::Parent));
    Ok(Surplus { moved, made, unknown, doubt, found, crossing, places })
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
    /// Whether there is nothing that is to go.
    pub(crate) fn is_empty(&self) -> bool {
        self.moved.is_empty() && self.made.is_empty()
    }

    /// Whether there is nothing of a plan. If it is not known what some links are, that is not known, either.
    pub(crate) fn has_nothing_of(&self, plan: &str) -> bool {
        let of_links = self.moved.iter().map(|(of, _)| of).chain(self.made.iter().map(|marked| &marked.mark.plan));
        self.unknown.is_empty() && self.doubt.is_none() && !of_links.into_iter().any(|of| of == plan)
    }

    /// Takes out what is not known of it.
    pub(crate) fn take_doubts(&mut self) -> impl Iterator<Item = Error> + use<> {
        self.doubt.take().into_iter().chain(std::mem::take(&mut self.unknown))
    }

    /// The inode numbers of the namespaces in which it is, to which it leads, or which it goes home to.
    ///
    /// # Errors
    /// If the kernel does not answer.
    pub(crate) fn places(&self) -> Result<HashSet<u64>> {
        let mut places = self.places.clone();
        for (netns, link) in &self.crossing {
            places.extend(self.found.behind(netns, link)?.map(|other| other.ns.id().ino));
        }
        Ok(places)
    }

    /// What would be done about it, a record for each link.
    pub(crate) fn records(&self, wanted: &Wanted) -> Vec<Record> {
        let record = |target: &str, plan: &str, name: &str, step: String| {
            let mut record = about(target, plan);
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

/// A record of something that a plan has in a place of this machine.
pub(crate) fn about(target: &str, plan: &str) -> Record {
    let mut record = Record::default();
    record.set("target", target);
    record.set("plan", plan);
    say_where(&mut record);
    record
}

/// Whether nicon never gives a link the mark that it carries.
fn is_nobodys(MarkedLink { link, mark, .. }: &MarkedLink) -> bool {
    link.flags.contains(LinkFlags::Loopback) || link.kind.is_none() && mark.tie == Tie::Made
}
