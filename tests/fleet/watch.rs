//! Each machine keeps its half wired.

use std::sync::Arc;
use std::time::{Duration, Instant};

use libtest_mimic::{Failed, Trial};
use nicon_lab::LIMIT;
use nicon_lab::fleet::lab::{links_on, plan, prepare, put_plan, silent};
use nicon_lab::fleet::{ADDRESSES, Fleet, NAMES};
use nicon_lab::machine::Machine;

use crate::shared::Shared;

const KEEP: &str =
    "PATH=/opt/nicon:$PATH; nicon-plan --watch /etc/nicon/lab.yaml | nicon-resolve --watch | nicon-wire >/dev/null";

pub(crate) fn trials(fleet: &Shared) -> Vec<Trial> {
    vec![fleet.trial("watch::containers_come_back", containers_come_back)]
}

/// What keeps a half wired, until this is dropped.
struct Keeping(Arc<Machine>);

impl Keeping {
    fn on(fleet: &Fleet, machine: usize) -> Result<Self, Failed> {
        let machine = fleet.machine(machine)?;
        machine.script("systemd-run --quiet --unit=keep --collect sh -c \"$1\"", &[KEEP])?;
        Ok(Self(machine))
    }
}

impl Drop for Keeping {
    fn drop(&mut self) {
        let _ = self.0.script("systemctl stop keep", &[]);
    }
}

fn until(what: &str, mut is_so: impl FnMut() -> Result<bool, String>) -> Result<(), Failed> {
    let give_up = Instant::now() + LIMIT * 2;
    while !is_so()? {
        if Instant::now() > give_up {
            return Err(format!("{what}: it took too long").into());
        }
        std::thread::sleep(Duration::from_millis(100));
    }
    Ok(())
}

fn containers_come_back(fleet: &Fleet) -> Result<(), Failed> {
    let plan = plan(ADDRESSES);
    prepare(fleet, &plan)?;
    let kept = [Keeping::on(fleet, 0)?, Keeping::on(fleet, 1)?, Keeping::on(fleet, 2)?];
    let is_whole = || Ok(silent(fleet, |_| true)?.is_empty());
    until("wired", is_whole)?;
    let others = [links_on(fleet, 0)?, links_on(fleet, 2)?];
    fleet.machine(1)?.script("docker restart --time 0 m2-n1 m2-n4", &[])?;
    until("wired again", is_whole)?;
    assert_eq!([links_on(fleet, 0)?, links_on(fleet, 2)?], others);
    // What leaves the file leaves every machine.
    let none = plan.split("links:").next().unwrap_or_default().to_owned() + "links: []\n";
    for machine in 0..NAMES.len() {
        put_plan(fleet, machine, &none)?;
    }
    until("gone", || {
        let left = (0..NAMES.len()).map(|machine| links_on(fleet, machine)).collect::<Result<Vec<_>, _>>()?;
        Ok(left.iter().all(Vec::is_empty))
    })?;
    drop(kept);
    Ok(())
}
