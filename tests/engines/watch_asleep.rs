//! nicon-resolve --watch and a Docker daemon that systemd would start for whoever connects: it stays as it is.

use std::time::Duration;

use libtest_mimic::{Failed, Trial};
use nicon_lab::machine::Machine;

use crate::suite::Suite;
use crate::watching::Watching;

pub(crate) fn trials(suite: &Suite) -> Vec<Trial> {
    vec![suite.trial("watch_asleep::docker_stays_stopped_and_is_followed_again", docker_stays_stopped)]
}

/// Units as Docker's own are, of another daemon: `NAME`.
const UNITS: &str = r#"name=$1
    printf '%s\n' [Socket] ListenStream=/run/$name.sock SocketMode=0660 >/run/systemd/system/$name.socket
    printf '%s\n' [Unit] Requires=$name.socket After=$name.socket [Service] Type=notify Delegate=yes KillMode=process \
        "ExecStart=/usr/sbin/dockerd -H fd:// --data-root=/var/lib/$name --exec-root=/run/$name --pidfile=/run/$name.pid \
        --bridge=none --iptables=false --ip6tables=false" >/run/systemd/system/$name.service
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
        // Whatever makes us look: what is beside the socket comes and goes, and another one begins to watch, and looks for a name.
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
