//! A lab that a service of systemd's keeps wired: docs/nicon-lab@.service.

use libtest_mimic::{Failed, Trial};

use crate::docker;
use crate::expect::{self, addresses};
use crate::suite::Suite;
use nicon_lab::machine::Machine;

const UNIT: &str = include_str!("../../docs/nicon-lab@.service");

const LAB: &str = "name: unit
links:
- {kind: bridge, endpoint: \"host:br-unit\", addr: 10.66.0.1/24}
- endpoints:
  - {endpoint: \"unit-a:eth1\", addr: 10.66.1.1/24, route: \"10.67.0.0/24,10.66.1.2\"}
  - {endpoint: \"podman:unit-b:eth1\", addr: 10.66.1.2/24}
- endpoints: [{endpoint: \"unit-a:eth2\", addr: 10.66.0.2/24}, {endpoint: \"host:port-a\", master: br-unit}]
- endpoints: [{endpoint: \"podman:unit-b:eth2\", addr: 10.66.0.3/24}, {endpoint: \"host:port-b\", master: br-unit}]
- endpoints: [{endpoint: \"unit-later:eth1\", addr: 10.66.0.4/24}, {endpoint: \"host:port-later\", master: br-unit}]
";

pub(crate) fn trials(suite: &Suite) -> Vec<Trial> {
    vec![suite.trial("lab_unit::keeps_a_lab_wired", keeps_a_lab_wired)]
}

fn keeps_a_lab_wired(machine: &Machine) -> Result<(), Failed> {
    machine.script("cp /opt/nicon/nicon-* /usr/local/bin", &[])?;
    machine.script("mkdir -p /etc/nicon && printf %s \"$1\" >'/etc/systemd/system/nicon-lab@.service'", &[UNIT])?;
    machine.script("printf %s \"$1\" >/etc/nicon/unit.yaml", &[LAB])?;
    let complaints = machine.run(&["systemd-analyze", "verify", "--man=no", "nicon-lab@unit.service"]);
    assert!(!complaints.stderr.contains("nicon-lab"), "{complaints:?}");
    docker::run(machine, "unit-a", &[])?;
    let podman = "podman import -q /var/tmp/image.tar unit-image >/dev/null && podman run -d --network=none --name unit-b unit-image sleep 600";
    machine.script(podman, &[])?;
    machine.script("systemctl daemon-reload && systemctl start nicon-lab@unit", &[])?;
    let a = || has(machine, ("docker", "unit-a"), &["eth1 10.66.1.1", "eth2 10.66.0.2"]);
    let b = || has(machine, ("podman", "unit-b"), &["eth1 10.66.1.2", "eth2 10.66.0.3"]);
    let later = || has(machine, ("docker", "unit-later"), &["eth1 10.66.0.4"]);
    until(machine, "the lab is wired", || a() && b())?;

    // One that is not there has held nobody up.
    docker::run(machine, "unit-later", &[])?;
    until(machine, "the one that came later", later)?;
    for (what, how) in [
        ("docker restart", "docker restart --time=0 unit-a"),
        ("podman restart", "podman restart --time=0 unit-b"),
        ("a crash", "docker kill unit-a; podman kill unit-b; docker start unit-a && podman start unit-b"),
        ("all", "docker restart --time=0 unit-a unit-later; podman restart --time=0 unit-b"),
    ] {
        machine.script(how, &[])?;
        until(machine, what, || a() && b() && later())?;
        until(machine, "packets pass", || machine.script(PING, &[]).is_ok())?;
    }
    // Whichever part is killed, all of it comes again.
    for part in ["nicon-plan", "nicon-resolve", "nicon-wire", "bash"] {
        let main = || machine.script("systemctl show --property=MainPID --value nicon-lab@unit", &[]);
        let before = main()?;
        machine.script(
            "systemctl show --property=ControlGroup --value nicon-lab@unit |
            while read -r cgroup; do for pid in $(cat /sys/fs/cgroup$cgroup/cgroup.procs); do
                [ \"$(cat /proc/$pid/comm)\" != \"$1\" ] || kill -9 $pid || :; done; done",
            &[part],
        )?;
        let again = || main().is_ok_and(|now| now != before && now != "0");
        until(machine, &format!("another run after {part} was killed"), again)?;
        machine.script("docker restart --time=0 unit-a", &[])?;
        until(machine, part, || a() && b() && later())?;
    }
    // The file says something else.
    let edited: String = LAB.split_inclusive('\n').filter(|line| !line.contains("unit-later")).collect();
    let edited = edited.replace("10.66.0.3/24", "10.66.0.33/24");
    let write = "printf %s \"$1\" >/etc/nicon/.new && mv /etc/nicon/.new /etc/nicon/unit.yaml";
    machine.script(write, &[&edited])?;
    until(machine, "what the file says now", || {
        has(machine, ("podman", "unit-b"), &["eth1 10.66.1.2", "eth2 10.66.0.33"])
            && has(machine, ("docker", "unit-later"), &[])
    })?;
    // Stopped, it leaves all as it is.
    machine.script("systemctl stop nicon-lab@unit", &[])?;
    assert!(a());
    machine.script("nicon-plan /etc/nicon/unit.yaml | nicon-wire --destroy >/dev/null", &[])?;
    assert!(has(machine, ("docker", "unit-a"), &[]));
    let left = machine.script("ip -o link | grep -c -e br-unit -e port- || :", &[])?;
    assert_eq!(left, "0");
    machine.script("docker rm --force unit-a unit-later; podman rm --force --time=0 unit-b", &[])?;
    Ok(())
}

/// To the bridge, and through the pair. (What goes through the bridge may be dropped by Docker's firewall.)
const PING: &str = "net=\"nsenter --target=$(docker inspect --format '{{.State.Pid}}' unit-a) --net\" &&
    for far in 10.66.0.1 10.66.1.2; do $net busybox ping -c 1 -W 5 $far || exit 1; done &&
    $net ip route | grep -q '10.67.0.0/24 via 10.66.1.2'";

/// Whether a container has these links with these addresses, and no others.
fn has(machine: &Machine, (engine, name): (&str, &str), links: &[&str]) -> bool {
    let inspected = machine.run(&[engine, "inspect", "--format", "{{.State.Pid}}", name]).ok();
    let running = inspected.ok().filter(|pid| pid != "0");
    running.is_some_and(|pid| addresses(machine, &pid) == links.iter().map(|link| (*link).to_owned()).collect())
}

/// Waits until something is so.
fn until(machine: &Machine, what: &str, is_so: impl Fn() -> bool) -> Result<(), Failed> {
    let journal = "journalctl --no-pager -n 30 -u nicon-lab@unit; systemctl status nicon-lab@unit | cat";
    expect::until(what, is_so, || machine.script(journal, &[]).unwrap_or_else(|error| error))
}
