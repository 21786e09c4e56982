//! Moving a link: one that is still where it comes from is moved, and one that an earlier run moved gets what it lacks.

mod apply;
mod check;
pub(crate) mod guard;
pub(crate) mod job;
mod move_link;
mod plan;
mod reconcile;
mod resume;
mod survey;
mod transfer;

use nicon_core::Result;

use crate::link::find::find;
use job::{Job, Options, Outcome};

/// Does what a job asks for, as far as it is not done yet.
///
/// # Errors
/// The link is back where it was, unchanged. If that failed as well, the message says where the link is now.
pub(crate) fn carry_out(job: &Job<'_>, options: &Options<'_>) -> Result<Outcome> {
    match find(job.selector, &job.from.netns)? {
        Some(link) => move_link::move_link(job, options, link),
        None => resume::resume(job, options),
    }
}
