//! The questions of which the search for all containers that a pattern fits is made.

use std::rc::Rc;
use std::sync::Arc;

use nicon_core::Result;

use crate::entered::Entered;
use crate::hop::Hop;
use crate::name::Path;
use crate::pattern::{Pattern, Progress};
use crate::roster::{Member, Roster};
use crate::walk::{Inner, Walk};

/// What is to be asked.
pub(crate) enum Task {
    List(Rc<Entered>),
    Find { from: Rc<Entered>, member: Member, path: Path, progress: Progress },
    LookInside(Found),
}

/// What became of it.
pub(crate) enum Outcome {
    Listed(Rc<Entered>, Result<List>),
    Found(Rc<Entered>, Result<Found>),
    SeenInside(Found, Result<Vec<Inner>>),
}

/// What the engines of one place list.
pub(crate) struct List {
    pub(crate) roster: Rc<Roster>,
    /// The containers that matter to the pattern.
    pub(crate) chosen: Vec<(Member, Progress)>,
}

/// A container that fits the pattern, or leads on to some that may.
pub(crate) struct Found {
    /// Where it was found.
    pub(crate) from: Rc<Entered>,
    pub(crate) path: Path,
    pub(crate) progress: Progress,
    pub(crate) hop: Arc<Hop>,
}

impl Task {
    /// The container that it is about; empty for our own engine.
    pub(crate) fn path(&self) -> &[String] {
        match self {
            Self::List(engine) => &engine.path,
            Self::Find { path, .. } | Self::LookInside(Found { path, .. }) => path,
        }
    }

    /// Asks.
    pub(crate) async fn perform(self, walk: &Walk, pattern: &Pattern) -> Outcome {
        match self {
            Self::List(engine) => {
                let list = match walk.list(&engine.path).await {
                    Ok(roster) => Ok(choose(walk, pattern, &engine, roster).await),
                    Err(error) => Err(error),
                };
                Outcome::Listed(engine, list)
            }
            Self::Find { from, member, path, progress } => {
                let hop = walk.find_listed(&path, member).await;
                let found = hop.map(|hop| Found { from: Rc::clone(&from), path, progress, hop });
                Outcome::Found(from, found)
            }
            Self::LookInside(found) => {
                let inside = walk.look_inside(&found.path).await;
                Outcome::SeenInside(found, inside)
            }
        }
    }
}

/// Chooses the containers that matter. Of many the bundles are read, so that the engine need not be asked for each.
async fn choose(walk: &Walk, pattern: &Pattern, engine: &Entered, roster: Rc<Roster>) -> List {
    let entered = roster.members.iter().filter(|member| engine.enters(member.engine));
    let fitting = entered.filter_map(|member| {
        let progress = pattern.advance(&engine.progress, member, &roster.members);
        (pattern.is_fit(&progress) || pattern.leads_on(&progress)).then(|| (member.clone(), progress))
    });
    let (mut members, progress): (Vec<_>, Vec<_>) = fitting.unzip();
    walk.read_bundles(&engine.path, &mut members).await;
    List { chosen: members.into_iter().zip(progress).collect(), roster }
}
