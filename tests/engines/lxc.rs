//! Containers of LXC, root's and a user's, wherever they are defined, and whoever would have another taken for one.

use libtest_mimic::{Failed, Trial};
use nicon_lab::machine::Machine;
use serde_json::Value;

use crate::docker;
use crate::expect::{is_in, targets};
use crate::nested;
use crate::suite::Suite;
use crate::users::{User, undisturbed_trial};
use crate::watching::Watching;

/// Where root's are defined by default.
pub(crate) const PATH: &str = "/var/lib/lxc";

/// Defines a container: its directory of all, its name, and more lines of its configuration.
const DEFINE: &str = r#"cd / && rm -rf "$1/$2" && mkdir -p "$1/$2/rootfs" && tar -xf /var/tmp/image.tar -C "$1/$2/rootfs" &&
    mkdir -p "$1/$2/rootfs/proc" "$1/$2/rootfs/dev" &&
    printf '%s\n' "lxc.rootfs.path = dir:$1/$2/rootfs" "lxc.uts.name = box" "lxc.net.0.type = empty" "lxc.mount.auto = proc" \
        "lxc.init.cmd = /bin/sleep 600" "lxc.apparmor.profile = unconfined" "$3" >"$1/$2/config""#;

/// The same of a user, to whom the range of IDs belongs that its root file system has.
const DEFINE_AS_USER: &str = r#"sub=$(grep "^$4:" /etc/subuid | cut -d: -f2) && maps=$(printf 'lxc.idmap = %s 0 %s 65536\n' u "$sub" g "$sub") &&
    sed -i '/lxc.mount.auto/d' "$1/$2/config" && echo "$maps" >>"$1/$2/config" && chown -R "$sub:$sub" "$1/$2/rootfs" && chmod 755 "/home/$4""#;

const JUDY: User = User { name: "judy", uid: "1031", docker: "" };
const TRENT: User = User { name: "trent", uid: "1032", docker: "" };

pub(crate) fn trials(suite: &Suite) -> Vec<Trial> {
    vec![
        suite.trial("lxc::wherever_they_are", wherever_they_are),
        undisturbed_trial(suite, "lxc::of_a_user", of_a_user),
        suite.trial("lxc::a_name_of_two_engines", a_name_of_two_engines),
        suite.trial("lxc::names_of_cgroups_prove_nothing", names_of_cgroups_prove_nothing),
        undisturbed_trial(suite, "lxc::a_users_monitor_is_the_users", a_users_monitor_is_the_users),
        suite.trial("lxc::with_docker_inside", with_docker_inside),
        suite.trial("lxc::is_followed", is_followed),
    ]
}

/// Defines a container of root's, with more lines of its configuration.
pub(crate) fn define(machine: &Machine, path: &str, name: &str, more: &str) -> Result<(), Failed> {
    machine.script(DEFINE, &[path, name, more])?;
    Ok(())
}

pub(crate) fn start(machine: &Machine, path: &str, name: &str) -> Result<(), Failed> {
    machine.run(&["lxc-start", "-P", path, "-n", name]).ok()?;
    Ok(())
}

/// A path leads to the first process of a container, as LXC's own commands name it.
fn is_there(machine: &Machine, caller: &[&str], target: &str, path: &str, name: &str) -> Result<(), Failed> {
    let lxc = |command, rest: &[&str]| machine.run(&[caller, &[command, "-P", path, "-n", name], rest].concat()).ok();
    let pid = lxc("lxc-info", &["-pH"])?;
    let link = machine.run(&["readlink", &format!("/proc/{pid}/ns/mnt")]).ok()?;
    is_in(machine, target, &pid, &link)
}

