//! Takes away what a plan has made, and brings home what it has moved.

use std::cell::OnceCell;
use std::time::{Duration, Instant};

use nicon_core::{Error, Record, Result};
use nicon_rtnl::uppers::Uppers;
use nicon_rtnl::{Link, NetnsHandle};
use nix::errno::Errno;
use serde_json::{Value, json};

use crate::link::find::by_inode;
use crate::link::kept::{Keeper, Kept};
use crate::link::mark::Mark;
use crate::link::on_top::{OnTop, text};
use crate::link::stitch::unstitch;
use crate::link::undo::Undo;
use crate::record::program::WIRE;
use crate::record::undone::{REMOVED, UNDONE};
use crate::undoing::limits::{Limits, Reach};
use crate::undoing::moved_link::{alone, bring_home};
use crate::undoing::undone::Undone;
use crate::wire::context::Context;
use crate::wire::marked::{Found, MarkedLink};
use crate::wire::surplus::{self, Surplus, about};
use crate::wire::wanted::Wanted;

/// How long the kernel may take to put a card back whose container has ended, and how often it is looked for.
const PATIENCE: Duration = Duration::from_secs(3);
const PAUSE: Duration = Duration::from_millis(50);

/// Who takes what became of each link.
pub(crate) type Give<'a> = &'a mut dyn FnMut(Result<Record>) -> Result<()>;

/// How links are removed.
pub(crate) struct Removal<'a> {
    context: &'a Context<'a>,
    /// What is stacked on links, which is not destroyed unawares. `None` if that is forced.
    guard: Option<OnTop>,
    /// Until when cards are waited for; not known before the first one is.
    patience: OnceCell<Instant>,
}

impl<'a> Removal<'a> {
    /// That of a run.
    pub(crate) fn new(context: &'a Context<'a>) -> Self {
        Self { context, guard: (!context.args.force).then(OnTop::default), patience: OnceCell::new() }
    }

    /// That of a run which looks again by itself, and so waits for nothing.
    pub(crate) fn at_once(context: &'a Context<'a>) -> Self {
        Self { patience: OnceCell::from(Instant::now()), ..Self::new(context) }
    }

    /// Finds what plans have beside what is `wanted`.
    ///
    /// # Errors
    /// If it cannot be found out.
    pub(crate) fn find(&self, plans: &[&str], wanted: &Wanted) -> Result<Surplus> {
        let keeper = Keeper::of(&self.context.journals);
        keeper.iter().flat_map(|keeper| plans.iter().map(|plan| keeper.tidy(plan))).collect::<Result<()>>()?;
        surplus::find(plans, wanted, self.context)
    }

    /// Removes it, gives a record for each link, and returns whether all of it is gone.
    ///
    /// # Errors
    /// If what is given is not taken.
    pub(crate) fn remove(&self, mut surplus: Surplus, wanted: &Wanted, give: Give<'_>) -> Result<bool> {
        // What somebody has marked in a container keeps nothing else from being done.
        let mut is_clean = surplus.doubt.is_none();
        for error in surplus.take_doubts() {
            give(Err(error))?;
        }
        for (plan, kept) in surplus.moved {
            if !self.goes_on(give)? {
                return Ok(false);
            }
            is_clean &= told(self.bring_home(&plan, kept, &surplus.found), give)?;
        }
        for marked in &surplus.made {
            if !self.goes_on(give)? {
                return Ok(false);
            }
            let removed = self.delete(marked, wanted, &surplus.found).map(Some);
            is_clean &= told(removed, give)?;
        }
        Ok(is_clean)
    }

    /// Whether the run goes on. If it was interrupted, says so.
    fn goes_on(&self, give: Give<'_>) -> Result<bool> {
        let interrupted = self.context.interrupt.check().err();
        let goes_on = interrupted.is_none();
        interrupted.into_iter().try_for_each(|error| give(Err(error)))?;
        Ok(goes_on)
    }

    /// Brings a link home; `None` if it is no more.
    fn bring_home(&self, plan: &str, kept: Kept, found: &Found) -> Result<Option<Record>> {
        let limits = Limits { reach: Reach::Anywhere, guard: self.guard.as_ref() };
        let there = self.look_for(&kept.undo, found)?;
        if there.is_none() && kept.undo.is_of_card() && self.guard.is_some() {
            return Err(Error::failed(format!(
                "{}, which was moved for the plan, is in no network namespace (if its card is gone for good, --force forgets it)",
                kept.undo.name
            )));
        }
        let undo = || {
            let there = there.as_ref();
            there.map(|(netns, link)| bring_home(&kept.undo, netns, link, self.context.namespaces, limits)).transpose()
        };
        let undone = alone(&kept.undo, self.context.namespaces, &self.context.journals, undo)?;
        let name = kept.undo.name.clone();
        kept.forget();
        let Some(Undone { now: Some(now), missing, .. }) = undone else { return Ok(None) };
        let place = self.context.namespaces.open(now.netns, &format!("which {name} came from"))?.label;
        let mut entry =
            json!({ "by": WIRE, "netns": now.netns, "name": now.name, "ifindex": now.ifindex, "changed": true });
        if !missing.is_empty() {
            entry["missing"] = json!(missing);
        }
        Ok(Some(record(&place, plan, entry)))
    }

