//! nicon-wire: whole plans, wired, compared, changed and taken away.

mod apply;
mod destroy;
mod killed;
mod kinds;
mod lab;
mod prune;

use libtest_mimic::Trial;

use crate::support::suite::Suite;

pub(crate) fn trials(suite: &Suite) -> Vec<Trial> {
    [apply::trials(suite), destroy::trials(suite), killed::trials(suite), kinds::trials(suite), prune::trials(suite)]
        .into_iter()
        .flatten()
        .collect()
}
