//! nicon-linkmv, nicon-veth, nicon-linkadd and nicon-links: links, moved, made, listed and put back.

pub(crate) mod again;
pub(crate) mod batch;
pub(crate) mod causes;
pub(crate) mod dress;
pub(crate) mod dress_in_place;
pub(crate) mod dress_port;
pub(crate) mod ends;
pub(crate) mod found_again;
pub(crate) mod having;
pub(crate) mod having_where;
pub(crate) mod interrupted;
pub(crate) mod journal;
pub(crate) mod kinds;
pub(crate) mod linkadd;
pub(crate) mod linkadd_again;
pub(crate) mod linkadd_refused;
pub(crate) mod linkadd_stitch;
pub(crate) mod linkadd_traffic;
pub(crate) mod linkadd_wireguard;
pub(crate) mod list;
pub(crate) mod list_kinds;
pub(crate) mod losses;
pub(crate) mod masters;
pub(crate) mod moves;
pub(crate) mod names;
pub(crate) mod nested;
pub(crate) mod not_its_alone;
pub(crate) mod planned;
pub(crate) mod races;
pub(crate) mod ready;
pub(crate) mod records;
pub(crate) mod records_undo;
pub(crate) mod restored;
mod routes;
pub(crate) mod settings;
pub(crate) mod signals;
pub(crate) mod stacked;
pub(crate) mod taken_names;
pub(crate) mod undo;
pub(crate) mod unreadable;
pub(crate) mod veth;
pub(crate) mod veth_options;
pub(crate) mod watch;
pub(crate) mod watch_ends;
pub(crate) mod watch_model;
pub(crate) mod watch_output;
pub(crate) mod watch_stream;

use libtest_mimic::Trial;

use crate::support::suite::Suite;

pub(crate) fn trials(suite: &Suite) -> Vec<Trial> {
    [
        again::trials(suite),
        batch::trials(suite),
        causes::trials(suite),
        dress::trials(suite),
        dress_in_place::trials(suite),
        dress_port::trials(suite),
        ends::trials(suite),
        found_again::trials(suite),
        having::trials(suite),
        having_where::trials(suite),
        interrupted::trials(suite),
        kinds::trials(suite),
        journal::trials(suite),
        linkadd::trials(suite),
        linkadd_again::trials(suite),
        linkadd_refused::trials(suite),
        linkadd_stitch::trials(suite),
        linkadd_traffic::trials(suite),
        linkadd_wireguard::trials(suite),
        list::trials(suite),
        list_kinds::trials(suite),
        losses::trials(suite),
        masters::trials(suite),
        moves::trials(suite),
        planned::trials(suite),
        races::trials(suite),
        ready::trials(suite),
        records::trials(suite),
        records_undo::trials(suite),
        names::trials(suite),
        nested::trials(suite),
        not_its_alone::trials(suite),
        restored::trials(suite),
        routes::trials(suite),
        settings::trials(suite),
        stacked::trials(suite),
        signals::trials(suite),
        taken_names::trials(suite),
        undo::trials(suite),
        unreadable::trials(suite),
        veth::trials(suite),
        veth_options::trials(suite),
        watch::trials(suite),
        watch_ends::trials(suite),
        watch_model::trials(suite),
        watch_output::trials(suite),
        watch_stream::trials(suite),
    ]
    .into_iter()
    .flatten()
    .collect()
}
