//! What all programs have in common, and the programs together.

pub(crate) mod colour;
pub(crate) mod complete;
pub(crate) mod elsewhere;
pub(crate) mod format;
pub(crate) mod front;
pub(crate) mod front_lists;
pub(crate) mod front_usage;
pub(crate) mod in_a_container;
pub(crate) mod pipes;
pub(crate) mod plan;
pub(crate) mod plan_watch;
pub(crate) mod privileges;
pub(crate) mod statuses;
pub(crate) mod tree;
pub(crate) mod tree_images;
pub(crate) mod tree_machines;
pub(crate) mod tree_ports;
pub(crate) mod tree_watch;
pub(crate) mod user_namespaces;

use libtest_mimic::Trial;

use crate::support::suite::Suite;

pub(crate) fn trials(suite: &Suite) -> Vec<Trial> {
    [
        complete::trials(suite),
        colour::trials(suite),
        elsewhere::trials(suite),
        format::trials(suite),
        front::trials(suite),
        front_lists::trials(suite),
        front_usage::trials(suite),
        in_a_container::trials(suite),
        pipes::trials(suite),
        plan::trials(suite),
        plan_watch::trials(suite),
        privileges::trials(suite),
        statuses::trials(suite),
        tree::trials(suite),
        tree_images::trials(suite),
        tree_machines::trials(suite),
        tree_ports::trials(suite),
        tree_watch::trials(suite),
        user_namespaces::trials(suite),
    ]
    .into_iter()
    .flatten()
    .collect()
}
