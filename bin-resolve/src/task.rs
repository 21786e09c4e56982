//! The steps of the search for all containers that match a pattern.

use std::rc::Rc;
use std::sync::Arc;

use nicon_core::Result;

use crate::address::Address;
use crate::hop::Hop;
use crate::name::Path;
use crate::pattern::{Pattern, Progress};
use crate::roster::{Member, Roster};
use crate::visit::Visit;
use crate::walk::{Inner, Walk};

/// A step to do.
pub(crate) enum Task {
    List(Rc<Visit>),
    Find { from: Rc<Visit>, member: Member, path: Path, progress: Progress },
    LookInside(Candidate),
}

/// The result of a step.
pub(crate) enum Outcome {
    Listed(Rc<Visit>, Result<List>),
    /// With the engine that listed it.
    Found(Rc<Visit>, Address, Result<Candidate>),
    SeenInside(Candidate, Result<Vec<Inner>>),
}

/// The containers of the engines in one place.
pub(crate) struct List {
    pub(crate) roster: Rc<Roster>,
    /// Those that match the pattern, or may contain some that do.
    pub(crate) chosen: Vec<(Member, Progress)>,
}

/// A container that matches the pattern, or may contain some that do.
pub(crate) struct Candidate {
    /// Where it was found.
    pub(crate) from: Rc<Visit>,
    pub(crate) path: Path,
    pub(crate) progress: Progress,
    pub(crate) hop: Arc<Hop>,
}

impl Task {
    /// The container that it concerns; empty for our own engine.
    pub(crate) fn path(&self) -> &[String] {
        match self {
            Self::List(engine) => &engine.path,
            Self::Find { path, .. } | Self::LookInside(Candidate { path, .. }) => path,
        }
    }

    /// Does the step.
    pub(crate) async fn perform(self, walk: &Walk, pattern: &Pattern) -> Outcome {
        match self {
            Self::List(engine) => {
                let list = match walk.list(&engine.path, &pattern.asks(&engine.progress)).await {
                    Ok(roster) => Ok(choose(walk, pattern, &engine, roster).await),
                    Err(error) => Err(error),
                };
                Outcome::Listed(engine, list)
            }
            Self::Find { from, member, path, progress } => {
                let engine = member.place.clone();
                let hop = walk.find_listed(&path, member).await;
                let found = hop.map(|hop| Candidate { from: Rc::clone(&from), path, progress, hop });
                Outcome::Found(from, engine, found)
            }
            Self::LookInside(found) => {
                let inside = walk.look_inside(&found.path, &pattern.asks(&found.progress)).await;
                Outcome::SeenInside(found, inside)
            }
        }
    }
}

/// Chooses the containers to look at. If there are many, reads their bundles, so that the engine need not be asked for
/// each.
async fn choose(walk: &Walk, pattern: &Pattern, engine: &Visit, roster: Rc<Roster>) -> List {
    let entered = roster.members.iter().filter(|member| engine.includes(member.engine));
    let fitting = entered.filter_map(|member| {
        let progress = pattern.advance(&engine.progress, member, &roster.members);
        (pattern.is_fit(&progress) || pattern.leads_on(&progress)).then(|| (member.clone(), progress))
    });
    let (mut members, progress): (Vec<_>, Vec<_>) = fitting.unzip();
    walk.read_bundles(&engine.path, &mut members).await;
    List { chosen: members.into_iter().zip(progress).collect(), roster }
}
