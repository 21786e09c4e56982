//! Routes of other links, which a move and an undo leave alone; and what else of a link is no address, no route and no neighbour
//! like most.

use libtest_mimic::{Failed, Trial};
use nicon_lab::{becomes, wait_for};

use crate::links::settings::{Ground, undo};
use crate::support::expect::{deed, record, refusal};
use crate::support::suite::Suite;

pub(crate) fn trials(suite: &Suite) -> Vec<Trial> {
    vec![
        suite.trial_of_kernel(&[], "links::not_its_alone::routes_to_the_same_network", same_network),
        suite.trial_of_kernel(&[], "links::not_its_alone::routes_from_its_address", from_its_address),
        suite.trial_of_kernel(&[], "links::not_its_alone::proxies_and_what_expires", proxies_and_what_expires),
    ]
}

/// A namespace with `v9` and another link `u9` in it, both up.
fn two_links(lines: &str) -> Ground {
    let ground = Ground::new();
    ground.from.sh("sysctl -qw net.ipv6.conf.default.accept_dad=0");
    ground.from.ip_batch(
        "link set p9 up\nlink set v9 up\nlink add u9 type veth peer name q9\nlink set q9 up\nlink set u9 up
        addr add 192.0.2.1/24 dev v9\naddr add 198.51.100.1/24 dev u9",
    );
    ground.from.ip_batch(lines);
    ground.from.rest();
    ground
}

/// Moves the link and undoes that.
fn there_and_back(suite: &Suite, ground: &Ground, state: &dyn Fn() -> String) {
    let before = state();
    record(&undo(suite, &ground.mv(suite, &["v9", "eth1"])));
    becomes(&state, &before);
}

/// Moves the link in vain.
fn in_vain(suite: &Suite, ground: &Ground, state: &dyn Fn() -> String) {
    let before = state();
    ground.from.ip("link set p9 down");
    refusal(&ground.mv(suite, &["v9", "eth1", "--wait", "0.1"]), 1, &["no carrier"]);
    ground.from.ip("link set p9 up");
    becomes(&state, &before);
}

/// Restoring a route of the link replaces no other: neither one of another link, nor one of its own.
fn same_network(suite: &Suite) -> Result<(), Failed> {
    let ground = two_links(
        "route add 203.0.113.0/24 via 192.0.2.2 dev v9\nroute append 203.0.113.0/24 via 192.0.2.3 dev v9
        route append 203.0.113.0/24 via 198.51.100.2 dev u9
        route add 2001:db8:5::/64 dev v9\nroute append 2001:db8:5::/64 dev u9",
    );
    let state = || {
        let routes = ground.from.ip("route") + "\n" + &ground.from.ip("-6 route show root 2001:db8:5::/64");
        let mut lines: Vec<_> =
            routes.lines().map(|line| line.replace(" linkdown", "").trim_end().to_owned()).collect();
        lines.sort_unstable();
        lines.join("\n")
    };
    assert_eq!(state().matches("203.0.113.0/24").count(), 3);
    there_and_back(suite, &ground, &state);
    in_vain(suite, &ground, &state);
    Ok(())
}

/// The kernel removes routes of other links that lead from an address of the link, unless another link has that address, too.
fn from_its_address(suite: &Suite) -> Result<(), Failed> {
    let ground = two_links("route add 203.0.113.0/24 via 198.51.100.2 dev u9 src 192.0.2.1");
    let state = || ground.from.ip("route");
    let before = state();
    let lost = "203.0.113.0/24 via 198.51.100.2 from 192.0.2.1 through another link";
    refusal(&ground.mv(suite, &["v9", "eth1"]), 2, &["v9 would lose for good: route", lost, "--force"]);
    assert_eq!(state(), before);
    ground.from.ip("addr add 192.0.2.1/32 dev lo");
    let moved = record(&ground.mv(suite, &["v9", "eth1"]));
    assert_eq!(deed(&moved)["lost"]["route"], serde_json::json!([]));
    assert!(state().contains("203.0.113.0/24"), "{}", state());
    Ok(())
}

fn proxies_and_what_expires(suite: &Suite) -> Result<(), Failed> {
    let ground = two_links(
        "neigh add proxy 192.0.2.77 dev v9\nneigh add proxy 2001:db8::77 dev v9
        route add 2001:db8:6::/64 dev v9 expires 1000",
    );
    ground.from.sh("sysctl -qw net.ipv6.conf.v9.use_tempaddr=2");
    ground.from.ip("addr add 2001:db8:7::1/64 dev v9 mngtmpaddr nodad");
    wait_for("a temporary address", || ground.from.ip("addr show dev v9").contains("temporary"));
    let state = || {
        let proxies = ground.from.ip("neigh show proxy") + "\n" + &ground.from.ip("-6 neigh show proxy");
        let route = ground.from.ip("-6 route show 2001:db8:6::/64");
        let expires = route.split_whitespace().any(|word| word == "expires");
        let addresses = ground.from.ip("-o -6 addr show dev v9 scope global");
        let temporary = addresses.matches(" temporary").count();
        format!("{proxies}{expires} {} {temporary}", addresses.lines().count())
    };
    assert!(state().contains("192.0.2.77"), "{}", state());
    there_and_back(suite, &ground, &state);
    let moved = record(&ground.mv(suite, &["v9", "eth1"]));
    assert!(deed(&moved)["lost"]["neigh"].to_string().contains("192.0.2.77 proxy"), "{moved}");
    Ok(())
}
