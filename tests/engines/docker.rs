//! Docker as Debian configures it: systemd's cgroups, a containerd of the system's.

use std::sync::Once;

use libtest_mimic::{Failed, Trial};

use crate::expect::{found_where_it_is, targets};
use crate::suite::Suite;
use nicon_lab::machine::Machine;

/// What people run, each by a name.
const KINDS: [(&str, &[&str]); 6] = [
    ("docker-plain", &[]),
    ("docker-with-init", &["--init"]),
    ("docker-by-host-pid", &["--pid=host"]),
    ("docker-by-host-cgroupns", &["--cgroupns=host"]),
    ("docker-in-slice", &["--cgroup-parent=labs.slice"]),
    ("docker-privileged", &["--privileged"]),
];

pub(crate) fn trials(suite: &Suite) -> Vec<Trial> {
    let by_name = KINDS.map(|(name, options)| {
        suite.trial(&format!("docker::{name}"), move |machine| {
            run(machine, name, options)?;
            found_where_it_is(machine, name, &["docker"])
        })
    });
    let others = [suite.trial("docker::in_containerds_files", in_containerds_files)];
    by_name.into_iter().chain(others).collect()
}

/// Runs a container as root.
pub(crate) fn run(machine: &Machine, name: &str, options: &[&str]) -> Result<String, Failed> {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        machine.script("docker import /var/tmp/image.tar image", &[]).unwrap();
    });
    let run = ["docker", "run", "--detach", "--network=none", "--name", name];
    Ok(machine.run(&[&run, options, &["image", "sleep", "600"]].concat()).ok()?)
}

/// The system's containerd keeps Docker's containers in a namespace of its own, where they have no names.
fn in_containerds_files(machine: &Machine) -> Result<(), Failed> {
    let id = run(machine, "docker-listed", &[])?;
    let pid = machine.run(&["docker", "inspect", "--format", "{{.State.Pid}}", "docker-listed"]).ok()?;
    for path in [&id[..], &id[..12], &format!("id:{id}"), &format!("runc:{id}"), &format!("containerd:{id}")] {
        assert_eq!(machine.run(&["nicon-resolve", "--pid", path]).ok()?, pid, "{path}");
    }
    // By Docker's name only, not once more by its ID.
    let ran = machine.run(&["nicon-resolve", "*"]);
    let listed =
        targets(&ran.stdout)?.into_iter().filter(|target| *target == "docker-listed" || id.starts_with(target));
    assert_eq!(listed.collect::<Vec<_>>(), ["docker-listed"], "{ran:?}");
    Ok(())
}
