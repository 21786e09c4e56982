//! nicon-resolve, many containers of other engines than Docker: of Podman, of a containerd that Kubernetes asks, and of crun by
//! hand, each on a machine with systemd. Every command enters that machine first, whatever it is.

use std::path::Path;

use nicon_lab::machine::{self, Machine};

use crate::measure::{Comparison, Contender, compare};
use crate::start;

/// How many containers an engine runs, and how many of them are in one pod.
const CONTAINERS: usize = 300;
const IN_A_POD: usize = 3;

/// How many there are without an engine.
const BY_HAND: [usize; 2] = [500, 2_000];

const NICON: [(&str, &[&str], usize); 2] =
    [("nicon-resolve '**'", &["nicon-resolve", "**"], 20), ("nicon-resolve '*'", &["nicon-resolve", "*"], 20)];

/// The image for pods, also by the name that the machine's containerd has for a sandbox's, whose command comes from the image.
const IMAGES: &str = r#"docker import /var/tmp/image.tar image &&
    docker import --change 'CMD ["/bin/sleep", "infinity"]' /var/tmp/image.tar registry.k8s.io/pause:3.8 &&
    docker save --output /var/tmp/pods.tar image registry.k8s.io/pause:3.8 &&
    ctr --namespace k8s.io image import /var/tmp/pods.tar"#;

/// Runs a pod of the first argument's name, with as many containers as the second says.
const POD: &str = r#"pod=$(cri pod "$1") && for number in $(seq "$2"); do cri run "$pod" "$1-$number" || exit; done"#;

/// A bundle that all containers by hand share; limits are left out that cannot be set where they are lowered already.
const BUNDLE: &str = r#"mkdir -p /run/bundle/rootfs && cd /run/bundle && tar -xf /var/tmp/image.tar -C rootfs &&
    mkdir rootfs/proc rootfs/dev rootfs/sys && runc spec &&
    jq '.process.terminal = false | .process.args = ["sleep", "infinity"] | del(.process.rlimits, .linux.resources)' \
    config.json >new && mv new config.json"#;

/// Runs a container of that bundle.
const RUN: &str =
    r#"cd /run/bundle && crun run --detach "$1" </dev/null >"/run/$1.log" 2>&1 || { cat "/run/$1.log"; exit 1; }"#;

/// Compares with Podman, which is a command that reads its files: nothing listens.
pub(crate) fn podman(bins: &Path) -> Result<Comparison, String> {
    let machine = Machine::start(&machine::root()?, bins)?;
    machine.script("systemctl stop podman.socket podman.service; podman import /var/tmp/image.tar image", &[])?;
    start::each(0..CONTAINERS, 2, |number| {
        let name = format!("many-{number}");
        let run = ["podman", "run", "--detach", "--network=none", "--name", &name, "image", "sleep", "infinity"];
        machine.run(&run).ok().map(drop)
    })?;
    let one_by_one = "for id in $(podman ps --quiet); do podman inspect --format '{{.Name}} {{.State.Pid}}' $id; done";
    let at_once = "podman ps --quiet | xargs podman inspect --format '{{.Name}} {{.State.Pid}}'";
    let others = [
        ("podman ps --format '{{.Names}} {{.Pid}}'", &["podman", "ps", "--format", "{{.Names}} {{.Pid}}"][..], 10),
        ("podman ps -q | xargs podman inspect", &["sh", "-c", at_once], 10),
        ("podman ps -q, and podman inspect for each", &["sh", "-c", one_by_one], 2),
    ];
    let title = format!("All of {CONTAINERS} containers of Podman, whose service does not run");
    all(&machine, &title, CONTAINERS, &others)
}

/// Compares with what Kubernetes asks its runtime. nicon lists the pods' own containers besides.
pub(crate) fn pods(bins: &Path) -> Result<Comparison, String> {
    let machine = Machine::start(&machine::root()?, bins)?;
    machine.script(IMAGES, &[])?;
    start::each(0..CONTAINERS / IN_A_POD, 2, |number| {
        machine.script(POD, &[&format!("pod-{number}"), &IN_A_POD.to_string()]).map(drop)
    })?;
    let one_by_one = "for id in $(ctr -n k8s.io task ls -q); do ctr -n k8s.io task ps $id; done";
    let others = [
        ("ctr task ls", &["ctr", "--namespace=k8s.io", "task", "ls"][..], 20),
        ("CRI: ListContainers, and ContainerStatus for each", &["cri", "every"], 10),
        ("CRI: Version, which is mostly the start of Python", &["cri", "version"], 10),
        ("ctr task ls -q, and ctr task ps for each", &["sh", "-c", one_by_one], 2),
    ];
    let pods = CONTAINERS / IN_A_POD;
    let title = format!("All of {CONTAINERS} containers that Kubernetes would have containerd run, in {pods} pods");
    all(&machine, &title, CONTAINERS + pods, &others)
}

/// Compares with the runtime's own list, as their number grows.
pub(crate) fn by_hand(bins: &Path) -> Result<Vec<Comparison>, String> {
    let machine = Machine::start(&machine::root()?, bins)?;
    machine.script(BUNDLE, &[])?;
    let (mut running, mut comparisons) = (0, Vec::new());
    for many in BY_HAND {
        start::each(running..many, 2, |number| machine.script(RUN, &[&format!("many-{number}")]).map(drop))?;
        running = many;
        let title = format!("All of {many} containers of crun, without an engine");
        comparisons.push(all(&machine, &title, many, &[("crun list", &["crun", "list"], 10)])?);
    }
    Ok(comparisons)
}

/// All containers of a machine, as nicon-resolve lists them, so many and no other, and as others do: by a name, a command line and
/// how often.
fn all(
    machine: &Machine,
    title: &str,
    expected: usize,
    others: &[(&str, &[&str], usize)],
) -> Result<Comparison, String> {
    for (name, words, _) in NICON {
        let listed = machine.run(words).ok()?.lines().count();
        if listed != expected {
            return Err(format!("{title}: {name} lists {listed} of {expected}"));
        }
    }
    let contenders: Vec<_> = NICON
        .iter()
        .chain(others)
        .map(|(name, words, runs)| Contender {
            name,
            runs: *runs,
            ends: &[0],
            input: None,
            command: Box::new(|| machine.command(words)),
        })
        .collect();
    compare(title, &contenders)
}
