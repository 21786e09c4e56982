//! Engines of ordinary users in containers that nobody told of: found by their runtime directories there.

use libtest_mimic::{Failed, Trial};

use crate::expect::{found_by, targets};
use crate::nested;
use crate::suite::Suite;
use crate::users::undisturbed_trial;
use nicon_lab::machine::Machine;

/// Adds a user there as a session would, but without one: nobody has put systemd in there.
const ADD: &str = r#"echo "$1:x:$2:$2::/home/$1:/bin/sh" >>/etc/passwd && echo "$1:x:$2:" >>/etc/group &&
    for file in subuid subgid; do echo "$1:$(($2 * 65536)):65536" >>/etc/$file; done &&
    install --directory --owner="$2" --group="$2" --mode=700 "/home/$1" "/run/user/$2" && chmod 1777 /tmp"#;

/// The same in a container with a user namespace of its own, which has fewer IDs, and to which the machine's programs belong to
/// nobody, so that those that set user IDs are copied. Only the first user has a runtime directory.
const ADD_WITH_IDS: &str = r#"[ -e /opt/newuidmap ] || install -D --mode=4755 --target-directory=/opt /usr/bin/newuidmap /usr/bin/newgidmap &&
    echo "$1:x:$2:$2::/home/$1:/bin/sh" >>/etc/passwd && echo "$1:x:$2:" >>/etc/group &&
    for file in subuid subgid; do echo "$1:$((($2 - 999) * 100000)):65536" >>/etc/$file; done && chmod 1777 /tmp &&
    install --directory --owner="$2" --group="$2" --mode=700 "/home/$1" &&
    { [ "$2" != 1000 ] || install --directory --owner="$2" --group="$2" --mode=700 "/run/user/$2"; }"#;

/// Waits for the Docker at the socket that the environment names.
const IMPORT: &str = "until docker info; do sleep 0.05; done && docker import /var/tmp/image.tar image";

/// Claims that a process is a container, in the files of crun and of rootlesskit. No socket remains of what was claimed before.
const FILES: &str = r#"cd /run/user/1001 && rm -f docker.sock && mkdir -p crun/stolen containerd-rootless && echo "$1" >containerd-rootless/child_pid &&
    start=$(cut -d' ' -f22 "/proc/$1/stat") && group=$(sed -n 's/^0:://p' "/proc/$1/cgroup") &&
    printf '{"pid":%s,"process-start-time":%s,"cgroup-path":"%s"}' "$1" "$start" "$group" >crun/stolen/status"#;

/// Claims it at a socket, to whoever asks for anything.
const SOCKET: &str = r#"cd /run/user/1001 && id=$(printf %064d 1) &&
    body="{\"Id\":\"$id\",\"Name\":\"/stolen\",\"State\":{\"Running\":true,\"Pid\":$1}}" &&
    printf 'HTTP/1.1 200 OK\r\nServer: Docker/1 (linux)\r\nContent-Type: application/json\r\nContent-Length: %s\r\n\r\n%s' \
        ${#body} "$body" >/home/leo/answer && exec socat UNIX-LISTEN:docker.sock,fork SYSTEM:'cat /home/leo/answer; cat >/dev/null'"#;

/// Waits for that.
const LISTENS: &str = "until [ -S /run/user/1001/docker.sock ]; do sleep 0.05; done";

/// A user in a container, and the options of `docker exec` for what they run.
struct Inner {
    name: &'static str,
    uid: &'static str,
    options: [&'static str; 4],
}

const KIM: Inner = Inner {
    name: "kim",
    uid: "1000",
    options: [
        "--user=1000",
        "--env=HOME=/home/kim",
        "--env=XDG_RUNTIME_DIR=/run/user/1000",
        "--env=DOCKER_HOST=unix:///run/user/1000/docker.sock",
    ],
};

/// One who would have the containers of others for his.
const LEO: Inner = Inner {
    name: "leo",
    uid: "1001",
    options: [
        "--user=1001",
        "--env=HOME=/home/leo",
        "--env=XDG_RUNTIME_DIR=/run/user/1001",
        "--env=DOCKER_HOST=unix:///run/user/1001/docker.sock",
    ],
};

impl Inner {
    fn add(&self, machine: &Machine, container: &str) -> Result<(), Failed> {
        machine.run(&["docker", "exec", container, "sh", "-c", ADD, "sh", self.name, self.uid]).ok()?;
        Ok(())
    }

    /// The words with which a command of theirs begins.
    fn exec<'a>(&self, container: &'a str, words: &[&'a str]) -> Vec<&'a str> {
        [&["docker", "exec"], &self.options[..], &[container], words].concat()
    }

    fn docker<'a>(&self, container: &'a str) -> Vec<&'a str> {
        self.exec(container, &["docker"])
    }

    fn podman<'a>(&self, container: &'a str) -> Vec<&'a str> {
        self.exec(container, &["env", "TMPDIR=/tmp", "podman", "--cgroup-manager=cgroupfs", "--storage-driver=vfs"])
    }

    fn start_docker(&self, machine: &Machine, container: &str) -> Result<(), Failed> {
        let daemon = [container, "/usr/share/docker.io/contrib/dockerd-rootless.sh", "--storage-driver=vfs"];
        let options = ["--iptables=false", "--ip6tables=false", "--bridge=none"];
        machine.run(&[&["docker", "exec", "--detach"], &self.options[..], &daemon, &options].concat()).ok()?;
        machine.run(&self.exec(container, &["sh", "-c", IMPORT])).ok()?;
        Ok(())
    }

    fn start_podman(&self, machine: &Machine, container: &str) -> Result<(), Failed> {
        machine.run(&[&self.podman(container)[..], &["import", "/var/tmp/image.tar", "image"]].concat()).ok()?;
        Ok(())
    }
}

