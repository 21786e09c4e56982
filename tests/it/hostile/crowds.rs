//! nicon-resolve among very many: containers in files, and users, some of whom have file systems that never answer.

use std::fs;
use std::time::{Duration, Instant};

use libtest_mimic::{Failed, Trial};
use nicon_lab::{Lab, patience, until};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::hostile::silence::Servers;
use crate::support::expect::{is_process, parse};
use crate::support::suite::Suite;
use crate::support::watching::Watching;

pub(crate) fn trials(suite: &Suite) -> Vec<Trial> {
    vec![
        suite.trial("hostile::crowds::of_bundles", of_bundles),
        suite.trial("hostile::crowds::of_users", of_users),
        suite.trial("hostile::crowds::of_a_users_directories", of_a_users_directories),
        suite.trial("hostile::crowds::a_users_directory_that_hangs", a_users_directory_that_hangs),
        suite.trial("hostile::crowds::a_user_who_is_asked_for_and_hangs", a_user_who_is_asked_for_and_hangs),
    ]
}

/// A million bundles of containerd's, by links to the same thousand.
const BUNDLES: &str = r"mkdir -p /many /run/containerd/io.containerd.runtime.v2.task
cd /many && seq 1000 | xargs mkdir && seq 1000 | sed 's,$,/config.json,' | xargs touch
cd /run/containerd/io.containerd.runtime.v2.task && for n in $(seq 1000); do ln -s /many ns$n; done
touch /ready; exec sleep infinity";

fn of_bundles(suite: &Suite, lab: &Lab) -> Result<(), Failed> {
    lab.run_command("", "bundles", &["--tmpfs=/run"], &["sh", "-c", BUNDLES])?;
    lab.exec("bundles", &["sh", "-c", "until test -e /ready; do sleep 0.05; done"])?.ok()?;
    // To keep a million would take more memory than this.
    let limited = "ulimit -v 524288; nicon-resolve --timeout=25 'bundles.**' setup.olt_1";
    let ran = suite.shell(limited, "");
    assert_eq!(ran.code(), Some(2), "{ran:?}");
    assert!(ran.stderr.contains("more than 32768 containers in its files: the rest is left out"), "{ran:?}");
    assert!(ran.stderr.lines().count() < 50, "{ran:?}");
    is_process(&parse(&ran.stdout)[0], lab.host_pid("setup.olt_1")?);
    Ok(lab.remove("", "bundles")?)
}

/// Three hundred users of one container have links to the same file system, which never answers.
const USERS: &str = "mkdir /hang
for id in $(seq 1000 1299); do mkdir -p /run/user/$id; ln -s /hang/docker.sock /run/user/$id/docker.sock; done
exec /silent/silent /hang 40000";

/// They do not take all threads, and that not all of them are asked is told.
fn of_users(suite: &Suite, lab: &Lab) -> Result<(), Failed> {
    let servers = Servers::new(lab, "crowd")?;
    servers.start("silent-crowd", USERS)?;
    let ran = suite.run(&["nicon-resolve", "--timeout=8", "silent-crowd.**", "silent-crowd.web", "setup.olt_1"]);
    assert_eq!(ran.code(), Some(2), "{ran:?}");
    assert!(!ran.stderr.contains("256 threads"), "{ran:?}");
    let left_out = "look for engines of users in /run/user: there are more than 64: 236 are left out";
    assert!(ran.stderr.contains(left_out), "{ran:?}");
    is_process(&parse(&ran.stdout)[0], lab.host_pid("setup.olt_1")?);
    Ok(lab.remove("", "silent-crowd")?)
}

/// A watch of our own machine, with users who are only seen there, whose directories a line of shell has prepared.
struct Neighbours {
    watching: Watching,
    /// Where it is noted what ends with this.
    server: String,
}