/// Those at the usual place and elsewhere, with cgroups of other names, by each program that starts them.
fn wherever_they_are(machine: &Machine) -> Result<(), Failed> {
    for (path, name, more) in [
        (PATH, "plain", ""),
        (PATH, "with.dots", ""),
        ("/srv/lxc", "elsewhere", ""),
        ("/srv/a dir", "spaced", ""),
        ("/srv/lxc", "in-own-cgroup", "lxc.cgroup.dir = made/up"),
    ] {
        define(machine, path, name, more)?;
        start(machine, path, name)?;
        for target in [format!("/{name}"), format!("/lxc:{name}")] {
            is_there(machine, &[], &target, path, name)?;
        }
    }
    // Its name does not fit into that of its socket, and is hashed there.
    let deep = format!("/srv/{}", "deep/".repeat(20).trim_end_matches('/'));
    define(machine, &deep, "hashed", "")?;
    start(machine, &deep, "hashed")?;
    is_there(machine, &[], "lxc:hashed", &deep, "hashed")?;
    for (name, by) in [("in-front", &["lxc-start", "-F"][..]), ("executed", &["lxc-execute"])] {
        define(machine, PATH, name, "")?;
        let unit = format!("--unit=lxc-{name}");
        let words = [&["systemd-run", "--quiet", &unit], by, &["-n", name, "--", "/bin/sleep", "600"]].concat();
        machine.run(&words).ok()?;
        machine.run(&["lxc-wait", "-n", name, "-s", "RUNNING", "-t", "10"]).ok()?;
        is_there(machine, &[], name, PATH, name)?;
    }
    let listed = targets(&machine.run(&["nicon-resolve", "lxc:*"]).stdout)?;
    for target in ["lxc:plain", "/lxc:with.dots", "lxc:elsewhere", "lxc:hashed", "lxc:in-front", "lxc:executed"] {
        assert!(listed.iter().any(|listed| listed == target), "{target}: {listed:?}");
    }
    let record: Value = serde_json::from_str(&machine.run(&["nicon-resolve", "plain"]).ok()?)?;
    let hop = &record["hops"][0];
    assert_eq!((&hop["engine"], &hop["via"], &hop["verified"]), (&"lxc".into(), &"monitor".into(), &"monitor".into()));
    let parent = machine.script("ps -o ppid= -p $1", &[&record["pid"].to_string()])?;
    assert_eq!(hop["monitor"].to_string(), parent.trim(), "{hop}");
    // What is defined and does not run is a clear no.
    define(machine, PATH, "idle", "")?;
    let refused = machine.run(&["nicon-resolve", "idle"]);
    assert_eq!((refused.code(), &refused.stdout[..]), (Some(1), ""), "{refused:?}");
    assert!(refused.stderr.contains("is not running"), "{refused:?}");
    Ok(())
}

/// Those of a user, in the user's own cgroups.
fn run_as(machine: &Machine, user: &User, name: &str) -> Result<String, Failed> {
    let path = format!("/home/{}/.local/share/lxc", user.name);
    machine.script(&format!("as $4 mkdir -p \"$1\" && {DEFINE}"), &[&path, name, "", user.name])?;
    machine.script(DEFINE_AS_USER, &[&path, name, "", user.name])?;
    let scope = ["systemd-run", "--user", "--scope", "--quiet", "--property=Delegate=yes"];
    machine.run(&[&["as", user.name], &scope[..], &["lxc-start", "-n", name]].concat()).ok()?;
    Ok(path)
}

fn of_a_user(machine: &Machine) -> Result<(), Failed> {
    JUDY.add(machine)?;
    let path = run_as(machine, &JUDY, "judys")?;
    let pid = machine.run(&["as", "judy", "lxc-info", "-n", "judys", "-pH"]).ok()?;
    for target in ["judys", "lxc:judys", "judy@judys", "judy@lxc:judys"] {
        is_there(machine, &["as", "judy"], target, &path, "judys")?;
        assert_eq!(machine.run(&["as", "judy", "nicon-resolve", "--pid", target]).ok()?, pid, "{target}");
    }
    assert_eq!(targets(&machine.run(&["nicon-resolve", "judy@*"]).ok()?)?, ["judy@judys"]);
    // Root's container of that name is root's, and hers is still there.
    define(machine, PATH, "judys", "")?;
    start(machine, PATH, "judys")?;
    is_there(machine, &[], "judys", PATH, "judys")?;
    assert_eq!(machine.run(&["nicon-resolve", "--pid", "judy@judys"]).ok()?, pid);
    Ok(())
}