pub(crate) fn trials(suite: &Suite) -> Vec<Trial> {
    let trial = |name: &str, test: fn(&Machine) -> Result<(), Failed>| undisturbed_trial(suite, name, test);
    vec![
        trial("found_inside::rootless_in_docker", rootless_in_docker),
        trial("found_inside::rootless_in_a_user_namespace", rootless_in_a_user_namespace),
        trial("found_inside::whatever_a_user_puts_there", whatever_a_user_puts_there),
    ]
}

fn run(machine: &Machine, engine: &[&str], name: &str) -> Result<(), Failed> {
    let run = ["run", "--detach", "--network=none", "--name", name, "image", "sleep", "600"];
    machine.run(&[engine, &run].concat()).ok()?;
    Ok(())
}

/// Kim has both engines, and no systemd listens for Podman.
fn rootless_in_docker(machine: &Machine) -> Result<(), Failed> {
    nested::nest(machine, "docker", "home", nested::DOCKER)?;
    KIM.add(machine, "home")?;
    KIM.start_docker(machine, "home")?;
    KIM.start_podman(machine, "home")?;
    run(machine, &KIM.docker("home"), "kims-dock")?;
    run(machine, &KIM.podman("home"), "kims-pod")?;
    for (kind, name, engine) in
        [("docker", "kims-dock", KIM.docker("home")), ("podman", "kims-pod", KIM.podman("home"))]
    {
        for path in [name, &format!("{kind}:{name}"), &format!("kim@{kind}:{name}"), &format!("1000@{name}")] {
            found_by(machine, &[], &format!("home.{path}"), &engine, 1)?;
        }
        let record = machine.run(&["nicon-resolve", &format!("home.{name}")]).ok()?;
        let record: serde_json::Value = serde_json::from_str(&record)?;
        assert_eq!(record["hops"][1]["user"], KIM.name, "{record}");
        assert_eq!(record["hops"][0].get("user"), None, "{record}");
    }
    for (pattern, prefix, expected) in
        [("home.*", "", 2), ("home.kim@*", "kim@", 2), ("home.**", "", 2), ("home.kim@podman:*", "kim@podman:", 1)]
    {
        let ran = machine.run(&["nicon-resolve", pattern]);
        let mut listed = targets(&ran.stdout)?;
        listed.sort();
        assert_eq!((ran.code(), &ran.stderr[..]), (Some(0), ""), "{pattern}: {ran:?}");
        let names = ["kims-dock", "kims-pod"].map(|name| format!("home.{prefix}{name}"));
        assert_eq!(listed, names[2 - expected..], "{pattern}: {ran:?}");
    }
    let ran = machine.run(&["nicon-resolve", "**"]);
    let listed = targets(&ran.stdout)?;
    for name in ["home.kims-dock", "home.kims-pod"] {
        assert_eq!(listed.iter().filter(|target| *target == name).count(), 1, "{name}: {ran:?}");
    }
    assert_eq!(listed.iter().filter(|target| target.contains("kims-")).count(), 2, "{ran:?}");
    Ok(())
}

