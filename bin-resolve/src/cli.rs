//! What the user typed, and what the user sees.

pub(crate) mod args;
pub(crate) mod program;
pub(crate) mod run;

mod groups;
mod labels;
mod of;
mod output;
mod question;
mod source;
mod wait;
mod watch;
