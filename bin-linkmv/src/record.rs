//! What the programs that change links write in records, and read there: acts, deeds, and failures.

pub(crate) mod act;
pub(crate) mod columns;
pub(crate) mod deed;
pub(crate) mod failed;
pub(crate) mod naming;
pub(crate) mod passing;
pub(crate) mod program;
pub(crate) mod steps;
pub(crate) mod undone;
