//! A link: what it is to be like, what it has, what it loses, and how it was before.

pub(crate) mod altnames;
mod announce;
pub(crate) mod attached;
pub(crate) mod diff;
pub(crate) mod ending;
pub(crate) mod find;
pub(crate) mod from;
pub(crate) mod journal;
pub(crate) mod kept;
pub(crate) mod losses;
pub(crate) mod mark;
mod master;
pub(crate) mod missing;
pub(crate) mod namespaces;
pub(crate) mod on_top;
pub(crate) mod port;
pub(crate) mod port_options;
pub(crate) mod set_while_down;
pub(crate) mod source;
pub(crate) mod spec;
mod state;
pub(crate) mod stitch;
pub(crate) mod sysctl;
pub(crate) mod tag;
pub(crate) mod taken;
pub(crate) mod undo;
pub(crate) mod wait_ready;
