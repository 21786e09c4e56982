//! What all programs have in common, and the programs together.

pub(crate) mod in_a_container;
pub(crate) mod pipes;
pub(crate) mod plan;
pub(crate) mod plan_watch;
pub(crate) mod privileges;
pub(crate) mod statuses;
pub(crate) mod tree;
pub(crate) mod tree_watch;
pub(crate) mod user_namespaces;

use libtest_mimic::Trial;

use crate::support::suite::Suite;

pub(crate) fn trials(suite: &Suite) -> Vec<Trial> {
    [
        in_a_container::trials(suite),
        pipes::trials(suite),
        plan::trials(suite),
        plan_watch::trials(suite),
        privileges::trials(suite),
        statuses::trials(suite),
        tree::trials(suite),
        tree_watch::trials(suite),
        user_namespaces::trials(suite),
    ]
    .into_iter()
    .flatten()
    .collect()
}
