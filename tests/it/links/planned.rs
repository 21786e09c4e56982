//! A dry run says what the run does, and is refused where the run is; and a run that is refused has moved nothing.

use libtest_mimic::{Failed, Trial};
use serde_json::Value;

use crate::links::settings::{ALL, Ground};
use crate::support::events::Events;
use crate::support::expect::record;
use crate::support::links::{Place, one};
use crate::support::suite::Suite;

pub(crate) fn trials(suite: &Suite) -> Vec<Trial> {
    vec![
        suite.trial_of_kernel(&[], "links::planned::ip_does_the_same_by_the_steps", by_the_steps),
        suite.trial_of_kernel(&[], "links::planned::refused_as_the_run_is", refused_alike),
        suite.trial_of_kernel(&[], "links::planned::waiting_and_announcing", waiting),
    ]
}

/// `ip` does what a dry run has printed, on one ground; nicon-linkmv does it on another like it.
fn by_the_steps(suite: &Suite) -> Result<(), Failed> {
    let keep = ["v9", "eth1", "--keep=addr,route", "--addr=192.0.2.1/24", "--gateway=192.0.2.9", "--master=br0"];
    let down = ["v9", "v8", "--no-up", "--altname=wan", "--mtu=1400"];
    // Routes that come with an address, asked for or kept, are not added again.
    let beside =
        ["v9", "eth1", "--keep=addr", "--route=198.51.100.0/24", "--addr=192.0.2.2/24", "--route=192.0.2.0/24"];
    for words in [&ALL[..], &keep, &down, &beside] {
        let [ours, theirs] = [ground(), ground()];
        let plan = record(&ours.mv(suite, &[&["--dry-run"][..], words].concat()));
        let steps = plan["steps"].as_array().ok_or("no steps")?.iter().filter_map(Value::as_str);
        for (number, step) in steps.enumerate() {
            let here = step.replace(&format!("[process {}]", ours.to.pid()), &theirs.to.pid().to_string());
            // Whatever an alias has, it is the end of the line.
            let (step, alias) =
                here.split_once(" alias ").map_or((&here[..], None), |(step, alias)| (step, Some(alias)));
            let alias = alias.map(|alias| {
                let (alias, state) =
                    alias.rsplit_once(' ').filter(|(_, last)| ["up", "down"].contains(last)).unwrap_or((alias, ""));
                format!("{state} alias '{alias}'")
            });
            let place = if number == 0 { &theirs.from } else { &theirs.to };
            place.sh(&format!("ip {step} {}", alias.unwrap_or_default()));
        }
        let name = plan["name"].as_str().ok_or("no name")?;
        record(&ours.mv(suite, words));
        assert_eq!(end(&ours.to, name), end(&theirs.to, name), "{words:?}: {}", plan["steps"]);
    }
    Ok(())
}

/// A link with addresses and routes, and a bridge where it goes.
fn ground() -> Ground {
    let ground = Ground::new();
    ground.from.ip_batch(
        "link set v9 address 02:00:5e:00:53:31 up\nlink set p9 up\naddr add 198.51.100.1/24 dev v9
        addr add 2001:db8:7::1/64 dev v9 nodad\nroute add 203.0.113.128/25 via 198.51.100.9\nroute add 2001:db8:8::/64 dev v9",
    );
    ground.to.ip("link add br0 type bridge");
    ground.to.ip("link set br0 up");
    ground
}

/// What a link is, but for what no two links have in common.
fn end(place: &Place, name: &str) -> String {
    let mut link = one(&place.ip(&format!("-j addr show dev {name}")));
    link.as_object_mut()
        .unwrap()
        .retain(|field, _| !["ifindex", "link_index", "link_netnsid", "operstate"].contains(&field.as_str()));
    let mut addresses = link["addr_info"].as_array().unwrap().clone();
    addresses.retain(|address| address["scope"] != "link");
    let mut addresses: Vec<String> =
        addresses.iter().map(|address| format!("{}/{}", address["local"], address["prefixlen"])).collect();
    addresses.sort();
    link["addr_info"] = addresses.into();
    // Those of nicon are marked, and those of `ip` are not.
    let routes = |family: &str, protocol: &str| place.ip(&format!("{family} route show dev {name} proto {protocol}"));
    let routes =
        ["-4", "-6"].map(|family| ["boot", "110"].map(|protocol| routes(family, protocol)).join("\n")).join("\n");
    let mut routes: Vec<&str> = routes.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
    routes.sort_unstable();
    format!("{link}\n{}", routes.join("\n"))
}

/// In the same words; and the link has not left meanwhile, not even to come back.
fn refused_alike(suite: &Suite) -> Result<(), Failed> {
    let ground = ground();
    // Its timers go on.
    ground.to.ip("link del br0");
    ground.to.ip_batch(
        "link add up0 type veth peer name up1\nlink set up1 up\nlink set up0 up\naddr add 203.0.113.1/26 dev up0
        route add default via 203.0.113.2\nroute add 203.0.113.128/25 via 203.0.113.2 metric 7
        addr add 2001:db8:3::1/64 dev up0 nodad\nroute add 2001:db8:8::/64 via 2001:db8:3::2",
    );
    let events = Events::of(&ground.from);
    let before = ground.state();
    for (words, cause) in [
        (&["--addr=192.0.2.1/24", "--gateway=192.0.2.2"][..], "has a route to 0.0.0.0/0 through another link already"),
        (&["--addr=192.0.2.1/24", "--route=203.0.113.0/26,192.0.2.2"], "has a route to 203.0.113.0/26 through"),
        (&["--addr=2001:db8::1/64", "--route=2001:db8:8::/64,2001:db8::2"], "has a route to 2001:db8:8::/64 through"),
        (&["--keep=addr,route"], "has a route to 2001:db8:8::/64 through another link already"),
        (&["--mtu=70000"], "MTU 70000 is out of range for v9"),
        (&["--master=br7"], "no link br7"),
        (&["--altname=up0"], "up0 already exists"),
    ] {
        let [planned, ran] =
            [&["--dry-run"][..], &[]].map(|option| ground.mv(suite, &[option, &["v9", "eth1"], words].concat()));
        assert!(!planned.status.success() && ran.stderr.contains(cause), "{words:?}: {planned:?} {ran:?}");
        assert_eq!(planned.stderr, ran.stderr, "{words:?}");
        ground.settles_as(&before);
    }
    // The same place in a table: another metric is another one.
    record(
        &ground.mv(suite, &["--dry-run", "v9", "eth1", "--addr=192.0.2.1/24", "--route=203.0.113.128/25,192.0.2.2"]),
    );
    let events = events.end();
    assert!(!events.contains("Deleted"), "{events}");
    Ok(())
}

fn waiting(suite: &Suite) -> Result<(), Failed> {
    let ground = ground();
    let plan = record(&ground.mv(suite, &["--dry-run", "v9", "eth1", "--wait=2.5", "--announce"]));
    let steps = plan["steps"].as_array().ok_or("no steps")?;
    assert_eq!(steps[steps.len() - 2..], ["wait up to 2.5 s for eth1", "announce the addresses of eth1"], "{steps:?}");
    Ok(())
}
