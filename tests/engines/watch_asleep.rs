//! nicon-resolve --watch and a Docker daemon that systemd would start for whoever connects: it stays as it is.

use std::time::{Duration, Instant};

use libtest_mimic::{Failed, Trial};
use nicon_lab::machine::Machine;
use nicon_lab::{LIMIT, patience};

use crate::suite::Suite;
use crate::watching::Watching;

pub(crate) fn trials(suite: &Suite) -> Vec<Trial> {
    vec![
        suite.trial("watch_asleep::docker_stays_stopped_and_is_followed_again", docker_stays_stopped),
        suite.trial("watch_asleep::docker_is_stopped_while_it_is_asked", docker_is_stopped_while_it_is_asked),
    ]
}

/// Units as Docker's own are, of another daemon: `NAME`.
pub(crate) const UNITS: &str = r#"name=$1; shift
    printf '%s\n' [Socket] ListenStream=/run/$name.sock SocketMode=0660 >/run/systemd/system/$name.socket
    printf '%s\n' [Unit] Requires=$name.socket After=$name.socket [Service] Type=notify Delegate=yes KillMode=process \
        "ExecStart=/usr/sbin/dockerd -H fd:// --data-root=/var/lib/$name --exec-root=/run/$name --pidfile=/run/$name.pid \
        --bridge=none --iptables=false --ip6tables=false $*" >/run/systemd/system/$name.service
    systemctl daemon-reload && systemctl start $name.socket && systemctl start $name.service &&
    docker --host=unix:///run/$name.sock import /var/tmp/image.tar image"#;

fn docker_stays_stopped(machine: &Machine) -> Result<(), Failed> {
    let name = "asleep";
    machine.script(UNITS, &[name])?;
    let (host, setting) = ("--host=unix:///run/asleep.sock", "DOCKER_HOST=unix:///run/asleep.sock");
    let docker = |words: &[&str]| machine.run(&[&["docker", host], words].concat()).ok();
    let pid = |name: &str| docker(&["inspect", "--format", "{{.State.Pid}}", name]);
    let is_active = || machine.run(&["systemctl", "is-active", "asleep.service"]).stdout.trim().to_owned();
    docker(&["run", "--detach", "--network=none", "--name=sleeper", "image", "sleep", "600"])?;
    let mut watching = Watching::start(machine, &["env", setting], &["**", "named"])?;
    watching.expect_process("sleeper", "present", &pid("sleeper")?);
    watching.expect("named", "gone");
    for round in 0..3 {
        machine.script("systemctl stop asleep.service", &[])?;
        watching.expect("sleeper", "gone");
        // Whatever makes us look: what is beside the socket comes and goes, and another one begins to watch, and looks for a name:
        // of that nothing is known, which is told.
        let mut another = Watching::start(machine, &["env", setting], &["nobody"])?;
        another.expect("nobody", "gone");
        for _ in 0..10 {
            machine.script("touch /run/asleep.pid; sleep 0.1; rm /run/asleep.pid", &[])?;
        }
        assert!(another.is_quiet_about("nobody", Duration::from_millis(500)));
        let log = machine.run(&[
            "journalctl",
            "--no-pager",
            "--lines=40",
            "--output=short-precise",
            "--unit=asleep.service",
            "--unit=asleep.socket",
        ]);
        assert_eq!(is_active(), "inactive", "round {round}: {}", log.stdout);
        assert_eq!(machine.run(&["systemctl", "is-active", "asleep.socket"]).stdout.trim(), "active");
        // Started by systemctl, or by whoever asks.
        if round == 1 {
            docker(&["ps"])?;
        } else {
            machine.script("systemctl start asleep.service", &[])?;
        }
        docker(&["start", "sleeper"])?;
        watching.expect_process("sleeper", "arrived", &pid("sleeper")?);
    }
    docker(&["rename", "sleeper", "named"])?;
    // For the pattern, and for the path.
    let mut told = [watching.expect_any("named"), watching.expect_any("named")];
    told.sort_by_key(|event| event["event"].to_string());
    assert_eq!((&told[0]["event"], &told[1]["event"]), (&"arrived".into(), &"changed".into()), "{told:?}");
    docker(&["rm", "--force", "named"])?;
    watching.expect("named", "gone");
    watching.expect("named", "gone");
    machine.script("systemctl stop asleep.service asleep.socket", &[])?;
    Ok(())
}

/// Whoever asks when a daemon ends has asked before, over a connection that the daemon has closed. To ask anew is to start it again.
fn docker_is_stopped_while_it_is_asked(machine: &Machine) -> Result<(), Failed> {
    let name = "dozing";
    machine.script(UNITS, &[name, "--debug"])?;
    let setting = "DOCKER_HOST=unix:///run/dozing.sock";
    let docker = |words: &[&str]| machine.run(&[&["docker", "--host=unix:///run/dozing.sock"], words].concat()).ok();
    let run = |name: &str| docker(&["run", "--detach", "--network=none", "--name", name, "image", "sleep", "600"]);
    let asked = |what: &str| {
        let log = machine.run(&["journalctl", "--no-pager", "--output=cat", "--unit=dozing.service"]).stdout;
        log.lines().filter(|line| line.contains("Calling GET") && line.contains(what)).count()
    };
    let wait_for_more = |what: &str, before: usize| {
        let give_up = Instant::now() + LIMIT * patience();
        while asked(what) == before {
            assert!(Instant::now() < give_up, "nobody asks for {what}");
        }
    };
    run("first")?;
    // Of other tests' containers it is not to know: it hesitates for each.
    let mut watching = Watching::hesitant(machine, &["env", setting], &["--engine=docker", "*"])?;
    watching.expect("first", "present");
    wait_for_more("/events", 0);
    for round in 0..3 {
        let (lists, events) = (asked("/containers/json"), asked("/events"));
        run(&format!("last{round}"))?;
        wait_for_more("/containers/json", lists);
        machine.script("systemctl stop dozing.service", &[])?;
        watching.expect("first", "gone");
        let state = machine.run(&["systemctl", "is-active", "dozing.service"]).stdout;
        assert_eq!(state.trim(), "inactive", "round {round}");
        machine.script("systemctl start dozing.service", &[])?;
        docker(&["start", "first"])?;
        watching.expect("first", "arrived");
        wait_for_more("/events", events);
    }
    machine.script("systemctl stop dozing.service dozing.socket", &[])?;
    Ok(())
}
