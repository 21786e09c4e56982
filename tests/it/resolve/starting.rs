//! Containers that start while they are listed.

use libtest_mimic::{Failed, Trial};
use nicon_lab::Lab;

use crate::support::expect::{is_process, record};
use crate::support::suite::Suite;
use crate::support::watching::Watching;

pub(crate) fn trials(suite: &Suite) -> Vec<Trial> {
    vec![suite.trial("resolve::starting::is_told_once_by_its_name", is_told_once_by_its_name)]
}

/// A runtime that holds up each start until /run/go is there: the engine has created the container, and does not say yet that it runs.
const HOLD: &str = r#"cat >/run/hold <<'END'
#!/bin/sh
case " $* " in *" start "*) >/run/held; while [ ! -e /run/go ]; do sleep 0.02; done ;; esac
exec runc "$@"
END
chmod +x /run/hold"#;

fn is_told_once_by_its_name(suite: &Suite, lab: &Lab) -> Result<(), Failed> {
    lab.run_daemon_command("", "dawn", &[], &["dockerd", "--add-runtime=hold=/run/hold"])?;
    lab.script("dawn", HOLD, &[])?;
    let mut watching = Watching::patterns(suite, &["dawn.**"])?;
    let listed = std::thread::scope(|scope| -> Result<_, Failed> {
        let starting = scope.spawn(|| lab.run_container("dawn", "early", &["--runtime=hold"]));
        let held = lab.script("dawn", "until [ -e /run/held ]; do sleep 0.02; done", &[]);
        let listed = suite.run(&["nicon-resolve", "dawn.**"]);
        lab.script("dawn", ">/run/go", &[])?;
        starting.join().unwrap()?;
        held?;
        Ok(record(&listed))
    })?;
    let pid = lab.host_pid("dawn.early")?;
    let again = record(&suite.run(&["nicon-resolve", "dawn.**"]));
    for found in [listed, watching.expect("dawn.early", "arrived"), again] {
        assert_eq!((&found["target"], &found["hops"][1]["engine"]), (&"dawn.early".into(), &"docker".into()));
        is_process(&found, pid);
    }
    let others = watching.drain();
    assert!(others.is_empty(), "{others:?}; {}", watching.said());
    Ok(lab.remove("", "dawn")?)
}