impl Neighbours {
    fn new(suite: &Suite, (name, asked): (&str, &str), prepare: &str) -> Result<Self, Failed> {
        fs::create_dir_all("/run/user")?;
        let server = format!("/run/{name}.pid");
        let script = format!(
            "mount -t tmpfs none /run/user && {prepare} && exec \"$1/nicon-resolve\" --watch --timeout=2 {asked}"
        );
        let mut command = nicon_lab::tool("unshare");
        command.args(["--mount", "--propagation=private", "sh", "-c", &script, "sh"]).arg(suite.bins()?).arg(&server);
        Ok(Self { watching: Watching::of(&mut command)?, server })
    }

    /// What begins and ends now is told in no time.
    fn hear_of(&mut self, lab: &Lab, name: &str) -> Result<(), Failed> {
        let name = format!("late-{name}");
        for _ in 0..2 {
            lab.run_container("", &name, &[])?;
            let begun = Instant::now();
            is_process(&self.watching.expect(&name, "arrived"), lab.host_pid(&name)?);
            lab.remove("", &name)?;
            self.watching.expect(&name, "gone");
            let most = Duration::from_secs(10) * patience();
            assert!(begun.elapsed() < most, "after {:?}: {}", begun.elapsed(), self.watching.said());
        }
        Ok(())
    }
}

impl Drop for Neighbours {
    fn drop(&mut self) {
        let server = fs::read_to_string(&self.server).ok().and_then(|pid| pid.trim().parse().ok());
        if let Some(server) = server {
            let _ = kill(Pid::from_raw(server), Signal::SIGKILL);
        }
    }
}

/// More directories than anybody lists: that is told, and nobody else is heard of any later.
fn of_a_users_directories(suite: &Suite, lab: &Lab) -> Result<(), Failed> {
    let prepare = "mkdir -p /run/user/1005/crun && chown 1005 /run/user/1005 && cd /run/user/1005/crun && seq 10001 | xargs mkdir && cd /";
    let mut neighbours = Neighbours::new(suite, ("crowd", "late-crowd"), prepare)?;
    neighbours.watching.expect("late-crowd", "gone");
    neighbours.watching.until_said("read /run/user/1005/crun: it has more than 10000 entries");
    // What failed is tried again after twice the time, and nothing but that is to be slow.
    std::thread::sleep(Duration::from_secs(30));
    neighbours.hear_of(lab, "crowd")
}

/// Where a user's engine keeps its files there is a file system that never answers.
fn beside_one_who_hangs(suite: &Suite, lab: &Lab, uid: u32, (name, asked): (&str, &str)) -> Result<Neighbours, Failed> {
    let servers = Servers::new(lab, &format!("beside-{name}"))?;
    let prepare = format!(
        "mkdir -p /run/user/{uid}/crun && chown {uid} /run/user/{uid} && {{ {0}/silent /run/user/{uid}/crun 40000 >{0}/said & }} && echo $! >\"$2\" &&
        until grep -q ready {0}/said; do sleep 0.02; done",
        servers.directory
    );
    let neighbours = Neighbours::new(suite, (name, asked), &prepare)?;
    neighbours.watching.until_said("does not answer");
    until("it is asked", || {
        fs::read_to_string(format!("{}/said", servers.directory)).ok().filter(|said| said.contains("asked"))
    });
    Ok(neighbours)
}

fn a_users_directory_that_hangs(suite: &Suite, lab: &Lab) -> Result<(), Failed> {
    let mut neighbours = beside_one_who_hangs(suite, lab, 1006, ("hanging", "late-hanging"))?;
    neighbours.watching.expect("late-hanging", "gone");
    neighbours.hear_of(lab, "hanging")
}

/// Another pattern asks for that very user.
fn a_user_who_is_asked_for_and_hangs(suite: &Suite, lab: &Lab) -> Result<(), Failed> {
    beside_one_who_hangs(suite, lab, 1007, ("beside", "'late-bes*' '1007@*'"))?.hear_of(lab, "beside")
}