fn a_name_of_two_engines(machine: &Machine) -> Result<(), Failed> {
    docker::run(machine, "of-two", &[])?;
    define(machine, PATH, "of-two", "")?;
    // What does not run is nobody's rival.
    let dockers = machine.run(&["nicon-resolve", "--pid", "docker:of-two"]).ok()?;
    assert_eq!(machine.run(&["nicon-resolve", "--pid", "of-two"]).ok()?, dockers);
    start(machine, PATH, "of-two")?;
    let refused = machine.run(&["nicon-resolve", "of-two"]);
    assert_eq!((refused.code(), &refused.stdout[..]), (Some(2), ""), "{refused:?}");
    assert!(refused.stderr.contains("docker:of-two") && refused.stderr.contains("lxc:of-two"), "{refused:?}");
    assert_eq!(machine.run(&["nicon-resolve", "--pid", "docker:of-two"]).ok()?, dockers);
    is_there(machine, &[], "lxc:of-two", PATH, "of-two")
}

/// A process in a cgroup that is called as LXC calls those of its containers is in no container for that.
fn names_of_cgroups_prove_nothing(machine: &Machine) -> Result<(), Failed> {
    let made = "mkdir -p /sys/fs/cgroup/lxc.payload.haunted /sys/fs/cgroup/lxc.monitor.haunted &&
        systemd-run --quiet --unit=haunted unshare --pid --mount --fork --kill-child sleep 600 &&
        for pid in $(pgrep -f '^sleep 600$' -P $(systemctl show -P MainPID haunted)); do
            echo $pid >/sys/fs/cgroup/lxc.payload.haunted/cgroup.procs; done";
    machine.script(made, &[])?;
    let refused = machine.run(&["nicon-resolve", "lxc:haunted"]);
    assert_eq!((refused.code(), &refused.stdout[..]), (Some(1), ""), "{refused:?}");
    machine.script(
        "systemctl kill --signal=KILL haunted; for name in payload monitor; do until rmdir /sys/fs/cgroup/lxc.$name.haunted 2>&-; do sleep 0.02; done; done",
        &[],
    )?;
    Ok(())
}

