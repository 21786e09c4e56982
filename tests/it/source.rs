//! The documents and the source tree.

pub(crate) mod docs;
mod imports;
mod modules;
pub(crate) mod tidy;

use libtest_mimic::Trial;

use crate::support::suite::Suite;

pub(crate) fn trials(suite: &Suite) -> Vec<Trial> {
    [docs::trials(suite), imports::trials(), tidy::trials()].into_iter().flatten().collect()
}
