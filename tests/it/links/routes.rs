//! Routes that nicon-linkmv gives a link in its new place.

use libtest_mimic::{Failed, Trial};
use serde_json::json;

use crate::links::settings::Ground;
use crate::support::expect::{deed, record, refusal};
use crate::support::links::Place;
use crate::support::suite::Suite;

pub(crate) fn trials(suite: &Suite) -> Vec<Trial> {
    vec![
        suite.trial_of_kernel(&[], "links::routes::routes_of_other_links_stay", routes_of_other_links),
        suite.trial_of_kernel(&[], "links::routes::a_route_that_comes_with_an_address", route_of_an_address),
    ]
}

/// The kernel adds it with the address, so it is there, and only what else is asked for is to be added.
fn route_of_an_address(suite: &Suite) -> Result<(), Failed> {
    let ground = Ground::new();
    let words =
        ["v9", "eth1", "--addr=192.0.2.2/24", "--route=192.0.2.0/24", "--addr=2001:db8::2/64", "--route=2001:db8::/64"];
    let routes = || {
        ground.to.ip("route show dev eth1").lines().count()
            + ground.to.ip("-6 route show 2001:db8::/64").lines().count()
    };
    for changed in [true, false] {
        assert_eq!(deed(&record(&ground.mv(suite, &words)))["changed"], changed);
        // That of an IPv6 address has another metric, so the one that is asked for has a place beside it.
        assert_eq!(routes(), 1 + 2);
    }
    // The same address can be without its route.
    ground.to.ip("addr change 192.0.2.2/24 dev eth1 noprefixroute");
    ground.to.sh("ip route flush 192.0.2.0/24 dev eth1");
    let steps = record(&ground.mv(suite, &[&["-n"][..], &words].concat()))["steps"].clone();
    assert_eq!(steps, json!(["route add 192.0.2.0/24 dev eth1"]));
    assert_eq!(deed(&record(&ground.mv(suite, &words)))["changed"], true);
    assert_eq!(routes(), 1 + 2);

    let ends = [Place::new(), Place::new()];
    let [first, second] = ends.each_ref().map(|place| place.pid().to_string());
    let pair = [
        "nicon-veth",
        "-t",
        &first,
        "-t",
        &second,
        "w1",
        "w2",
        "--peer-addr=192.0.2.2/24",
        "--peer-route=192.0.2.0/24",
    ];
    let planned = suite.run(&[&pair[..], &["-n"]].concat());
    assert!(!planned.stdout.contains("route add"), "{planned:?}");
    suite.run(&pair).ok()?;
    assert!(ends[1].ip("route show dev w2").contains("192.0.2.0/24"));
    Ok(())
}

/// A gateway for the link does not take the default route of another one, in either family.
fn routes_of_other_links(suite: &Suite) -> Result<(), Failed> {
    let ground = Ground::new();
    ground.to.ip_batch(
        "link add up0 type veth peer name up1\nlink set up1 up\nlink set up0 up
        addr add 203.0.113.1/24 dev up0\nroute add default via 203.0.113.2
        addr add 2001:db8:3::1/64 dev up0 nodad\nroute add default via 2001:db8:3::2",
    );
    let before = ground.state();
    for (addr, gateway) in [("192.0.2.1/24", "192.0.2.2"), ("2001:db8::1/64", "2001:db8::2")] {
        let ran = ground.mv(suite, &["v9", "eth1", "--addr", addr, "--gateway", gateway]);
        refusal(&ran, 1, &["has a route to ", "through another link already"]);
        ground.settles_as(&before);
    }
    Ok(())
}
