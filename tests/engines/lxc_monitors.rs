//! Monitors of LXC's that are programs of others, and what would pass for one.

use libtest_mimic::{Failed, Trial};
use nicon_lab::machine::Machine;

use crate::apart::Apart;
use crate::expect::{is_in, targets};
use crate::lxc::{PATH, define, start};
use crate::nested;
use crate::suite::Suite;
use crate::tide::{BUNDLE, RUN};
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

/// Has a command run in a container that runs already, and tells its process.
const ATTACH: &str = "systemd-run --quiet --unit=attached-$2 lxc-attach -P $1 -n $2 -- /bin/sleep 611 &&
    until pgrep -f '^/bin/sleep 611$' -P $(systemctl show -P MainPID attached-$2); do sleep 0.02; done";

/// A program that listens at abstract sockets, and then does what is written. Line breaks are written as such.
const WRITE: &str = r#"mkdir -p /run/"$1" && cat >/run/"$1".py <<END
import socket, subprocess, sys, time
def listen(name):
    made = socket.socket(socket.AF_UNIX)
    made.bind('\\0' + name)
    made.listen()
    return made
$2
open('/run/$1/up', 'w')
time.sleep(600)
END"#;

/// Has a user run it.
const RUN_IT: &str =
    r#"systemd-run --quiet --unit="$1" --uid="$2" --property=RuntimeDirectory="$1" python3 /run/"$1".py"#;

/// Has a container of Docker's run it, which is in the machine's network namespace.
const RUN_IT_INSIDE: &str = r#"docker run --detach --network=host --name="$1" --volume=/usr:/usr:ro \
    --volume=/run/"$1".py:/run/"$1".py:ro --volume=/run/"$1":/run/"$1" beside-lxc python3 /run/"$1".py"#;

/// The same for nicon-resolve, the few rights of whose root are Docker's.
const RESOLVE_INSIDE: &str = r#"program=$(command -v nicon-resolve)
    exec docker run --rm --network=host --volume=/usr:/usr:ro --volume="$program":/nicon-resolve:ro beside-lxc /nicon-resolve "$1""#;

const IS_UP: &str = r#"until [ -e /run/"$1"/up ]; do sleep 0.02; done"#;

/// One of the machine's own.
const USER: &str = "games";

pub(crate) fn trials(suite: &Suite) -> Vec<Trial> {
    vec![
        suite.trial("lxc::started_by_other_programs", started_by_other_programs),
        suite.trial("lxc::in_the_machines_pid_namespace", in_the_machines_pid_namespace),
        undisturbed_trial(suite, "lxc::names_of_sockets_are_anybodys", names_of_sockets_are_anybodys),
        undisturbed_trial(suite, "lxc::a_socket_that_was_sent", a_socket_that_was_sent),
        undisturbed_trial(suite, "lxc::a_socket_that_nobody_has", a_socket_that_nobody_has),
        undisturbed_trial(suite, "lxc::forged_in_the_hosts_network", forged_in_the_hosts_network),
        suite.trial("lxc::of_the_machine_next_door", of_the_machine_next_door),
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
        // What is attached has other ancestors than what the container has started.
        let attached = machine.script(ATTACH, &[PATH, name])?;
        let of = machine.run(&["nicon-resolve", "--pid", &format!("--of=pid:{attached}")]);
        assert_eq!(of.stdout.trim(), pid, "{of:?}");
        let cgroup = format!("--of=cgroup:/lxc.payload.{name}");
        let of = machine.run(&["nicon-resolve", &cgroup]);
        assert_eq!((of.code(), &of.stdout[..]), (Some(2), ""), "{of:?}");
        asked_by_those_who_may_not_look(machine, name)?;
        machine.script("lxc-stop -k -P $1 -n $2; systemctl stop lxc-$2 attached-$2", &[PATH, name])?;
    }
    Ok(())
}

/// What is in its PID namespace is not in it for that: all of the machine is.
fn in_the_machines_pid_namespace(machine: &Machine) -> Result<(), Failed> {
    define(machine, PATH, "among-all", "lxc.mount.auto =\nlxc.namespace.keep = pid user")?;
    start(machine, PATH, "among-all")?;
    let pid = machine.run(&["lxc-info", "-P", PATH, "-n", "among-all", "-pH"]).ok()?;
    assert_eq!(machine.run(&["nicon-resolve", "--pid", "lxc:among-all"]).ok()?, pid);
    let of = machine.run(&["nicon-resolve", "--of=pid:1"]);
    assert!(of.stdout.is_empty() && of.stderr.contains("pid:1: it belongs to no container"), "{of:?}");
    let of = machine.run(&["nicon-resolve", "--pid", &format!("--of=pid:{pid}")]);
    assert_eq!(of.stdout.trim(), pid, "{of:?}");
    machine.run(&["lxc-stop", "-k", "-P", PATH, "-n", "among-all"]).ok()?;
    Ok(())
}

/// To an ordinary user it is another's; root who lacks a right is told what that hides.
fn asked_by_those_who_may_not_look(machine: &Machine, name: &str) -> Result<(), Failed> {
    let ran = machine.run(&["setpriv", "--reuid=games", "--regid=games", "--clear-groups", "nicon-resolve", "lxc:*"]);
    assert!(ran.stdout.is_empty() && !ran.stderr.contains("/command"), "{ran:?}");
    let ran = machine.run(&["setpriv", "--bounding-set=-sys_ptrace", "nicon-resolve", "lxc:*"]);
    let told = ran.stderr.lines().filter(|line| line.contains("which containers the monitors at @"));
    assert_eq!((ran.code(), told.count()), (Some(2), 1), "{ran:?}");
    // By its name, too: whether it runs is unknown, and what would tell is said.
    let asked = format!("lxc:{name}");
    let ran = machine.run(&["setpriv", "--bounding-set=-sys_ptrace", "nicon-resolve", &asked]);
    assert_eq!((ran.code(), &ran.stdout[..]), (Some(2), ""), "{ran:?}");
    assert!(ran.stderr.contains(name) && ran.stderr.contains("CAP_SYS_PTRACE"), "{ran:?}");
    Ok(())
}

