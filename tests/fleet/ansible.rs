//! The role and the playbooks of deploy/ansible.

use std::process::Command;
use std::time::Duration;

use libtest_mimic::{Failed, Trial};
use nicon_lab::fleet::lab::{Link, container, links, links_on, plan, run_all_containers, run_containers, silent};
use nicon_lab::fleet::{ADDRESSES, Fleet, NAMES};
use nicon_lab::output_within;

use crate::shared::{Shared, ansible, destroy, play, playbooks};

pub(crate) fn trials(fleet: &Shared) -> Vec<Trial> {
    vec![
        fleet.trial("ansible::the_linter_has_nothing_to_say", |_| lint()),
        fleet.trial("ansible::a_lab_is_wired_repaired_and_taken_away", a_lab),
    ]
}

fn lint() -> Result<(), Failed> {
    let mut lint = Command::new(ansible("ansible-lint"));
    lint.args(["--offline", "--strict", "--profile", "production", "."]).current_dir(playbooks());
    let path = std::env::var("PATH")?;
    lint.env("PATH", format!("{}:{path}", ansible("").display())).env("HOME", "/run/fleet");
    Ok(output_within(&mut lint, Duration::from_mins(2))?.ok().map(drop)?)
}

#[track_caller]
fn all_answer(fleet: &Fleet) -> Result<(), Failed> {
    assert_eq!(silent(fleet, |_| true)?, [0; 0]);
    Ok(())
}

fn a_lab(fleet: &Fleet) -> Result<(), Failed> {
    let plan = fleet.write("lab.yaml", &plan(ADDRESSES))?;
    run_all_containers(fleet)?;
    // What would be done is told, and not done.
    let told = play(fleet, "wire.yml", &plan, &["--check"])?;
    assert!(told.is_success(), "{}", told.text());
    assert!(told.counts("changed").iter().all(|count| *count > 0), "{}", told.text());
    assert!(links_on(fleet, 0)?.is_empty());

    let wired = play(fleet, "wire.yml", &plan, &[])?;
    assert!(wired.is_success(), "{}", wired.text());
    all_answer(fleet)?;
    let across = links().iter().filter(|link| link.is_across()).count();
    assert_eq!((links().len(), across), (60, 20));
    let mut kinds = [0, 0];
    for machine in 0..NAMES.len() {
        for (_, kind, _, _) in links_on(fleet, machine)? {
            kinds[usize::from(kind == "vxlan")] += 1;
        }
    }
    assert_eq!(kinds, [2 * (60 - across), 2 * across]);

    // Together, or each link for itself.
    for words in [&[][..], &["-e", "nicon_each=true"]] {
        let again = play(fleet, "wire.yml", &plan, words)?;
        assert_eq!((again.counts("changed"), again.is_success()), ([0; 3], true), "{}", again.text());
    }
    let checked = play(fleet, "check.yml", &plan, &[])?;
    assert!(checked.is_success(), "{}", checked.text());

    one_link_is_lost(fleet, &plan)?;
    one_machine_is_lost(fleet, &plan)?;

    let gone = destroy(fleet, &plan, &[])?;
    assert!(gone.counts("changed").iter().all(|count| *count > 0), "{}", gone.text());
    for machine in 0..NAMES.len() {
        fleet.machine(machine)?.script("test ! -e /etc/nicon/lab.yaml", &[])?;
    }
    let again = play(fleet, "destroy.yml", &plan, &[])?;
    assert_eq!((again.counts("changed"), again.is_success()), ([0; 3], true), "{}", again.text());
    Ok(())
}

/// What is missing on one machine is told by a check of it alone, and made again.
fn one_link_is_lost(fleet: &Fleet, plan: &std::path::Path) -> Result<(), Failed> {
    let first_across = links().iter().position(Link::is_across).ok_or("no link")?;
    let lost = links().swap_remove(first_across).ends[0];
    let remove = "nsenter -t $(docker inspect --format '{{.State.Pid}}' $1) -n ip link del $2";
    fleet.machine(lost.0)?.script(remove, &[&container(lost), &format!("l{first_across}")])?;
    let checked = play(fleet, "check.yml", plan, &[])?;
    let name = format!("{}:l{first_across}", container(lost));
    assert!(!checked.is_success() && checked.text().contains(&name), "{}", checked.text());
    assert_eq!(silent(fleet, |_| true)?, [first_across]);
    let mended = play(fleet, "wire.yml", plan, &[])?;
    let mut changed = [0; 3];
    changed[lost.0] = 1;
    assert_eq!(mended.counts("changed"), changed, "{}", mended.text());
    all_answer(fleet)
}

/// What does not lead to a machine that has failed stays as it is, and what does is told. When the machine is there again, with other
/// containers of the same names, its half is made, and nothing of the others.
fn one_machine_is_lost(fleet: &Fleet, plan: &std::path::Path) -> Result<(), Failed> {
    let lost = 1;
    let before = [links_on(fleet, 0)?, links_on(fleet, 2)?];
    fleet.kill_machine(lost);
    let without = play(fleet, "wire.yml", plan, &[])?;
    assert!(!without.is_success());
    assert_eq!((without.count("lab2", "unreachable"), without.count("lab1", "failed")), (1, 0), "{}", without.text());
    assert!(without.text().contains("on lab2, which is not wired"), "{}", without.text());
    let leads_there = |link: &Link| link.ends.iter().any(|end| end.0 == lost);
    assert_eq!(silent(fleet, |link| !leads_there(link))?, [0; 0]);
    let reported = play(fleet, "report.yml", plan, &[])?;
    for part in ["lab2: it was not reached", "on lab2, which is not wired"] {
        assert!(reported.text().contains(part), "{part}: {}", reported.text());
    }

    fleet.raise_machine(lost)?;
    // Its containers are not there yet: all of its half waits, and they are named.
    let early = play(fleet, "wire.yml", plan, &[])?;
    assert_eq!((early.count("lab2", "failed"), early.count("lab3", "failed")), (1, 0), "{}", early.text());
    assert!(early.text().contains(&container((lost, 0))), "{}", early.text());
    run_containers(fleet, lost)?;
    let again = play(fleet, "wire.yml", plan, &[])?;
    assert!(again.is_success(), "{}", again.text());
    assert_eq!((again.count("lab1", "changed"), again.count("lab3", "changed")), (0, 0), "{}", again.text());
    assert_eq!([links_on(fleet, 0)?, links_on(fleet, 2)?], before);
    all_answer(fleet)
}
