//! The lines of deploy/ansible/README.md without Ansible, as they stand there.

use libtest_mimic::{Failed, Trial};
use nicon_lab::fleet::lab::{links_on, plan, prepare, silent};
use nicon_lab::fleet::{ADDRESSES, Fleet, NAMES};
use nicon_lab::{output_within, tool};
use std::time::Duration;

use crate::shared::{Shared, playbooks};

pub(crate) fn trials(fleet: &Shared) -> Vec<Trial> {
    ["clush", "parallel"]
        .map(|program| fleet.trial(&format!("over_ssh::{program}"), move |fleet| by(program, fleet)))
        .into_iter()
        .collect()
}

fn by(program: &str, fleet: &Fleet) -> Result<(), Failed> {
    let text = std::fs::read_to_string(playbooks().join("README.md"))?;
    let line = text.lines().map(str::trim).find(|line| line.starts_with(program)).ok_or("README has no such line")?;
    prepare(fleet, &plan(ADDRESSES))?;
    let run = |line: &str| {
        let mut shell = tool("sh");
        let ran = output_within(shell.args(["-c", line]).env("HOME", "/run/fleet"), Duration::from_mins(2))?;
        ran.ok().map(|told| told + &ran.stderr)
    };
    let told = run(line)?;
    // Each line of each machine begins with its name.
    for name in NAMES {
        assert!(told.lines().any(|line| line.starts_with(name) && line.contains("\"changed\":true")), "{told}");
    }
    assert_eq!(silent(fleet, |_| true)?, [0; 0]);
    run(&line.replace("nicon-resolve | nicon-wire", "nicon-wire --destroy"))?;
    for (machine, name) in NAMES.iter().enumerate() {
        assert!(links_on(fleet, machine)?.is_empty(), "{name}");
    }
    Ok(())
}
