//! How machines reach each other: over IPv6, by names, and what is in the way.

use libtest_mimic::{Failed, Trial};
use nicon_lab::fleet::lab::{links_on, plan, run_all_containers, silent};
use nicon_lab::fleet::{Fleet, NAMES};

use crate::shared::{Shared, destroy, play};

pub(crate) fn trials(fleet: &Shared) -> Vec<Trial> {
    vec![
        fleet.trial("underlay::ipv6_by_name", |fleet| by_name(fleet, "six", "remote6")),
        fleet.trial("underlay::names_with_both", |fleet| by_name(fleet, "fleet", "remote")),
        fleet.trial("underlay::a_number_that_somebody_else_has", a_number_is_taken),
    ]
}

fn by_name(fleet: &Fleet, domain: &str, remote: &str) -> Result<(), Failed> {
    let names = NAMES.map(|name| format!("{name}.{domain}"));
    let plan = fleet.write("named.yaml", &plan(names.each_ref().map(String::as_str)))?;
    run_all_containers(fleet)?;
    let wired = play(fleet, "wire.yml", &plan, &[])?;
    assert!(wired.is_success(), "{}", wired.text());
    assert_eq!(silent(fleet, |_| true)?, [0; 0]);
    let far = "for pid in $(docker inspect --format '{{.State.Pid}}' $(docker ps --quiet)); do nsenter -t $pid -n ip -d -j link; done";
    let told = fleet.machine(0)?.script(far, &[])?;
    assert!(told.contains(&format!("\"{remote}\":")), "{told}");
    destroy(fleet, &plan, &[]).map(drop)
}

/// The half that would need it is not made at all, and whose it is is told. The other half stands.
fn a_number_is_taken(fleet: &Fleet) -> Result<(), Failed> {
    let plan = "name: small\nmachines: {lab1: {address: 198.51.100.1}, lab2: {address: 198.51.100.2}, lab3: }\n\
        nodes: {\"m1-*\": {on: lab1}, \"m2-*\": {on: lab2}}\n\
        links:\n- {endpoints: [\"m1-n1:x\", \"m2-n1:x\"], vni: 77}\n- {endpoints: [\"m1-n1:y\", \"m1-n2:y\"]}\n";
    let plan = fleet.write("small.yaml", plan)?;
    run_all_containers(fleet)?;
    let machine = fleet.machine(0)?;
    machine.script("ip link add overlay type vxlan id 77 dstport 4789 remote 198.51.100.9", &[])?;
    let wired = play(fleet, "wire.yml", &plan, &[])?;
    assert_eq!((wired.count("lab1", "failed"), wired.count("lab2", "failed")), (1, 0), "{}", wired.text());
    for part in ["VNI 77 is that of overlay", "m1-n1:x", "on lab1, which is not wired"] {
        assert!(wired.text().contains(part), "{part}: {}", wired.text());
    }
    assert!(links_on(fleet, 0)?.is_empty());
    assert_eq!(links_on(fleet, 1)?.len(), 1);
    machine.script("ip link del overlay", &[])?;
    let wired = play(fleet, "wire.yml", &plan, &[])?;
    assert!(wired.is_success() && links_on(fleet, 0)?.len() == 3, "{}", wired.text());
    destroy(fleet, &plan, &[]).map(drop)
}
