//! Moving a link: one that is still where it comes from is moved, and one that an earlier run moved, or that is where it is to be,
//! gets what it lacks.

mod check;
pub(crate) mod guard;
mod in_place;
pub(crate) mod job;
mod left_behind;
mod move_link;
mod plan;
mod reconcile;
mod resume;
mod returned;
mod survey;
mod transfer;

use nicon_core::{Error, Result};

use crate::link::find::find;
use job::{Job, Options, Outcome};

/// How often a link is looked for: each time another run had moved it, or put it back, or it has to be moved otherwise.
const ROUNDS: usize = 100;

/// Does what a job asks for, as far as it is not done yet.
///
/// # Errors
/// The link is back where it was, unchanged. If that failed as well, the message says where the link is now.
pub(crate) fn carry_out(job: &Job<'_>, options: &Options<'_>) -> Result<Outcome> {
    if job.from.netns.is(job.to) {
        return in_place::change(job, options);
    }
    for _ in 0..ROUNDS {
        let outcome = match find(job.selector, &job.from.netns)? {
            Some(link) => move_link::move_link(job, options, link)?,
            None => resume::resume(job, options)?,
        };
        if let Some(outcome) = outcome {
            return Ok(outcome);
        }
    }
    Err(Error::failed(format!("{} is moved to and fro by other runs", job.selector)))
}
