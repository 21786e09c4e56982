//! What may not be looked at is told, and never passed over in silence.

use libtest_mimic::{Failed, Trial};
use nicon_lab::{LIMIT, Lab, Ran, output_within, tool};

use crate::expect::refusal;
use crate::subject::{ino, link};
use crate::suite::Suite;

pub(crate) fn trials(suite: &Suite) -> Vec<Trial> {
    vec![
        suite.trial("denied::processes_of_others", what_may_not_be_looked_at),
        suite.trial("denied::hidden_processes", hidden_processes),
    ]
}

/// Runs a program of ours as a user who may look at nobody else.
fn as_nobody(suite: &Suite, words: &[&str]) -> Result<Ran, Failed> {
    // The directory of the programs may be closed to that user: an open file is not.
    let script = "exec 9<\"$1\"; shift; exec setpriv --reuid=65534 --regid=65534 --clear-groups /proc/self/fd/9 \"$@\"";
    let program = suite.bins()?.join(words[0]);
    let mut shell = tool("sh");
    shell.args(["-c", script, "sh"]).arg(program).args(&words[1..]);
    Ok(output_within(&mut shell, LIMIT)?)
}

fn what_may_not_be_looked_at(suite: &Suite, lab: &Lab) -> Result<(), Failed> {
    let uts = link("uts", ino(lab.host_pid("setup")?, "uts"));
    for words in [&["nicon-nsfind", &uts][..], &["nicon-nsfind", "--all", &uts], &["nicon-nsfind", "--list"]] {
        let ran = as_nobody(suite, words)?;
        assert_eq!(ran.code(), Some(2), "{ran:?}");
        assert_eq!(ran.stderr.matches("the answer may be incomplete").count(), 1, "{ran:?}");
    }
    let words = ["not permitted", "CAP_SYS_PTRACE and all capabilities that the process has"];
    refusal(&as_nobody(suite, &["nicon-nsid", "2"])?, 2, &words);
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
    assert!(ran.stderr.contains("the answer may be incomplete"), "{ran:?}");
    Ok(())
}
