//! Monitors of LXC's that are programs of others, and what would pass for one.

use libtest_mimic::{Failed, Trial};
use nicon_lab::machine::Machine;

use crate::expect::{is_in, targets};
use crate::lxc::{PATH, define};
use crate::suite::Suite;
use crate::users::undisturbed_trial;

/// Starts a container by LXC's library: its directory, its name, and whether in the background. The numbers are
/// where `struct lxc_container` of lxccontainer.h has `daemonize` and `start`.
const START: &str = "cat >/run/start.py <<'END'
import ctypes, sys
path, name, way = sys.argv[1:]
lxc = ctypes.CDLL('liblxc.so.1')
lxc.lxc_container_new.restype = ctypes.c_void_p
container = lxc.lxc_container_new(name.encode(), path.encode())
start = ctypes.CFUNCTYPE(ctypes.c_bool, ctypes.c_void_p, ctypes.c_int, ctypes.c_void_p)(ctypes.c_void_p.from_address(container + 136).value)
ctypes.c_bool.from_address(container + 68).value = way == 'behind'
sys.exit(not start(container, 0, None))
END
    systemd-run --quiet --unit=lxc-$2 --property=Type=exec --property=KillMode=process --remain-after-exit --property=Delegate=yes \
        python3 /run/start.py \"$1\" \"$2\" \"$3\" && lxc-wait -P \"$1\" -n \"$2\" -s RUNNING -t 20 && lxc-info -P \"$1\" -n \"$2\" -pH";

/// Listens at an abstract socket of a user's, and then does what is written. Line breaks are written as such.
const LISTEN: &str = r#"cat >/run/"$1".py <<END
import socket, subprocess, sys, time
def listen(name):
    made = socket.socket(socket.AF_UNIX)
    made.bind('\\0' + name)
    made.listen()
    return made
$3
open('/run/$1/up', 'w')
time.sleep(600)
END
    systemd-run --quiet --unit="$1" --uid="$2" --property=RuntimeDirectory="$1" python3 /run/"$1".py &&
    until [ -e /run/"$1"/up ]; do sleep 0.02; done"#;

/// One of the machine's own.
const USER: &str = "games";

pub(crate) fn trials(suite: &Suite) -> Vec<Trial> {
    vec![
        suite.trial("lxc::started_by_other_programs", started_by_other_programs),
        undisturbed_trial(suite, "lxc::names_of_sockets_are_anybodys", names_of_sockets_are_anybodys),
        undisturbed_trial(suite, "lxc::a_socket_that_was_sent", a_socket_that_was_sent),
        undisturbed_trial(suite, "lxc::a_socket_that_nobody_has", a_socket_that_nobody_has),
    ]
}

/// Their monitors are called like these programs, and are known by their sockets alone.
fn started_by_other_programs(machine: &Machine) -> Result<(), Failed> {
    for (name, way) in [("foreign-behind", "behind"), ("foreign-in-front", "in front")] {
        define(machine, PATH, name, "")?;
        let pid = machine.script(START, &[PATH, name, way])?;
        let monitor = machine.script("ps -o ppid= -p $1", &[&pid])?;
        let program = machine.run(&["readlink", &format!("/proc/{}/exe", monitor.trim())]).ok()?;
        assert!(program.starts_with("/usr/bin/python3"), "{program}");
        let link = machine.run(&["readlink", &format!("/proc/{pid}/ns/mnt")]).ok()?;
        for target in [format!("/{name}"), format!("lxc:{name}"), format!("root@lxc:{name}")] {
            is_in(machine, &target, &pid, &link)?;
        }
        let ran = machine.run(&["nicon-resolve", "**"]);
        assert!(targets(&ran.stdout)?.iter().any(|target| target == name), "{ran:?}");
        let of = machine.run(&["nicon-resolve", "--pid", &format!("--of=pid:{pid}")]);
        assert_eq!(of.stdout.trim(), pid, "{of:?}");
        machine.script("lxc-stop -k -P $1 -n $2; systemctl stop lxc-$2", &[PATH, name])?;
    }
    Ok(())
}

fn listen(machine: &Machine, unit: &str, user: &str, script: &str) -> Result<(), Failed> {
    machine.script(LISTEN, &[unit, user, script])?;
    Ok(())
}

