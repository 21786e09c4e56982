//! The steps of the search for all containers that match a pattern.

use std::rc::Rc;
use std::sync::Arc;

use nicon_core::Result;

use crate::engine::address::Address;
use crate::lookup::listing::{ListedContainer, Listing};
use crate::query::path::Path;
use crate::query::pattern::Pattern;
use crate::resolve::batch::{Batch, Inner};
use crate::resolve::hop::Hop;
use crate::resolve::scan::frontier::Frontier;
use crate::resolve::scan::progress::Progress;

/// A step to do.
pub(crate) enum Task {
    List(Rc<Frontier>),
    Find { from: Rc<Frontier>, listed: Box<ListedContainer>, path: Path, progress: Progress },
    LookInside(Node),
}

/// The result of a step.
pub(crate) enum Outcome {
    Listed(Rc<Frontier>, Result<List>),
    /// With the engine that listed it.
    Found(Rc<Frontier>, Address, Result<Node>),
    SeenInside(Node, Result<Vec<Inner>>),
}

/// The containers of the engines of one site.
pub(crate) struct List {
    pub(crate) listing: Rc<Listing>,
    /// Those that match the pattern, or may contain some that do.
    pub(crate) chosen: Vec<(ListedContainer, Progress)>,
}

/// A container that matches the pattern, or may contain some that do.
pub(crate) struct Node {
    /// Where it was found.
    pub(crate) from: Rc<Frontier>,
    pub(crate) path: Path,
    pub(crate) progress: Progress,
    pub(crate) hop: Arc<Hop>,
}

impl Task {
    /// The container that it concerns; empty for our own engine.
    pub(crate) fn path(&self) -> &[String] {
        match self {
            Self::List(frontier) => &frontier.path,
            Self::Find { path, .. } | Self::LookInside(Node { path, .. }) => path,
        }
    }

    /// Does the step.
    pub(crate) async fn perform(self, batch: &Batch, pattern: &Pattern) -> Outcome {
        match self {
            Self::List(frontier) => {
                let list = match batch.list(&frontier.path, &frontier.progress.asks(pattern)).await {
                    Ok(listing) => Ok(choose(batch, pattern, &frontier, listing).await),
                    Err(error) => Err(error),
                };
                Outcome::Listed(frontier, list)
            }
            Self::Find { from, listed, path, progress } => {
                let engine = listed.endpoint.clone();
                let hop = batch.find_listed(&path, *listed).await;
                let found = hop.map(|hop| Node { from: Rc::clone(&from), path, progress, hop });
                Outcome::Found(from, engine, found)
            }
            Self::LookInside(found) => {
                let inside = batch.look_inside(&found.path, &found.progress.asks(pattern)).await;
                Outcome::SeenInside(found, inside)
            }
        }
    }
}

/// Chooses the containers to look at. If there are many, reads their bundles, so that the engine need not be asked for
/// each.
async fn choose(batch: &Batch, pattern: &Pattern, frontier: &Frontier, listing: Rc<Listing>) -> List {
    let entered = listing.containers.iter().filter(|listed| frontier.includes(listed.engine));
    let fitting = entered.filter_map(|listed| {
        let progress = frontier.progress.advance(pattern, listed, &listing.containers);
        (progress.is_fit(pattern) || progress.leads_on(pattern)).then(|| (listed.clone(), progress))
    });
    let (mut containers, progress): (Vec<_>, Vec<_>) = fitting.unzip();
    batch.read_bundles(&frontier.path, &mut containers).await;
    List { chosen: containers.into_iter().zip(progress).collect(), listing }
}
