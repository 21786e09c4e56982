//! A machine that dies while its half is made, and one that is slow.

use std::thread;
use std::time::Instant;

use libtest_mimic::{Failed, Trial};
use nicon_lab::fleet::lab::{Link, links_on, plan, run_all_containers, run_containers, silent};
use nicon_lab::fleet::{ADDRESSES, Fleet};
use nicon_lab::{LIMIT, output_within, tool};

use crate::shared::{Shared, destroy, play};

pub(crate) fn trials(fleet: &Shared) -> Vec<Trial> {
    vec![
        fleet.trial("troubles::a_machine_that_dies_meanwhile", dies_meanwhile),
        fleet.trial("troubles::a_slow_machine", a_slow_machine),
    ]
}

/// It is cut off with the first of its links: the others make their halves, and the same playbook makes the rest later.
fn dies_meanwhile(fleet: &Fleet) -> Result<(), Failed> {
    let lost = 2;
    let plan = fleet.write("dies.yaml", &plan(ADDRESSES))?;
    run_all_containers(fleet)?;
    let played = thread::scope(|scope| {
        let playing = scope.spawn(|| play(fleet, "wire.yml", &plan, &[]));
        let begun = Instant::now();
        while links_on(fleet, lost)?.is_empty() {
            assert!(begun.elapsed() < LIMIT * 4, "it makes no link");
        }
        fleet.kill_machine(lost);
        playing.join().expect("it does not panic")
    })?;
    let leads_there = |link: &Link| link.ends.iter().any(|end| end.0 == lost);
    assert_eq!(silent(fleet, |link| !leads_there(link))?, [0; 0], "{}", played.text());
    fleet.raise_machine(lost)?;
    run_containers(fleet, lost)?;
    let again = play(fleet, "wire.yml", &plan, &[])?;
    assert!(again.is_success(), "{}", again.text());
    assert_eq!((again.count("lab1", "changed"), again.count("lab2", "changed")), (0, 0), "{}", again.text());
    assert_eq!(silent(fleet, |_| true)?, [0; 0]);
    destroy(fleet, &plan, &[]).map(drop)
}

/// What goes to it and comes from it is as slow as by a modem: nobody gives up, and nothing is left out.
fn a_slow_machine(fleet: &Fleet) -> Result<(), Failed> {
    let plan = fleet.write("slow.yaml", &plan(ADDRESSES))?;
    run_all_containers(fleet)?;
    let shape = |words: &[&str]| output_within(tool("tc").args(words), LIMIT)?.ok().map(drop);
    let slow = ["root", "tbf", "rate", "400kbit", "burst", "10kb", "latency", "2s"];
    shape(&[&["qdisc", "add", "dev", "leg1"], &slow[..]].concat())?;
    fleet.machine(1)?.script(&format!("tc qdisc add dev eth0 {}", slow.join(" ")), &[])?;
    let wired = play(fleet, "wire.yml", &plan, &[])?;
    let again = play(fleet, "wire.yml", &plan, &[])?;
    fleet.machine(1)?.script("tc qdisc del dev eth0 root", &[])?;
    shape(&["qdisc", "del", "dev", "leg1", "root"])?;
    assert!(wired.is_success(), "{}", wired.text());
    assert_eq!((again.is_success(), again.counts("changed")), (true, [0; 3]), "{}", again.text());
    assert_eq!(silent(fleet, |_| true)?, [0; 0]);
    destroy(fleet, &plan, &[]).map(drop)
}
