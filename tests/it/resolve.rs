//! nicon-resolve finds the right process, or says why not.

pub(crate) mod broken_files;
pub(crate) mod bundles;
pub(crate) mod by_id;
pub(crate) mod daemon_ends;
pub(crate) mod ending;
pub(crate) mod engines;
pub(crate) mod labels;
pub(crate) mod listeners;
pub(crate) mod mixed_engines;
pub(crate) mod of;
pub(crate) mod paths;
pub(crate) mod patterns;
pub(crate) mod pods;
pub(crate) mod proofs;
pub(crate) mod settings;
pub(crate) mod starting;
pub(crate) mod wait;
pub(crate) mod watch;
pub(crate) mod watch_daemons;
pub(crate) mod watch_ends;
pub(crate) mod watch_hostile;
pub(crate) mod watch_records;
pub(crate) mod watch_sharing;
pub(crate) mod watch_storm;

use libtest_mimic::Trial;

use crate::support::suite::Suite;

pub(crate) fn trials(suite: &Suite) -> Vec<Trial> {
    [
        broken_files::trials(suite),
        bundles::trials(suite),
        by_id::trials(suite),
        daemon_ends::trials(suite),
        ending::trials(suite),
        engines::trials(suite),
        labels::trials(suite),
        listeners::trials(suite),
        mixed_engines::trials(suite),
        of::trials(suite),
        paths::trials(suite),
        patterns::trials(suite),
        pods::trials(suite),
        proofs::trials(suite),
        settings::trials(suite),
        starting::trials(suite),
        wait::trials(suite),
        watch::trials(suite),
        watch_daemons::trials(suite),
        watch_ends::trials(suite),
        watch_hostile::trials(suite),
        watch_records::trials(suite),
        watch_sharing::trials(suite),
        watch_storm::trials(suite),
    ]
    .into_iter()
    .flatten()
    .collect()
}
