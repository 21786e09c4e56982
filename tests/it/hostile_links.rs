//! nicon-linkmv against a container whose root changes links while they are moved, or says of them what is not true.

use libtest_mimic::{Failed, Trial};
use nicon_lab::Lab;

use crate::expect::refusal;
use crate::links::{Place, links};
use crate::suite::Suite;

pub(crate) fn trials(suite: &Suite) -> Vec<Trial> {
    vec![suite.trial("hostile_links::a_link_that_says_it_was_ours", a_link_that_says_it_was_ours)]
}

/// The container's own link carries the mark of an interrupted move of a link that is gone; that move cannot be finished.
/// To put the link "back" would let it into our network namespace.
fn a_link_that_says_it_was_ours(suite: &Suite, _: &Lab) -> Result<(), Failed> {
    let to = Place::new();
    let ours = std::fs::read_link("/proc/self/ns/net")?.to_string_lossy().into_owned();
    let ours = ours.trim_start_matches("net:[").trim_end_matches(']').to_owned();
    to.ip("link add eth1 type veth peer name eth1-peer");
    to.ip("link add trap type veth peer name trap-peer");
    to.ip(&format!("link property add dev trap altname nicon.{ours}.7.long-gone"));
    let before = links();
    let words = ["nicon-linkmv", "-t", &to.pid().to_string(), "long-gone", "eth1"];
    refusal(&suite.run(&words), 1, &["eth1 already exists", "trap stays in", "no journal tells"]);
    assert_eq!(links(), before, "nothing came in");
    assert!(to.links().contains(&"trap".to_owned()));
    Ok(())
}
