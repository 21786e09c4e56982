//! The documents and the source tree.

pub(crate) mod docs;
mod imports;
mod modules;
mod recipes;
pub(crate) mod tidy;

use libtest_mimic::Trial;

use crate::support::suite::Suite;

pub(crate) fn trials(suite: &Suite) -> Vec<Trial> {
    [docs::trials(suite), recipes::trials(suite), imports::trials(), tidy::trials()].into_iter().flatten().collect()
}
