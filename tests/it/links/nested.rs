//! nicon-linkadd into a container that is nested in others.

use libtest_mimic::{Failed, Trial};
use nicon_lab::Lab;
use serde_json::json;

use crate::support::expect::record;
use crate::support::kernel::Feature;
use crate::support::links::{Pair, one};
use crate::support::suite::Suite;

pub(crate) fn trials(suite: &Suite) -> Vec<Trial> {
    vec![suite.trial_with(&[Feature::LinkKind("macvlan")], "links::nested::a_macvlan_three_deep", a_macvlan)]
}

fn a_macvlan(suite: &Suite, lab: &Lab) -> Result<(), Failed> {
    let pair = Pair::new();
    let found = suite.run(&["nicon-resolve", "setup.olt_1.lt_1"]).ok()?;
    let parent = format!("--parent={}", pair.link);
    let made = suite.feed(&["nicon-linkadd", "macvlan", "nested0", &parent, "--addr=192.0.2.77/24"], &found);
    let record = record(&made);
    assert_eq!((&record["target"], &record["nic"]["name"]), (&json!("setup.olt_1.lt_1"), &json!("nested0")));
    let there = one(&lab.exec("setup.olt_1.lt_1", &["ip", "-j", "addr", "show", "dev", "nested0"])?.ok()?);
    assert_eq!(there["addr_info"][0]["local"], "192.0.2.77");
    suite.feed(&["nicon-linkadd", "--undo"], made.stdout).ok()?;
    assert!(lab.exec("setup.olt_1.lt_1", &["ip", "link", "show", "dev", "nested0"])?.ok().is_err());
    Ok(())
}
