//! nicon-nsid and nicon-nsfind: processes and their namespaces.

pub(crate) mod denied;
pub(crate) mod ended_main_thread;
pub(crate) mod holders;
pub(crate) mod in_flight;
pub(crate) mod lingering;
pub(crate) mod list;
pub(crate) mod names;
pub(crate) mod nsfind;
pub(crate) mod nsid;

use libtest_mimic::Trial;

use crate::support::suite::Suite;

pub(crate) fn trials(suite: &Suite) -> Vec<Trial> {
    [
        denied::trials(suite),
        ended_main_thread::trials(suite),
        holders::trials(suite),
        in_flight::trials(suite),
        lingering::trials(suite),
        list::trials(suite),
        names::trials(suite),
        nsfind::trials(suite),
        nsid::trials(suite),
    ]
    .into_iter()
    .flatten()
    .collect()
}
