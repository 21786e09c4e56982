//! What sits on a link is not cut off unless it is forced, whatever its kind and wherever it is.

use std::process::Stdio;

use libtest_mimic::{Failed, Trial};
use nicon_lab::{LIMIT, Lab, output_within, tool};
use serde_json::json;

use crate::links::settings::{Ground, undo};
use crate::support::expect::{deed, record, refusal};
use crate::support::kernel::Feature;
use crate::support::links::{Place, one};
use crate::support::suite::Suite;

/// The kinds that sit on another link, each with what makes one. The first few every kernel has that tests run on.
const KINDS: [(&str, &str); 16] = [
    ("vxlan", "link add u0 type vxlan id 7 dev v9 dstport 4790"),
    ("macvlan", "link add u0 link v9 type macvlan"),
    ("macvtap", "link add u0 link v9 type macvtap"),
    ("vlan", "link add u0 link v9 type vlan id 5"),
    ("ipvlan", "link add u0 link v9 type ipvlan"),
    ("ipvtap", "link add u0 link v9 type ipvtap"),
    ("macsec", "link add u0 link v9 type macsec"),
    ("gre", "link add u0 type gre local 192.0.2.1 remote 192.0.2.2 dev v9"),
    ("gretap", "link add u0 type gretap local 192.0.2.1 remote 192.0.2.2 dev v9"),
    ("ipip", "link add u0 type ipip local 192.0.2.1 remote 192.0.2.2 dev v9"),
    ("sit", "link add u0 type sit local 192.0.2.1 remote 192.0.2.2 dev v9"),
    ("vti", "link add u0 type vti local 192.0.2.1 remote 192.0.2.2 key 7 dev v9"),
    ("ip6gre", "link add u0 type ip6gre local 2001:db8::1 remote 2001:db8::2 dev v9"),
    ("ip6tnl", "link add u0 type ip6tnl local 2001:db8::1 remote 2001:db8::2 dev v9"),
    ("xfrm", "link add u0 type xfrm dev v9 if_id 7"),
    ("hsr", "link add u0 type hsr slave1 v9 slave2 p9"),
];

/// Those of them that the kernel destroys when the lower link leaves.
const FALL: [&str; 2] = ["vxlan", "macsec"];

/// Those that stay in the namespace that they were made in, or are not found from another.
const BOUND: [&str; 2] = ["hsr", "ipvtap"];

pub(crate) fn trials(suite: &Suite) -> Vec<Trial> {
    let mut trials = vec![
        suite.trial("links::stacked::links_of_the_same_number_elsewhere_are_not_meant", same_number),
        suite.trial("links::stacked::the_other_end_of_a_pair_is_not_on_top", pairs),
        suite.trial("links::stacked::in_a_namespace_that_only_a_name_keeps", by_name),
    ];
    for (kind, line) in KINDS {
        let name = format!("links::stacked::{kind}");
        trials.push(suite.trial_with(&[Feature::Kind(kind)], &name, move |suite, _| on_top(suite, kind, line)));
    }
    trials
}

/// As [`Place::ip`], if the kernel has what it asks for.
fn made(place: &Place, line: &str) -> bool {
    let mut command = tool("nsenter");
    command.args([&format!("--net=/proc/{}/ns/net", place.pid()), "ip"]).args(line.split(' '));
    output_within(command.stdin(Stdio::null()), LIMIT).unwrap().ok().is_ok()
}
