//! Containers that take their time to end: the first process of a PID namespace waits for all others in there.

use libtest_mimic::{Failed, Trial};
use nicon_lab::Lab;

use crate::support::ending::Ending;
use crate::support::expect::{is_process, record, refusal};
use crate::support::suite::Suite;

pub(crate) fn trials(suite: &Suite) -> Vec<Trial> {
    vec![suite.trial("resolve::ending::is_no_container_any_more", is_no_container)]
}

fn is_no_container(suite: &Suite, lab: &Lab) -> Result<(), Failed> {
    lab.run_container("", "end-of-it", &[])?;
    lab.run_container("", "endless", &[])?;
    let (first, endless) = (lab.host_pid("end-of-it")?, lab.host_pid("endless")?);
    let ending = Ending::of(first)?;
    let by_pattern = suite.run(&["nicon-resolve", "end*"]);
    let everywhere = suite.run(&["nicon-resolve", "**"]);
    let by_name = suite.run(&["nicon-resolve", "end-of-it"]);
    drop(ending);
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
