//! Processes that may not be inspected are reported, never silently skipped.

use libtest_mimic::{Failed, Trial};
use nicon_lab::{LIMIT, Lab, output_within, tool};

use crate::support::expect::refusal;
use crate::support::subject::{ino, link};
use crate::support::suite::Suite;

pub(crate) fn trials(suite: &Suite) -> Vec<Trial> {
    vec![
        suite.trial("namespaces::denied::processes_of_other_users", processes_of_other_users),
        suite.trial("namespaces::denied::hidden_processes", hidden_processes),
    ]
}

/// The way out that every program names.
const NEEDS: &str = " (needs root, or CAP_SYS_PTRACE and every capability that ";

fn processes_of_other_users(suite: &Suite, lab: &Lab) -> Result<(), Failed> {
    let uts = link("uts", ino(lab.host_pid("setup")?, "uts"));
    for words in [&["nicon-nsfind", &uts][..], &["nicon-nsfind", "--all", &uts], &["nicon-nsfind", "--list"]] {
        let ran = suite.as_nobody(words, "");
        assert_eq!(ran.code(), Some(2), "{ran:?}");
        assert_eq!(ran.stderr.matches("the answer may be incomplete").count(), 1, "{ran:?}");
        assert!(ran.stderr.contains(NEEDS) && ran.stderr.contains("could not be inspected"), "{ran:?}");
    }
    let pid = lab.host_pid("setup")?.to_string();
    let message = format!("nicon-nsid: read /proc/{pid}/ns/user: Permission denied{NEEDS}the process has");
    refusal(&suite.as_nobody(&["nicon-nsid", &pid], ""), 2, &[&message]);
    let record = format!("{{\"pid\":{}}}", lab.host_pid("setup")?);
    let ran = suite.as_nobody(&["nicon-tree", "--procs"], &record);
    let message = format!(" processes could not be inspected{NEEDS}they have");
    assert!(ran.code() == Some(2) && ran.stderr.contains(&message), "{ran:?}");
    assert!(ran.stderr.ends_with("): some may be missing\n"), "{ran:?}");
    Ok(())
}

fn hidden_processes(suite: &Suite, _: &Lab) -> Result<(), Failed> {
    let program = suite.bins()?.join("nicon-nsfind");
    let script = "mount -t proc -o hidepid=2 proc /proc && exec 9<\"$1\" &&
        exec setpriv --reuid=65534 --regid=65534 --clear-groups /proc/self/fd/9 --list -T net";
    let mut hiding = tool("unshare");
    hiding.args(["--mount", "--pid", "--fork", "sh", "-c", script, "sh"]).arg(program);
    let ran = output_within(&mut hiding, LIMIT)?;
    assert_eq!(ran.code(), Some(2), "{ran:?}");
    assert!(ran.stderr.contains(&format!("may hide processes from us{NEEDS}they have")), "{ran:?}");
    assert!(ran.stderr.ends_with("): the answer may be incomplete\n"), "{ran:?}");
    Ok(())
}
