//! Tests of nicon on the machines that people have: systemd, cgroup v2, and the engines as their distribution configures them.
//!
//! `make test-engines` makes the root file system first, of the suite of Debian's that `NICON_ENGINES` names. One machine serves
//! all tests of a run.

// A trial that is written but not listed is dead code.
#![deny(dead_code)]
#![allow(clippy::unnecessary_wraps, reason = "all trials have one signature, also those that use no `?`")]

mod apart;
mod asleep;
mod broken;
mod containerd;
mod docker;
mod docker_daemons;
mod docker_tools;
mod elsewhere;
mod expect;
mod found;
mod found_inside;
mod incus;
mod kubelet;
mod kubernetes;
mod kubernetes_nodes;
mod lab_unit;
mod leftovers;
mod live_restore;
mod lxc;
mod lxc_monitors;
mod machines;
mod nested;
mod nodes;
mod pod_paths;
mod podman;
mod podman_elsewhere;
mod podman_modes;
mod pods;
mod rootless;
mod runtimes;
mod suite;
mod tide;
mod units;
mod unshared;
mod users;
mod watch;
mod watch_asleep;
mod watch_podman;
mod watching;
mod whole;

use std::process::ExitCode;

use libtest_mimic::Arguments;
use suite::Suite;

fn main() -> ExitCode {
    let arguments = Arguments::from_args();
    let suite = if arguments.list { Suite::of_nothing() } else { Suite::prepare() };
    let trials = [
        asleep::trials(&suite),
        broken::trials(&suite),
        containerd::trials(&suite),
        docker::trials(&suite),
        docker_daemons::trials(&suite),
        docker_tools::trials(&suite),
        elsewhere::trials(&suite),
        found::trials(&suite),
        found_inside::trials(&suite),
        incus::trials(&suite),
        kubernetes::trials(&suite),
        kubernetes_nodes::trials(&suite),
        lab_unit::trials(&suite),
        leftovers::trials(&suite),
        live_restore::trials(&suite),
        lxc::trials(&suite),
        lxc_monitors::trials(&suite),
        machines::trials(&suite),
        nested::trials(&suite),
        nodes::trials(&suite),
        podman::trials(&suite),
        podman_elsewhere::trials(&suite),
        podman_modes::trials(&suite),
        pods::trials(&suite),
        pod_paths::trials(&suite),
        rootless::trials(&suite),
        runtimes::trials(&suite),
        tide::trials(&suite),
        units::trials(&suite),
        unshared::trials(&suite),
        watch::trials(&suite),
        watch_asleep::trials(&suite),
        watch_podman::trials(&suite),
        whole::trials(&suite),
    ];
    nicon_lab::trials::verdict(&arguments, trials.into_iter().flatten().collect(), suite)
}