fn kill(machine: &Machine, unit: &str) -> Result<(), Failed> {
    machine.script(
        "systemctl kill --signal=KILL $1; while systemctl is-active --quiet $1; do sleep 0.02; done",
        &[unit],
    )?;
    Ok(())
}

/// A user has sockets in whose names are line breaks, after which /proc/net/unix seems to tell of the socket of root's monitor. There
/// are many, so that some come before that one.
fn names_of_sockets_are_anybodys(machine: &Machine) -> Result<(), Failed> {
    define(machine, PATH, "well-named", "")?;
    machine.run(&["lxc-start", "-n", "well-named"]).ok()?;
    let pid = machine.run(&["lxc-info", "-n", "well-named", "-pH"]).ok()?;
    let inode = machine.script(
        "awk '$8 == \"@/var/lib/lxc/well-named/command\" && $4 == \"00010000\" { print $7 }' /proc/net/unix",
        &[],
    )?;
    let forge = format!(
        r"kept = [listen('%d\n0 0 0 00010000 1 1 {inode} @/var/lib/lxc/misnamed/command' % n) for n in range(64)]"
    );
    listen(machine, "forge-names", USER, &forge)?;
    let witness = machine.script("grep -c '^0 0 0 .* @/var/lib/lxc/misnamed/command$' /proc/net/unix", &[])?;
    let link = machine.run(&["readlink", &format!("/proc/{pid}/ns/mnt")]).ok()?;
    let found = is_in(machine, "lxc:well-named", &pid, &link);
    let misled = machine.run(&["nicon-resolve", "lxc:misnamed"]);
    kill(machine, "forge-names")?;
    machine.run(&["lxc-stop", "-k", "-n", "well-named"]).ok()?;
    assert_eq!(witness, "64");
    found?;
    assert_eq!((misled.code(), &misled.stdout[..]), (Some(1), ""), "{misled:?}");
    Ok(())
}

/// A program of root's that has a child in a mount namespace of its own keeps a socket which a user has sent to it.
fn a_socket_that_was_sent(machine: &Machine) -> Result<(), Failed> {
    let keep = "at = listen('nicon-keeper')
child = subprocess.Popen(['unshare', '--mount', 'sleep', '600'])
open('/run/keep-socket/up', 'w')
came = at.accept()[0]
kept = socket.recv_fds(came, 1, 1)
open('/run/keep-socket/got', 'w')";
    let send = "ours = listen('/var/lib/lxc/granted/command')
to = socket.socket(socket.AF_UNIX)
to.connect('\\0nicon-keeper')
socket.send_fds(to, [b'x'], [ours.fileno()])
ours.close()";
    listen(machine, "keep-socket", "root", keep)?;
    listen(machine, "send-socket", USER, send)?;
    machine.script("until [ -e /run/keep-socket/got ]; do sleep 0.02; done; grep -q ' @/var/lib/lxc/granted/command$' /proc/net/unix", &[])?;
    let granted = machine.run(&["nicon-resolve", "lxc:granted"]);
    for unit in ["keep-socket", "send-socket"] {
        kill(machine, unit)?;
    }
    assert_eq!((granted.code(), &granted.stdout[..]), (Some(1), ""), "{granted:?}");
    Ok(())
}

/// A socket is on its way from a process to itself. What listens there may be a monitor's.
fn a_socket_that_nobody_has(machine: &Machine) -> Result<(), Failed> {
    let hide = "ours = listen('/srv/x/hidden/command')
one, other = socket.socketpair()
socket.send_fds(one, [b'x'], [ours.fileno()])
ours.close()";
    listen(machine, "hide-socket", USER, hide)?;
    let ran = machine.run(&["nicon-resolve", "lxc:*"]);
    kill(machine, "hide-socket")?;
    assert_eq!(ran.code(), Some(2), "{ran:?}");
    let told =
        ran.stderr.lines().filter(|line| line.contains("at @/srv/x/hidden/command, and is no process that is known"));
    assert_eq!(told.count(), 1, "{ran:?}");
    let ran = machine.run(&["nicon-resolve", "lxc:*"]);
    assert!(!ran.stderr.contains("/srv/x/hidden"), "{ran:?}");
    Ok(())
}