    /// Looks for a link that was moved: first in the namespaces that were `found`, which end no sooner than we let go of them. A card whose
    /// container has just ended is waited for: until the kernel has put it back, it is in no namespace that can be found.
    fn look_for(&self, undo: &Undo, found: &Found) -> Result<Option<(NetnsHandle, Link)>> {
        let Some(inode) = undo.inode() else { return Ok(None) };
        for netns in &found.namespaces {
            if let Ok(Some(link)) = by_inode(inode, None, netns) {
                return Ok(Some((NetnsHandle::clone(netns), link)));
            }
        }
        loop {
            let there = self.context.namespaces.find_link(inode);
            let there = there.map_err(|doubt| doubt.prefix(format!("look for {}", undo.name)))?;
            let may_come = there.is_none() && undo.is_of_card() && self.guard.is_some();
            let is_late = || Instant::now() >= *self.patience.get_or_init(|| Instant::now() + PATIENCE);
            if !may_come || is_late() || self.context.interrupt.signal().is_some() {
                return Ok(there);
            }
            self.context.interrupt.sleep(PAUSE);
        }
    }

    /// Removes a link. It may be gone already, like the other end of a pair.
    ///
    /// # Errors
    /// If it cannot be removed, or others have stacked something on it.
    pub(crate) fn delete(
        &self,
        MarkedLink { netns, link, mark }: &MarkedLink,
        wanted: &Wanted,
        found: &Found,
    ) -> Result<Record> {
        let place = wanted.label(netns);
        let entry = |changed: bool| {
            let ino = netns.ns.id().ino;
            json!({ "by": WIRE, "netns": ino, "name": link.name, "ifindex": link.ifindex, "changed": changed, REMOVED: true })
        };
        let gone = || Ok(record(place, &mark.plan, entry(false)));
        let Some(now) = netns.netlink.link_at(link.ifindex)? else { return gone() };
        if Mark::on(&now, &mark.plan).is_none() {
            return gone();
        }
        self.check((netns, &now), mark, wanted)?;
        if let Some((other, peer)) = found.peer(netns, &now)? {
            self.check((other, &peer), mark, wanted)?;
        }
        unstitch(netns, &now)?;
        match netns.netlink.delete_link(now.ifindex) {
            Ok(()) => {}
            Err(error) if error.errno == Errno::ENODEV => return gone(),
            Err(error) => return Err(error.context(&format!("remove {} from {place}", now.name))),
        }
        Ok(record(place, &mark.plan, entry(true)))
    }

    /// Makes sure that nothing of others goes with a link that is removed.
    fn check(&self, (netns, link): (&NetnsHandle, &Link), mark: &Mark, wanted: &Wanted) -> Result<()> {
        let Some(guard) = &self.guard else { return Ok(()) };
        let stacked = guard.find(netns, |uppers| foreign(uppers, link, &mark.plan))?.join(", ");
        if stacked.is_empty() {
            return Ok(());
        }
        let (name, place) = (&link.name, wanted.label(netns));
        Err(Error::failed(format!(
            "{name} in {place} has {stacked} stacked on it, which would go with it (--force removes it anyway)"
        )))
    }
}

/// What sits on a link and is not of the same plan.
fn foreign(uppers: &Uppers, link: &Link, plan: &str) -> Vec<String> {
    uppers.on(link.ifindex).filter(|upper| Mark::on(&upper.link, plan).is_none()).map(text).collect()
}

fn record(target: &str, plan: &str, entry: Value) -> Record {
    let mut record = about(target, plan);
    record.set(UNDONE, [entry]);
    record
}

/// Gives what became of one link, and returns whether that is good.
fn told(removed: Result<Option<Record>>, give: Give<'_>) -> Result<bool> {
    match removed {
        Ok(None) => Ok(true),
        Ok(Some(record)) => give(Ok(record)).map(|()| true),
        Err(error) => give(Err(error)).map(|()| false),
    }
}
