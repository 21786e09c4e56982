//! nicon-nsexec enters, and is not taken over.

pub(crate) mod as_newest;
pub(crate) mod as_nsenter;
pub(crate) mod attacks;
pub(crate) mod causes;
pub(crate) mod fallbacks;
pub(crate) mod in_a_container;
pub(crate) mod labels;
pub(crate) mod left_behind;
pub(crate) mod options;
pub(crate) mod own;
pub(crate) mod plain;
pub(crate) mod prefix;
pub(crate) mod records;
pub(crate) mod rights;
pub(crate) mod seccomp;
pub(crate) mod seccomp_targets;
pub(crate) mod signals;
pub(crate) mod takeover;
pub(crate) mod terminal;
pub(crate) mod users;
pub(crate) mod view;
pub(crate) mod view_attacks;

use libtest_mimic::Trial;

use crate::support::suite::Suite;

pub(crate) fn trials(suite: &Suite) -> Vec<Trial> {
    [
        as_newest::trials(suite),
        as_nsenter::trials(suite),
        attacks::trials(suite),
        causes::trials(suite),
        fallbacks::trials(suite),
        in_a_container::trials(suite),
        labels::trials(suite),
        left_behind::trials(suite),
        options::trials(suite),
        own::trials(suite),
        plain::trials(suite),
        prefix::trials(suite),
        records::trials(suite),
        rights::trials(suite),
        seccomp::trials(suite),
        seccomp_targets::trials(suite),
        signals::trials(suite),
        takeover::trials(suite),
        users::trials(suite),
        terminal::trials(suite),
        view::trials(suite),
        view_attacks::trials(suite),
    ]
    .into_iter()
    .flatten()
    .collect()
}
