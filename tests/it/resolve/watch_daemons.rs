//! nicon-resolve --watch and engines that come and go themselves.

use libtest_mimic::{Failed, Trial};
use nicon_lab::Lab;

use crate::hostile::liars::USER;
use crate::support::expect::is_process;
use crate::support::suite::Suite;
use crate::support::watching::{Seen, Watching};

pub(crate) fn trials(suite: &Suite) -> Vec<Trial> {
    vec![
        suite.trial("resolve::watch_daemons::that_are_killed_and_started_again", killed_and_started_again),
        suite.trial("resolve::watch_daemons::that_keep_their_containers", that_keep_their_containers),
        suite.trial("resolve::watch_daemons::where_something_is_mounted_over", where_something_is_mounted_over),
        suite.trial("resolve::watch_daemons::seen_through_several_sockets", seen_through_several_sockets),
        suite.trial("resolve::watch_daemons::that_one_site_loses", that_one_site_loses),
        suite.trial("resolve::watch_daemons::as_an_ordinary_user", as_an_ordinary_user),
    ]
}

/// A daemon that is started again when it has ended, once /run/stopped is not there; with options.
const PHOENIX: &str = r#"while :; do [ -e /run/stopped ] || dockerd "$@"; sleep 0.05; done"#;

struct Phoenix<'a>(&'a Lab, &'a str);

impl<'a> Phoenix<'a> {
    fn start(lab: &'a Lab, name: &'a str, options: &[&str]) -> Result<Self, Failed> {
        lab.run_daemon_command("", name, &[], &[&["sh", "-c", PHOENIX, "sh"], options].concat())?;
        Ok(Self(lab, name))
    }

    /// Ends it, by a signal, and waits until it has ended. It is not started again yet.
    fn end(&self, signal: &str) -> Result<(), Failed> {
        let script = r"touch /run/stopped; pid=$(cat /run/docker.pid); kill -$1 $pid
            while [ -e /proc/$pid ]; do sleep 0.02; done";
        Ok(self.0.script(self.1, script, &[signal]).map(drop)?)
    }

    /// Lets it start again, and waits until it answers.
    fn rise(&self) -> Result<(), Failed> {
        let script = "rm /run/stopped; until docker version >/dev/null 2>&1; do sleep 0.05; done";
        Ok(self.0.script(self.1, script, &[]).map(drop)?)
    }
}

fn killed_and_started_again(suite: &Suite, lab: &Lab) -> Result<(), Failed> {
    let phoenix = Phoenix::start(lab, "phoenix", &[])?;
    let mut watching = Watching::patterns(suite, &["**"])?;
    let mut by_path = Watching::paths(suite, &["phoenix.bird"])?;
    watching.expect("phoenix", "present");
    by_path.expect("phoenix.bird", "gone");
    lab.run_container("phoenix", "bird", &[])?;
    watching.expect("phoenix.bird", "arrived");
    by_path.expect("phoenix.bird", "arrived");
    for (signal, before) in [("KILL", "true"), ("TERM", "true"), ("KILL", "rm -f /run/docker.sock")] {
        phoenix.end(signal)?;
        lab.script("phoenix", before, &[])?;
        phoenix.rise()?;
        // The daemon takes with it, or ends when it is back, what ran.
        watching.expect("phoenix.bird", "gone");
        by_path.expect("phoenix.bird", "gone");
        lab.docker("phoenix", &["start", "bird"])?.ok()?;
        let pid = lab.host_pid("phoenix.bird")?;
        is_process(&watching.expect("phoenix.bird", "arrived"), pid);
        is_process(&by_path.expect("phoenix.bird", "arrived"), pid);
    }
    lab.remove("", "phoenix")?;
    watching.expect("phoenix.bird", "gone");
    watching.expect("phoenix", "gone");
    by_path.expect("phoenix.bird", "gone");
    Ok(())
}

/// Under `live-restore`, containers outlive their daemon: nothing is told of them.
fn that_keep_their_containers(suite: &Suite, lab: &Lab) -> Result<(), Failed> {
    let keeper = Phoenix::start(lab, "nest-egg", &["--live-restore"])?;
    lab.run_container("nest-egg", "kept", &[])?;
    let pid = lab.host_pid("nest-egg.kept")?;
    let mut watching = Watching::patterns(suite, &["nest-egg.**"])?;
    let mut by_path = Watching::paths(suite, &["nest-egg.kept", "nest-egg.new"])?;
    is_process(&watching.expect("nest-egg.kept", "present"), pid);
    is_process(&by_path.expect("nest-egg.kept", "present"), pid);
    by_path.expect("nest-egg.new", "gone");
    for signal in ["KILL", "TERM"] {
        keeper.end(signal)?;
        keeper.rise()?;
        lab.run_container("nest-egg", "new", &[])?;
        for watching in [&mut watching, &mut by_path] {
            is_process(&watching.expect("nest-egg.new", "arrived"), lab.host_pid("nest-egg.new")?);
        }
        lab.remove("nest-egg", "new")?;
        for watching in [&mut watching, &mut by_path] {
            watching.expect("nest-egg.new", "gone");
            let others = watching.drain();
            assert!(others.is_empty(), "after {signal}: {others:?}; {}", watching.said());
            assert!(watching.has("nest-egg.kept"));
        }
    }
    // It can be told from one that comes instead.
    lab.docker("nest-egg", &["restart", "kept"])?.ok()?;
    let again = lab.host_pid("nest-egg.kept")?;
    for watching in [&mut watching, &mut by_path] {
        assert_eq!(watching.expect("nest-egg.kept", "gone")["pid"], pid);
        is_process(&watching.expect("nest-egg.kept", "arrived"), again);
    }
    Ok(lab.remove("", "nest-egg")?)
}

