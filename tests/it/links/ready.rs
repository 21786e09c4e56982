//! When a link is ready: it has a carrier, and addresses that are its own and known to the neighbours.

use libtest_mimic::{Failed, Trial};
use nicon_lab::wait_for;
use serde_json::Value;

use super::settings::Ground;
use crate::support::expect::{record, refusal};
use crate::support::links::one;
use crate::support::suite::Suite;

pub(crate) fn trials(suite: &Suite) -> Vec<Trial> {
    vec![
        suite.trial_of_kernel(&[], "links::ready::announced_to_the_neighbours", announced),
        suite.trial_of_kernel(&[], "links::ready::an_address_that_another_host_has", an_address_that_another_host_has),
        suite.trial_of_kernel(&[], "links::ready::waits_for_the_carrier", waits),
    ]
}

/// The neighbour at the other end has learned another hardware address for both addresses.
fn announced(suite: &Suite) -> Result<(), Failed> {
    let ground = Ground::new();
    ground.from.ip("link set p9 up");
    ground.from.ip("addr add 192.0.2.2/24 dev p9");
    ground.from.ip("-6 addr add 2001:db8::2/64 dev p9 nodad");
    for address in ["192.0.2.1", "2001:db8::1"] {
        ground.from.ip(&format!("neigh replace {address} lladdr 02:00:5e:00:53:ff dev p9 nud reachable"));
    }
    // Neighbours are not overwritten within a second of having been learned.
    ground.from.sh("echo 0 >/proc/sys/net/ipv4/neigh/p9/locktime");
    let words = ["v9", "eth1", "--addr=192.0.2.1/24", "--addr=2001:db8::1/64", "--wait=25", "--announce"];
    let mac = record(&ground.mv(suite, &words))["nic"]["mac"].clone();
    let known = |address: &str| {
        let all: Vec<Value> = serde_json::from_str(&ground.from.ip("-j neigh show dev p9")).unwrap();
        all.into_iter().find(|entry| entry["dst"] == address).map(|entry| entry["lladdr"].clone())
    };
    for address in ["192.0.2.1", "2001:db8::1"] {
        wait_for(format_args!("{mac} as a neighbour with {address}"), || known(address).as_ref() == Some(&mac));
    }
    Ok(())
}

fn an_address_that_another_host_has(suite: &Suite) -> Result<(), Failed> {
    let ground = Ground::new();
    ground.from.ip("link set p9 addrgenmode none");
    ground.from.ip("link set p9 up");
    ground.from.ip("-6 addr add 2001:db8::1/64 dev p9 nodad");
    let before = ground.state();
    for option in ["--wait=25", "--announce"] {
        let ran = ground.mv(suite, &["v9", "eth1", "--addr=192.0.2.1/24", "--addr=2001:db8::1/64", option]);
        refusal(&ran, 1, &["2001:db8::1/64 of eth1 in process", "is in use by another host"]);
        ground.settles_as(&before);
    }
    record(&ground.mv(suite, &["v9", "eth1", "--addr=2001:db8::7/64", "--wait=25"]));
    let there = one(&ground.to.ip("-j addr show dev eth1"));
    let given = there["addr_info"].as_array().unwrap().iter().find(|info| info["local"] == "2001:db8::7").unwrap();
    assert_eq!(given["tentative"], Value::Null, "{given}");
    Ok(())
}

fn waits(suite: &Suite) -> Result<(), Failed> {
    let ground = Ground::new();
    let before = ground.state();
    refusal(&ground.mv(suite, &["v9", "eth1", "--wait=0.3"]), 1, &["eth1 in process", "no carrier after 0.3 s"]);
    ground.settles_as(&before);
    let ran = std::thread::scope(|scope| {
        // So far away is no point in time.
        let run = scope.spawn(|| ground.mv(suite, &["v9", "eth1", "--wait=1e19"]));
        wait_for("the link in its place", || ground.to.links().contains(&"eth1".to_owned()));
        ground.from.ip("link set p9 up");
        run.join().unwrap()
    });
    record(&ran);
    assert_eq!(one(&ground.to.ip("-j link show dev eth1"))["operstate"], "UP");
    Ok(())
}
