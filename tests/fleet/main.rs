//! A lab over three machines, each with its own systemd, Docker and sshd, wired by what people run machines with: Ansible, `ClusterShell`,
//! GNU parallel.
//!
//! `make test-fleet` makes the machines' root file system first, and installs Ansible from `PyPI`.

mod ansible;
mod checks;
mod over_ssh;
mod shared;
mod star;
mod troubles;
mod underlay;
mod watch;

use std::process::ExitCode;

use libtest_mimic::Arguments;

fn main() -> ExitCode {
    let mut arguments = Arguments::from_args();
    // There is one fleet, and each test leaves it without a link.
    arguments.test_threads = Some(1);
    let fleet = shared::Shared::prepare(arguments.list);
    let trials = [
        ansible::trials(&fleet),
        checks::trials(&fleet),
        over_ssh::trials(&fleet),
        star::trials(&fleet),
        troubles::trials(&fleet),
        underlay::trials(&fleet),
        watch::trials(&fleet),
    ];
    nicon_lab::trials::verdict(&arguments, trials.into_iter().flatten().collect(), fleet)
}