/// A mount hides the watched directory without a word, and is itself no creation.
fn where_something_is_mounted_over(suite: &Suite, lab: &Lab) -> Result<(), Failed> {
    lab.run_daemon_container("", "over", &[])?;
    lab.run_runc("over", "before", "before")?;
    let mut watching = Watching::patterns(suite, &["over.**"])?;
    watching.expect("over.before", "present");
    lab.script("over", "mkdir -p /run/elsewhere && mount --bind /run/elsewhere /run/runc", &[])?;
    watching.expect("over.before", "gone");
    lab.run_runc("over", "after", "after")?;
    watching.expect("over.after", "arrived");
    lab.script("over", "umount /run/runc", &[])?;
    watching.expect("over.after", "gone");
    watching.expect("over.before", "arrived");
    lab.script("over", "runc delete --force before", &[])?;
    watching.expect("over.before", "gone");
    Ok(lab.remove("", "over")?)
}

/// A container that has the socket of its own engine, and one that has another's, take no names, and show nothing twice.
fn seen_through_several_sockets(suite: &Suite, lab: &Lab) -> Result<(), Failed> {
    lab.run_daemon_container("", "facets", &[])?;
    let mut watching = Watching::patterns(suite, &["**"])?;
    watching.expect("facets", "present");
    let socket = "--volume=/run/docker.sock:/run/docker.sock";
    for name in ["a-dood", "dood"] {
        lab.run_container("facets", name, &[socket])?;
        watching.expect(&format!("facets.{name}"), "arrived");
        assert_eq!(watching.expect(&format!("facets.{name}"), "changed")["engine_of"], "facets");
    }
    lab.run_container("facets", "leaf", &[])?;
    watching.expect("facets.leaf", "arrived");
    lab.remove("facets", "a-dood")?;
    watching.expect("facets.a-dood", "gone");
    lab.docker("facets", &["restart", "leaf"])?.ok()?;
    watching.expect("facets.leaf", "gone");
    watching.expect("facets.leaf", "arrived");
    let mut seen = Vec::new();
    for path in ["facets", "facets.dood", "facets.leaf"] {
        seen.push(Seen { path: path.to_owned(), pid: lab.host_pid(path)?, is_paused: false });
    }
    watching.adds_up_to(&seen, |seen| seen.path.contains("facets"));
    Ok(lab.remove("", "facets")?)
}

/// Two containers have the socket of a daemon that is searched nowhere else. When the one has it no more, the other is searched.
fn that_one_site_loses(suite: &Suite, lab: &Lab) -> Result<(), Failed> {
    let command = ["dockerd", "--host=unix:///run/docker.sock", "--host=unix:///shared/docker.sock"];
    lab.run_daemon_command("", "cave", &["--volume=/shared"], &command)?;
    lab.run_container("cave", "leaf", &[])?;
    let mut watching = Watching::patterns(suite, &["--socket=/shared/docker.sock", "*-caver", "*-caver.**"])?;
    for name in ["first-caver", "next-caver"] {
        lab.run_container("", name, &["--volumes-from=cave", "--cap-add=SYS_ADMIN", "--pid=host"])?;
        watching.expect(name, "arrived");
    }
    watching.expect("first-caver.leaf", "arrived");
    lab.script("first-caver", "umount /shared", &[])?;
    watching.expect("first-caver.leaf", "gone");
    is_process(&watching.expect("next-caver.leaf", "arrived"), lab.host_pid("cave.leaf")?);
    for name in ["first-caver", "next-caver", "cave"] {
        lab.remove("", name)?;
    }
    Ok(())
}

/// What belongs to another stays unseen, which is told, and not again and again.
fn as_an_ordinary_user(suite: &Suite, lab: &Lab) -> Result<(), Failed> {
    let mut command = nicon_lab::tool(USER[0]);
    command.args(&USER[1..]).arg(suite.bins()?.join("nicon-resolve")).args(["--watch", "**", "setup", "unseen"]);
    let mut watching = Watching::of(&mut command)?;
    watching.expect("setup", "gone");
    watching.expect("unseen", "gone");
    watching.until_said("connect to /run/docker.sock: Permission denied (needs root");
    lab.run_container("", "unseen", &[])?;
    lab.remove("", "unseen")?;
    let told = watching.drain();
    assert!(told.is_empty(), "{told:?}");
    assert!(watching.said().lines().count() <= 4, "{}", watching.said());
    Ok(())
}