/// For containers of Docker's that have the machine's programs.
fn image(machine: &Machine) -> Result<(), Failed> {
    nested::prepare(machine);
    machine.run(&["docker", "import", "/var/tmp/nest.tar", "beside-lxc"]).ok()?;
    Ok(())
}

fn listen(machine: &Machine, unit: &str, user: &str, script: &str) -> Result<(), Failed> {
    machine.script(WRITE, &[unit, script])?;
    machine.script(RUN_IT, &[unit, user])?;
    machine.script(IS_UP, &[unit])?;
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

/// Has a socket on its way from a process to itself, so that no process has it open.
const HIDE: &str = "ours = listen('/srv/x/hidden/command')
one, other = socket.socketpair()
socket.send_fds(one, [b'x'], [ours.fileno()])
ours.close()";

/// Sockets of this name are a line for whoever asks for more, and nothing else.
fn is_of_no_monitor(machine: &Machine, name: &str) -> Result<(), Failed> {
    machine.script("grep -q \"@.*/$1/command$\" /proc/net/unix", &[name])?;
    let socket = format!("/{name}/command");
    for target in ["lxc:*", "**"] {
        let ran = machine.run(&["nicon-resolve", target]);
        assert!(!ran.stderr.contains(&socket) && !ran.stdout.contains(name), "{ran:?}");
    }
    let ran = machine.run(&["nicon-resolve", &format!("lxc:{name}")]);
    assert_eq!((ran.code(), &ran.stdout[..]), (Some(1), ""), "{ran:?}");
    Ok(())
}

fn is_told_on_request(machine: &Machine, name: &str) -> Result<(), Failed> {
    let ran = machine.run(&["nicon-resolve", "--verbose", "lxc:*"]);
    let told = ran.stderr.lines().filter(|line| line.contains(&format!("/{name}/command")));
    assert_eq!(told.count(), 1, "{ran:?}");
    Ok(())
}

/// No process has it open, so no process is a monitor by it.
fn a_socket_that_nobody_has(machine: &Machine) -> Result<(), Failed> {
    listen(machine, "hide-socket", USER, HIDE)?;
    let told = is_of_no_monitor(machine, "hidden").and_then(|()| is_told_on_request(machine, "hidden"));
    kill(machine, "hide-socket")?;
    told
}

/// A container that shares the machine's network namespace listens as monitors of root's do, at several sockets, and has one that no
/// process has open.
fn forged_in_the_hosts_network(machine: &Machine) -> Result<(), Failed> {
    let hide = HIDE.replace("/hidden/", "/hidden-there/");
    let forge = format!("{hide}\nkept = [listen('{PATH}/forged/command'), listen('{PATH}/forged-too/command')]");
    image(machine)?;
    machine.script(WRITE, &["forger", &forge])?;
    machine.script(RUN_IT_INSIDE, &["forger"])?;
    machine.script(IS_UP, &["forger"])?;
    let told = ["forged", "forged-too", "hidden-there"].map(|name| is_of_no_monitor(machine, name));
    let verbose = is_told_on_request(machine, "hidden-there");
    let inside = machine.run(&["nicon-resolve", "docker:forger/**"]);
    machine.script("docker rm --force forger", &[])?;
    for told in told {
        told?;
    }
    verbose?;
    assert!(!inside.stderr.contains("/command") && inside.stdout.is_empty(), "{inside:?}");
    Ok(())
}

/// In the machine's network namespace, and in a PID namespace of its own, the machine's monitors are nobody's who could be asked for.
fn of_the_machine_next_door(machine: &Machine) -> Result<(), Failed> {
    define(machine, PATH, "next-door", "")?;
    machine.run(&["lxc-start", "-n", "next-door"]).ok()?;
    let place = Apart::of(machine)?;
    place.script(BUNDLE, &[])?;
    let pid = place.script(RUN, &["runc", "lodger"])?;
    place.script("grep -q '@/var/lib/lxc/next-door/command$' /proc/net/unix", &[])?;
    let ran = place.run(&["nicon-resolve", "--pid", "**"]);
    assert_eq!((ran.code(), ran.stdout.trim(), &ran.stderr[..]), (Some(0), pid.trim(), ""), "{ran:?}");
    let ran = place.run(&["nicon-resolve", "--verbose", "**"]);
    let told = ran.stderr.lines().filter(|line| line.contains("lxc: no process that may be looked at here"));
    assert_eq!(told.count(), 1, "{ran:?}");
    let refused = place.run(&["nicon-resolve", "lxc:next-door"]);
    assert_eq!((refused.code(), &refused.stdout[..]), (Some(1), ""), "{refused:?}");
    place.script("runc delete --force lodger", &[])?;
    // The same in a container of Docker's, whose root has few rights.
    image(machine)?;
    let ran = machine.run(&["sh", "-c", RESOLVE_INSIDE, "sh", "lxc:next-door"]);
    assert_eq!(ran.code(), Some(1), "{ran:?}");
    assert!(ran.stdout.is_empty() && !ran.stderr.contains("/command"), "{ran:?}");
    machine.run(&["lxc-stop", "-k", "-n", "next-door"]).ok()?;
    Ok(())
}
