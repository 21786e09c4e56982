//! nicon-nsexec enters, and is not taken over.

pub(crate) mod as_nsenter;
pub(crate) mod attacks;
pub(crate) mod fallbacks;
pub(crate) mod keys;
pub(crate) mod labels;
pub(crate) mod options;
pub(crate) mod quick;
pub(crate) mod records;
pub(crate) mod rights;
pub(crate) mod seccomp;
pub(crate) mod seccomp_targets;
pub(crate) mod signals;
pub(crate) mod takeover;

use libtest_mimic::Trial;

use crate::support::suite::Suite;

pub(crate) fn trials(suite: &Suite) -> Vec<Trial> {
    [
        as_nsenter::trials(suite),
        attacks::trials(suite),
        fallbacks::trials(suite),
        keys::trials(suite),
        labels::trials(suite),
        options::trials(suite),
        quick::trials(suite),
        records::trials(suite),
        rights::trials(suite),
        seccomp::trials(suite),
        seccomp_targets::trials(suite),
        signals::trials(suite),
        takeover::trials(suite),
    ]
    .into_iter()
    .flatten()
    .collect()
}