/// Who has no runtime directory there is known by the ID and name that the container has for them.
fn rootless_in_a_user_namespace(machine: &Machine) -> Result<(), Failed> {
    nested::prepare(machine);
    machine.run(&["podman", "import", "/var/tmp/nest.tar", "nest"]).ok()?;
    let nest = ["podman", "run", "--detach", "--network=none", "--name=walled", "--uidmap=0:200000:300000"];
    machine.run(&[&nest[..], &nested::OPTIONS, &["nest", "sh", "-c", nested::PODMAN]].concat()).ok()?;
    let (kims, leos) = (
        ["--user=1000", "--env=HOME=/home/kim", "--env=XDG_RUNTIME_DIR=/run/user/1000"],
        ["--user=1001", "--env=HOME=/home/leo", "--env=XDG_RUNTIME_DIR="],
    );
    let mut engines = Vec::new();
    for (user, options) in [(&KIM, kims), (&LEO, leos)] {
        machine.run(&["podman", "exec", "walled", "sh", "-c", ADD_WITH_IDS, "sh", user.name, user.uid]).ok()?;
        let exec = ["podman", "exec", "--env=TMPDIR=/tmp", "--env=PATH=/opt:/usr/bin:/usr/sbin"];
        let podman = ["walled", "podman", "--cgroup-manager=cgroupfs", "--storage-driver=vfs"];
        let engine = [&exec[..], &options, &podman].concat();
        machine.run(&[&engine[..], &["import", "/var/tmp/image.tar", "image"]].concat()).ok()?;
        let name = format!("walled-{}", user.name);
        run(machine, &engine, &name)?;
        for path in [name.clone(), format!("{}@{name}", user.name), format!("{}@podman:{name}", user.uid)] {
            found_by(machine, &[], &format!("walled.{path}"), &engine, 1)?;
        }
        engines.push(engine);
    }
    let ran = machine.run(&["nicon-resolve", "walled.**"]);
    let mut listed = targets(&ran.stdout)?;
    listed.sort();
    assert_eq!(listed, ["walled.walled-kim", "walled.walled-leo"], "{ran:?}");
    let ran = machine.run(&["nicon-resolve", "walled.*"]);
    assert_eq!((ran.code(), &ran.stderr[..]), (Some(0), ""), "{ran:?}");
    // One has the name of the other's: neither takes its place.
    run(machine, &engines[1], "walled-kim")?;
    found_by(machine, &[], "walled.leo@walled-kim", &engines[1], 1)?;
    found_by(machine, &[], "walled.kim@walled-kim", &engines[0], 1)
}

/// In one container, root has Docker, Kim has Podman, and Leo claims what is theirs.
fn whatever_a_user_puts_there(machine: &Machine) -> Result<(), Failed> {
    nested::nest(machine, "docker", "shared", nested::DOCKER)?;
    machine.run(&["docker", "exec", "shared", "sh", "-c", nested::IN_DOCKER]).ok()?;
    let (roots, kims, leos) = (["docker", "exec", "shared", "docker"], KIM.podman("shared"), LEO.podman("shared"));
    for user in [&KIM, &LEO] {
        user.add(machine, "shared")?;
        user.start_podman(machine, "shared")?;
    }
    run(machine, &kims, "kims")?;
    // What has the name of root's neither takes its place nor makes it ambiguous.
    run(machine, &leos, "inner")?;
    found_by(machine, &[], "shared.inner", &roots, 1)?;
    found_by(machine, &[], "shared.root@inner", &roots, 1)?;
    found_by(machine, &[], "shared.leo@inner", &leos, 1)?;
    machine.run(&LEO.exec("shared", &["ln", "-s", "/var/run/docker.sock", "/run/user/1001/docker.sock"])).ok()?;
    refused(machine, "shared.leo@docker:inner")?;
    for (engine, name) in [(&roots[..], "inner"), (&kims, "kims")] {
        let pid = machine.run(&[engine, &["inspect", "--format", "{{.State.Pid}}", name]].concat()).ok()?;
        machine.run(&LEO.exec("shared", &["sh", "-c", FILES, "sh", &pid])).ok()?;
        for path in ["stolen", "leo@stolen", "leo@crun:stolen", "leo@containerd:stolen"] {
            refused(machine, &format!("shared.{path}"))?;
        }
        let serve = ["shared", "sh", "-c", SOCKET, "sh", &pid];
        machine.run(&[&["docker", "exec", "--detach"], &LEO.options[..], &serve].concat()).ok()?;
        machine.run(&LEO.exec("shared", &["sh", "-c", LISTENS])).ok()?;
        refused(machine, "shared.leo@docker:stolen")?;
        let ran = machine.run(&["nicon-resolve", "shared.*"]);
        let mut listed = targets(&ran.stdout)?;
        listed.sort();
        assert_eq!(listed, ["shared.inner", "shared.kims", "shared.leo@inner"], "{ran:?}");
    }
    found_by(machine, &[], "shared.inner", &roots, 1)?;
    found_by(machine, &[], "shared.kim@kims", &kims, 1)
}

/// A path leads to no process, since whoever claims one may not name it.
fn refused(machine: &Machine, path: &str) -> Result<(), Failed> {
    let refused = machine.run(&["nicon-resolve", path]);
    assert_eq!((refused.code(), &refused.stdout[..]), (Some(2), ""), "{refused:?}");
    assert!(refused.stderr.contains("may name only processes"), "{path}: {refused:?}");
    Ok(())
}
