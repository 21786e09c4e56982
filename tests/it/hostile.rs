//! Engines and containers that lie, stall, flood and lay traps.

pub(crate) mod answers;
pub(crate) mod crowds;
pub(crate) mod excess;
pub(crate) mod files;
pub(crate) mod labels;
pub(crate) mod liars;
pub(crate) mod links;
pub(crate) mod lists;
pub(crate) mod silence;
pub(crate) mod users;

use libtest_mimic::Trial;

use crate::support::suite::Suite;

pub(crate) fn trials(suite: &Suite) -> Vec<Trial> {
    [
        answers::trials(suite),
        crowds::trials(suite),
        excess::trials(suite),
        files::trials(suite),
        labels::trials(suite),
        links::trials(suite),
        lists::trials(suite),
        silence::trials(suite),
        users::trials(suite),
    ]
    .into_iter()
    .flatten()
    .collect()
}