/// A user has a program called like LXC's, titled like its monitors, which listens at the socket of a container of root's that
/// does not run, and has a child in namespaces of its own.
fn a_users_monitor_is_the_users(machine: &Machine) -> Result<(), Failed> {
    TRENT.add(machine)?;
    for name in ["coveted-lxc", "taken-lxc"] {
        define(machine, PATH, name, "")?;
    }
    start(machine, PATH, "taken-lxc")?;
    let forge = r#"as trent cp /usr/bin/socat /home/trent/lxc-start
        for at in /var/lib/lxc/coveted-lxc /home/trent/lxc/taken-lxc; do
            as trent systemd-run --user --quiet /bin/bash -c "exec -a '[lxc monitor] ${at%/*} ${at##*/}' /home/trent/lxc-start \
                ABSTRACT-LISTEN:$at/command,fork SYSTEM:'unshare --user --map-root-user --pid --mount --fork sleep 600',pipes"
            until grep -q "@$at/command" /proc/net/unix; do sleep 0.02; done
        done"#;
    machine.script(forge, &[])?;
    // Somebody connects, whereupon the child begins.
    let poke = r"for at in /var/lib/lxc/coveted-lxc /home/trent/lxc/taken-lxc; do
            systemd-run --quiet --unit=poke-${at##*/} socat PIPE ABSTRACT-CONNECT:$at/command
        done";
    machine.script(poke, &[])?;
    is_there(machine, &[], "taken-lxc", PATH, "taken-lxc")?;
    is_there(machine, &[], "root@lxc:taken-lxc", PATH, "taken-lxc")?;
    let refused = machine.run(&["nicon-resolve", "root@lxc:coveted-lxc"]);
    assert_eq!((refused.code(), &refused.stdout[..]), (Some(1), ""), "{refused:?}");
    let ran = machine.run(&["nicon-resolve", "root@lxc:*"]);
    let roots = targets(&ran.stdout)?;
    assert!(!roots.iter().any(|target| target.ends_with("coveted-lxc")), "{ran:?}");
    // Whatever is found without a user's name is root's, or bound to be that user's.
    let ran = machine.run(&["nicon-resolve", "coveted-lxc"]);
    if let Ok(record) = serde_json::from_str::<Value>(&ran.stdout) {
        assert_eq!(record["hops"][0]["user"], "trent", "{ran:?}");
        assert_ne!(
            record["ns"]["user"],
            serde_json::from_str::<Value>(&machine.run(&["nicon-resolve", "taken-lxc"]).ok()?)?["ns"]["user"]
        );
    } else {
        assert!(matches!(ran.code(), Some(1 | 2)) && ran.stdout.is_empty(), "{ran:?}");
    }
    machine.script("systemctl stop 'poke-*'; as trent systemctl --user kill --signal=KILL 'run-*'", &[])?;
    Ok(())
}

/// A container whose programs are the machine's, with a Docker daemon.
fn with_docker_inside(machine: &Machine) -> Result<(), Failed> {
    let more = [
        "mount.auto = proc:rw sys:rw",
        "mount.entry = /usr usr none ro,bind 0 0",
        "mount.entry = /var/tmp var/tmp none ro,bind 0 0",
    ];
    let more = more.map(|line| format!("lxc.{line}")).join("\n") + "\nlxc.cap.drop =\nlxc.init.cmd = /bin/sh /start";
    define(machine, PATH, "nest", &more)?;
    let fill = r#"cd /var/lib/lxc/nest/rootfs && rm -r bin && mkdir -p etc root run sys tmp usr var/tmp var/lib &&
        for name in bin lib lib64 sbin; do ln -s usr/$name $name; done &&
        printf '%s\n' 'export PATH=/usr/sbin:/usr/bin:/sbin:/bin' 'mount -t tmpfs run /run && mount -t cgroup2 cgroup2 /sys/fs/cgroup' "$1" >start"#;
    machine.script(fill, &[nested::DOCKER])?;
    start(machine, PATH, "nest")?;
    let inside = |words: &[&str]| {
        let inside = ["lxc-attach", "-n", "nest", "--", "env", "PATH=/usr/sbin:/usr/bin:/sbin:/bin"];
        machine.run(&[&inside, words].concat()).ok()
    };
    inside(&["sh", "-c", nested::IN_DOCKER])?;
    let pid = inside(&["docker", "inspect", "--format", "{{.State.Pid}}", "inner"])?;
    let link = inside(&["docker", "exec", "inner", "readlink", "/proc/self/ns/mnt"])?;
    for path in ["nest.inner", "lxc:nest.docker:inner"] {
        let found = machine.run(&["nicon-resolve", "--pid", path]).ok()?;
        let told = machine.script("grep ^NSpid: /proc/$1/status", &[&found])?;
        assert_eq!(told.split_whitespace().nth(2), Some(&pid[..]), "{path}: {told}");
        is_in(machine, path, &found, &link)?;
    }
    let ran = machine.run(&["nicon-resolve", "lxc:nest.**"]);
    assert_eq!(targets(&ran.stdout)?, ["lxc:nest.inner"], "{ran:?}");
    Ok(())
}

fn is_followed(machine: &Machine) -> Result<(), Failed> {
    define(machine, PATH, "followed-lxc", "")?;
    machine.script("until [ -p /run/lxc/var/lib/lxc/monitor-fifo ]; do sleep 0.02; done", &[])?;
    let mut watching = Watching::start(machine, &[], &["lxc:followed-*", "lxc:followed-lxc"])?;
    watching.expect("lxc:followed-lxc", "gone");
    for _ in 0..2 {
        start(machine, PATH, "followed-lxc")?;
        let pid = machine.run(&["lxc-info", "-n", "followed-lxc", "-pH"]).ok()?;
        for _ in 0..2 {
            watching.expect_process("lxc:followed-lxc", "arrived", &pid);
        }
        machine.run(&["lxc-stop", "-k", "-n", "followed-lxc"]).ok()?;
        for _ in 0..2 {
            watching.expect("lxc:followed-lxc", "gone");
        }
    }
    Ok(())
}
