//! nicon-resolve --watch tells whose engine a container shares.

use libtest_mimic::{Failed, Trial};
use nicon_lab::Lab;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::{Value, json};

use crate::support::expect::is_process;
use crate::support::silent::{Stopped, fill};
use crate::support::suite::Suite;
use crate::support::watching::{Watching, without_event};

pub(crate) fn trials(suite: &Suite) -> Vec<Trial> {
    vec![
        suite.trial("resolve::watch_sharing::before_and_after_it_is_looked_into", before_and_after_it_is_looked_into),
        suite.trial("resolve::watch_sharing::of_a_silent_engine", of_a_silent_engine),
        suite.trial("resolve::watch_sharing::until_it_does_not_any_more", until_it_does_not_any_more),
        suite.trial("resolve::watch_sharing::by_patterns_alone", by_patterns_alone),
        suite.trial("resolve::watch_sharing::of_one_that_is_renamed", of_one_that_is_renamed),
    ]
}

/// The socket of the engine that is asked to start a container.
const SOCKET: &str = "--volume=/run/docker.sock:/run/docker.sock";

/// What is there is told with it. What is started is told before it is looked into.
fn before_and_after_it_is_looked_into(suite: &Suite, lab: &Lab) -> Result<(), Failed> {
    lab.run_daemon_container("", "lender", &[])?;
    lab.run_container("lender", "present", &[SOCKET])?;
    let mut watching = Watching::patterns(suite, &["lender.**"])?;
    assert_eq!(watching.expect("lender.present", "present")["engine_of"], "lender");
    lab.run_container("lender", "started", &[SOCKET])?;
    let changed = arrives_and_shares(&mut watching, "lender.started", "lender");
    is_process(&changed, lab.host_pid("lender.started")?);
    lab.remove("lender", "started")?;
    assert_eq!(without_event(&watching.expect("lender.started", "gone")), without_event(&changed));
    Ok(lab.remove("", "lender")?)
}

#[track_caller]
fn arrives_and_shares(watching: &mut Watching, path: &str, engine_of: &str) -> Value {
    assert_eq!(watching.expect(path, "arrived").get("engine_of"), None);
    begins_to_share(watching, path, engine_of)
}

#[track_caller]
fn begins_to_share(watching: &mut Watching, path: &str, engine_of: &str) -> Value {
    let changed = watching.expect(path, "changed");
    assert_eq!((&changed["engine_of"], &changed["was"]), (&json!(engine_of), &json!({"engine_of": null})), "{changed}");
    changed
}

/// What cannot be seen has not changed: nothing is told of it, and what ends meanwhile is gone as it was.
fn of_a_silent_engine(suite: &Suite, lab: &Lab) -> Result<(), Failed> {
    lab.run_daemon_container("", "stifled", &["--sysctl=net.core.somaxconn=16"])?;
    lab.run_container("stifled", "sharer", &[SOCKET])?;
    let mut watching = Watching::patterns(suite, &["--timeout=1", "stifled.**"])?;
    let present = watching.expect("stifled.sharer", "present");
    assert_eq!(present["engine_of"], "stifled");
    let (daemon, sharer) = (lab.host_pid("stifled")?, lab.host_pid("stifled.sharer")?);
    let stopped = Stopped::new(daemon)?;
    let queue = fill(&format!("/proc/{daemon}/root/run/docker.sock"))?;
    // Something changes where engines may be.
    std::fs::create_dir(format!("/proc/{sharer}/root/run/runc"))?;
    watching.until_said("list containers in stifled.sharer: ");
    assert_eq!(watching.drain(), [] as [Value; 0]);
    kill(Pid::from_raw(sharer.cast_signed()), Signal::SIGKILL)?;
    assert_eq!(without_event(&watching.expect("stifled.sharer", "gone")), without_event(&present));
    drop((queue, stopped));
    Ok(lab.remove("", "stifled")?)
}

/// One that has lost the socket shares nothing, and then shares it again.
fn until_it_does_not_any_more(suite: &Suite, lab: &Lab) -> Result<(), Failed> {
    lab.run_daemon_container("", "giver", &[])?;
    lab.run_container("giver", "taker", &[SOCKET, "--cap-add=SYS_ADMIN"])?;
    let mut watching = Watching::patterns(suite, &["giver.**"])?;
    assert_eq!(watching.expect("giver.taker", "present")["engine_of"], "giver");
    lab.script("giver.taker", "mount -t tmpfs none /run", &[])?;
    let changed = watching.expect("giver.taker", "changed");
    assert_eq!((changed.get("engine_of"), &changed["was"]), (None, &json!({"engine_of": "giver"})), "{changed}");
    lab.script("giver.taker", "umount /run", &[])?;
    begins_to_share(&mut watching, "giver.taker", "giver");
    Ok(lab.remove("", "giver")?)
}

/// What a path asks for is told as it is without a watch, whatever patterns beside it have found out.
fn by_patterns_alone(suite: &Suite, lab: &Lab) -> Result<(), Failed> {
    let (path, below) = ("plain.dood", "plain.dood.*");
    lab.run_daemon_container("", "plain", &[])?;
    lab.run_container("plain", "dood", &[SOCKET])?;
    let mut watching = Watching::records(suite, &[path, below, "plain.**"])?;
    let mut next = |by: Option<&str>, event: &str| {
        let is_meant = |told: &Value| told["target"] == path && told.get("pattern") == by.map(|by| json!(by)).as_ref();
        let told = watching.next_that(path, is_meant);
        assert_eq!(told["event"], event, "{told}");
        let engine_of = by.map(|_| json!("plain"));
        assert_eq!(told.get("engine_of"), engine_of.as_ref(), "{told}");
        Ok::<_, Failed>(told)
    };
    for by in [None, Some("plain.**")] {
        next(by, "present")?;
    }
    for (word, was) in [("pause", json!(null)), ("unpause", json!(true))] {
        lab.docker("plain", &[word, "dood"])?.ok()?;
        for by in [None, Some("plain.**")] {
            assert_eq!(next(by, "changed")?["was"], json!({"paused": was}));
        }
    }
    lab.remove("plain", "dood")?;
    for by in [None, Some("plain.**")] {
        next(by, "gone")?;
    }
    Ok(lab.remove("", "plain")?)
}

/// Those that share its engine are told again, in it and beside it: there nothing else has changed.
fn of_one_that_is_renamed(suite: &Suite, lab: &Lab) -> Result<(), Failed> {
    let command = "ln -s /shared/docker.sock /run/docker.sock; exec dockerd --host=unix:///shared/docker.sock";
    lab.run_daemon_command("", "before", &["--volume=/shared"], &["sh", "-c", command])?;
    lab.run_container("before", "within", &["--volume=/shared/docker.sock:/run/docker.sock"])?;
    let mut watching = Watching::patterns(suite, &["--socket=/shared/docker.sock", "**"])?;
    watching.expect("before", "present");
    watching.expect("before.within", "present");
    lab.run_container("", "beside", &["--volumes-from=before"])?;
    arrives_and_shares(&mut watching, "beside", "before");
    lab.docker("", &["rename", "before", "after"])?.ok()?;
    watching.expect("after", "changed");
    let within = watching.expect("after.within", "changed");
    assert_eq!(within["was"], json!({"target": "before.within", "engine_of": "before"}), "{within}");
    let beside = watching.expect("beside", "changed");
    assert_eq!((&beside["engine_of"], &beside["was"]), (&json!("after"), &json!({"engine_of": "before"})), "{beside}");
    lab.remove("", "beside")?;
    Ok(lab.remove("", "after")?)
}
