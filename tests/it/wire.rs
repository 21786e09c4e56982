//! nicon-wire: whole plans, wired, compared, changed and taken away.

mod apply;
mod destroy;
mod keep;
mod keep_away;
mod keep_faults;
mod keep_lab;
mod killed;
mod kinds;
mod lab;
mod machines;
mod others;
mod prune;
mod table;
mod usable;

use libtest_mimic::Trial;

use crate::support::suite::Suite;

pub(crate) fn trials(suite: &Suite) -> Vec<Trial> {
    [
        apply::trials(suite),
        destroy::trials(suite),
        keep::trials(suite),
        keep_away::trials(suite),
        keep_faults::trials(suite),
        killed::trials(suite),
        kinds::trials(suite),
        machines::trials(suite),
        others::trials(suite),
        prune::trials(suite),
        table::trials(suite),
        usable::trials(suite),
    ]
    .into_iter()
    .flatten()
    .collect()
}
