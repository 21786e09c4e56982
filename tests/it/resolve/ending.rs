//! Containers that take their time to end: the first process of a PID namespace waits for all others in there.

use std::process::Stdio;

use libtest_mimic::{Failed, Trial};
use nicon_lab::{Lab, tool, witness};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::support::expect::{is_process, record, refusal};
use crate::support::subject::{members, until};
use crate::support::suite::Suite;

pub(crate) fn trials(suite: &Suite) -> Vec<Trial> {
    vec![suite.trial("resolve::ending::is_no_container_any_more", is_no_container)]
}

fn is_no_container(suite: &Suite, lab: &Lab) -> Result<(), Failed> {
    lab.run_container("", "end-of-it", &[])?;
    lab.run_container("", "endless", &[])?;
    let (first, endless) = (lab.host_pid("end-of-it")?, lab.host_pid("endless")?);
    let mut guest = tool("setpriv");
    guest.args(["--pdeathsig", "KILL", "nsenter", "-t", &first.to_string(), "-p", "sleep", "600"]);
    let mut guest = guest.stdin(Stdio::null()).spawn()?;
    let pidns = witness::ns_link(first, "pid").ok_or("gone")?;
    until("a guest", || (members(&pidns).len() == 2).then_some(()));
    let signal = |pid: u32, signal| kill(Pid::from_raw(pid.cast_signed()), signal);
    signal(guest.id(), Signal::SIGSTOP)?;
    // Before it has stopped, it would still reap the process that the PID namespace waits for.
    until("a stop", || (witness::stat(guest.id())?.state == 'T').then_some(()));
    signal(first, Signal::SIGKILL)?;
    until("an end", || (witness::ns_link(first, "net").is_none() && witness::stat(first)?.state == 'S').then_some(()));
    let by_pattern = suite.run(&["nicon-resolve", "end*"]);
    let everywhere = suite.run(&["nicon-resolve", "**"]);
    let by_name = suite.run(&["nicon-resolve", "end-of-it"]);
    guest.kill()?;
    guest.wait()?;
    is_process(&record(&by_pattern), endless);
    assert_eq!(by_pattern.stderr, "");
    // Of what other tests break, much may be told.
    for told in [format!("process {first} "), format!("/proc/{first}/"), "end-of-it".to_owned()] {
        assert!(!everywhere.stderr.contains(&told) && !everywhere.stdout.contains(&told), "{everywhere:?}");
    }
    refusal(&by_name, 1, &["end-of-it", "is ending"]);
    lab.remove("", "endless")?;
    Ok(lab.remove("", "end-of-it")?)
}
