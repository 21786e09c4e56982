//! Where the programs run: in a container that was started to look at its host, as people ship such tools.

use libtest_mimic::{Failed, Trial};
use nicon_lab::{Lab, Ran, witness};
use serde_json::{Value, json};

use crate::support::expect::{parse, records, refusal};
use crate::support::suite::Suite;

pub(crate) fn trials(suite: &Suite) -> Vec<Trial> {
    vec![
        suite.trial("filters::in_a_container::in_a_container_with_the_listed_rights", in_a_container),
        suite.trial("filters::in_a_container::in_a_container_without_pid_host", without_pid_host),
        suite.trial("filters::in_a_container::in_a_container_without_a_socket", without_a_socket),
    ]
}

/// What the README lists.
const RIGHTS: [&str; 5] = [
    "--network=host",
    "--cap-add=SYS_PTRACE",
    "--cap-add=SYS_ADMIN",
    "--cap-add=NET_ADMIN",
    "--volume=/run/docker.sock:/run/docker.sock",
];

fn start(suite: &Suite, lab: &Lab, name: &str, options: &[&str]) -> Result<(), Failed> {
    let bins = format!("--volume={}:/nicon:ro", suite.bins()?.display());
    lab.run_container("", name, &[&RIGHTS, options, &[&bins]].concat())?;
    Ok(())
}

/// The record of a process as the nest sees it: it has a PID less than what is seen from here.
#[track_caller]
fn is_seen_as(record: &Value, lab: &Lab, path: &str) {
    let outside = lab.host_pid(path).unwrap();
    assert_eq!(record["nspid"], json!(witness::nspid(outside).unwrap()[1..]), "{record}");
    let mnt = format!("mnt:[{}]", record["ns"]["mnt"]);
    assert_eq!(Some(mnt), witness::ns_link(outside, "mnt"), "{record}");
}

fn in_a_container(suite: &Suite, lab: &Lab) -> Result<(), Failed> {
    start(suite, lab, "tools", &["--pid=host"])?;
    let run = |script: &str| lab.exec("tools", &["sh", "-c", &format!("PATH=$PATH:/nicon; {script}")]);
    let leaf = "setup.olt_1.lt_1";
    is_seen_as(&records(&run("nicon-resolve setup.olt_1.lt_1")?)[0], lab, leaf);
    is_seen_as(&records(&run("nicon-resolve setup.olt_1.lt_1 | nicon-nsid")?)[0], lab, leaf);
    is_seen_as(
        &records(&run("nicon-resolve setup.olt_1.lt_1 | nicon-nsid --id net | sed 's/.*/net:[&]/' | nicon-nsfind")?)[0],
        lab,
        leaf,
    );
    assert_eq!(run("nicon-resolve setup.olt_1.lt_1 | nicon-nsexec --uts hostname")?.ok()?, "lt_1");
    run("ip link add placed0 type veth peer name placed1")?.ok()?;
    let moved: Ran = run("nicon-resolve setup.olt_1 | nicon-linkmv placed0 eth7")?;
    assert_eq!(parse(&moved.ok()?)[0]["nic"]["name"], "eth7");
    assert!(lab.exec("setup.olt_1", &["ls", "/sys/class/net"])?.ok()?.contains("eth7"));
    run("ip link delete placed1")?.ok()?;
    Ok(lab.remove("", "tools")?)
}

fn without_pid_host(suite: &Suite, lab: &Lab) -> Result<(), Failed> {
    start(suite, lab, "blind", &[])?;
    let ran = lab.exec("blind", &["/nicon/nicon-resolve", "setup"])?;
    refusal(&ran, 2, &["hop 1 (setup)", "outside our PID namespace", "--pid=host"]);
    // The host's /proc does not help: its PIDs are not those that we could act on.
    lab.remove("", "blind")?;
    start(suite, lab, "blind", &["--volume=/proc:/hosts"])?;
    let script = "mount --bind /hosts /proc && exec /nicon/nicon-resolve setup";
    refusal(&lab.exec("blind", &["sh", "-c", script])?, 2, &["/proc shows another PID namespace", "--pid=host"]);
    Ok(lab.remove("", "blind")?)
}

/// A process leads to engines where there is none to begin with: in a pattern as in a path.
fn without_a_socket(suite: &Suite, lab: &Lab) -> Result<(), Failed> {
    let bins = format!("--volume={}:/nicon:ro", suite.bins()?.display());
    lab.run_container("", "socketless", &["--pid=host", "--cap-add=SYS_PTRACE", "--cap-add=SYS_ADMIN", &bins])?;
    let run = |script: &str| lab.exec("socketless", &["sh", "-c", &format!("PATH=$PATH:/nicon; {script}")]);
    is_seen_as(&records(&run("nicon-resolve pid:$(pgrep -o dockerd)/setup")?)[0], lab, "setup");
    let listed =
        records(&run("nicon-resolve \"pid:$(pgrep -o dockerd)/set*\" \"pid:$(pgrep -o dockerd)/setup/**/lt_1\"")?);
    is_seen_as(&listed[0], lab, "setup");
    is_seen_as(&listed[1], lab, "setup.olt_1.lt_1");
    Ok(lab.remove("", "socketless")?)
}
