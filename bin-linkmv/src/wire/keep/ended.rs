//! What is kept of links that have ended with their containers: each restart of a container can leave some.

use nicon_core::Result;

use crate::link::kept::Keeper;
use crate::wire::context::Context;

/// How many more are kept than a plan has links: looking for all of them takes a look into each namespace.
const SPARE: usize = 16;

/// Forgets how those were that are nowhere any more, if many are kept of a plan that moves so many `links`.
///
/// # Errors
/// If it cannot be found out.
pub(crate) fn forget(plan: &str, links: usize, context: &Context<'_>) -> Result<()> {
    let Some(keeper) = Keeper::of(&context.journals) else { return Ok(()) };
    let kept = keeper.of_plan(plan)?;
    if kept.len() <= links + SPARE {
        return Ok(());
    }
    let Some(there) = context.namespaces.inodes()? else { return Ok(()) };
    for kept in kept {
        let has_ended = kept.undo.inode().is_some_and(|inode| !there.contains(&inode));
        if has_ended && !kept.undo.is_of_card() {
            kept.forget();
        }
    }
    Ok(())
}
