//! Engines of ordinary users that nobody told of: found by their runtime directories, by each of these users and by root.

use std::sync::Once;

use libtest_mimic::{Failed, Trial};

use crate::expect::{found_by, found_where_it_is, targets};
use crate::suite::Suite;
use crate::users::{DAVE, ERIN, FRANK, GRACE, MALLORY, User, undisturbed_trial};
use crate::{docker, podman};
use nicon_lab::machine::Machine;

/// A user's containerd, as its set-up tool raises it: rootlesskit gives it a /run of its own, and leaves a PID.
const CONTAINERD: &str = r#"mkdir -p /home/$1/data && chown "$1" /home/$1/data && printf '%s\n' 'version = 2' \
    "root = '/home/$1/data'" 'state = "/run/containerd"' '[grpc]' 'address = "/run/containerd/containerd.sock"' >/home/$1/containerd.toml
    as "$1" systemd-run --user --quiet --unit=containerd --property=Delegate=yes --setenv=PATH=/usr/sbin:/usr/bin \
        --setenv=XDG_RUNTIME_DIR="/run/user/$2" rootlesskit --state-dir="/run/user/$2/containerd-rootless" --net=host \
        --copy-up=/etc --copy-up=/run --copy-up=/var/lib --propagation=rslave \
        sh -c 'rm -rf /run/containerd /run/runc; exec containerd --config "$0"' "/home/$1/containerd.toml"
    until [ -s "/run/user/$2/containerd-rootless/child_pid" ]; do sleep 0.02; done"#;

/// Runs a command where that one is.
const INSIDE: &str = r#"child=$(cat "/run/user/$2/containerd-rootless/child_pid"); user=$1; shift 2
    exec as "$user" nsenter --preserve-credentials --user --mount --target="$child" "$@""#;

/// Runs a container by it, of a bundle's specification: an image would have to be unpacked, and limits take controllers.
const JOB: &str = r#"until ctr version >/dev/null 2>&1; do sleep 0.05; done; cd /home/frank && rm -f config.json && runc spec &&
    jq '.process.args = ["sleep", "600"] | .process.terminal = false | .root.path = "/home/frank/rootfs" | del(.linux.resources)' \
        config.json >job.json && ctr run --detach --config job.json franks-job >&2 && ctr task list | awk '$1 == "franks-job" { print $2 }'"#;

pub(crate) fn trials(suite: &Suite) -> Vec<Trial> {
    let trial = |name: &str, test: fn(&Machine) -> Result<(), Failed>| undisturbed_trial(suite, name, test);
    vec![
        trial("found::by_the_user_and_by_root", by_the_user_and_by_root),
        trial("found::all_in_one_pattern", all_in_one_pattern),
        trial("found::what_root_has_is_roots", what_root_has_is_roots),
        trial("found::what_others_have_is_no_failure", what_others_have_is_no_failure),
        trial("found::whatever_a_user_puts_there", whatever_a_user_puts_there),
        trial("found::containerd_of_a_user", containerd_of_a_user),
        trial("found::claims_of_others_containers", claims_of_others_containers),
        trial("found::podman_where_it_is_set_to_be", podman_where_it_is_set_to_be),
    ]
}

pub(crate) fn podman_of(user: &User) -> [&'static str; 3] {
    ["as", user.name, "podman"]
}

fn docker_of(user: &User) -> [&'static str; 4] {
    let [run_as, name, host] = user.with_docker();
    [run_as, name, host, "docker"]
}

fn run(machine: &Machine, engine: &[&str], name: &str) -> Result<(), Failed> {
    let run = [engine, &["run", "--detach", "--network=none", "--name", name, "image", "sleep", "600"]];
    machine.run(&run.concat()).ok()?;
    Ok(())
}

/// Dave has both engines, Erin Podman alone, for which no systemd listens.
pub(crate) fn prepare(machine: &Machine) {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        DAVE.add(machine).unwrap();
        DAVE.start_podman(machine).unwrap();
        DAVE.start_docker(machine, "", "--log-level=warn").unwrap();
        ERIN.add(machine).unwrap();
        machine.script("as erin podman import /var/tmp/image.tar image", &[]).unwrap();
        podman::prepare(machine);
        for (engine, name) in
            [(&podman_of(&DAVE)[..], "daves-pod"), (&docker_of(&DAVE), "daves-dock"), (&podman_of(&ERIN), "erins")]
        {
            run(machine, engine, name).unwrap();
        }
    });
}

fn add_mallory(machine: &Machine) {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| MALLORY.add(machine).unwrap());
}

fn by_the_user_and_by_root(machine: &Machine) -> Result<(), Failed> {
    prepare(machine);
    for (user, kind, name, engine) in [
        (&DAVE, "podman", "daves-pod", &podman_of(&DAVE)[..]),
        (&DAVE, "docker", "daves-dock", &docker_of(&DAVE)),
        (&ERIN, "podman", "erins", &podman_of(&ERIN)),
    ] {
        let (by_name, by_number) = (format!("{}@{kind}:{name}", user.name), format!("{}@{name}", user.uid));
        for path in [name, &format!("{kind}:{name}"), &by_name, &by_number, &format!("{}@{name}", user.name)] {
            found_by(machine, &[], path, engine, 0)?;
            found_by(machine, &["as", user.name], path, engine, 0)?;
        }
        let record: serde_json::Value = serde_json::from_str(&machine.run(&["nicon-resolve", name]).ok()?)?;
        assert_eq!(record["hops"][0]["user"], user.name, "{record}");
        for path in [format!("root@{name}"), format!("nobody@{name}"), format!("{}@docker:no-such", user.name)] {
            let refused = machine.run(&["nicon-resolve", &path]);
            assert_eq!((refused.code(), &refused.stdout[..]), (Some(1), ""), "{refused:?}");
        }
    }
    // Nothing was started for this.
    assert_eq!(
        machine.run(&["as", DAVE.name, "systemctl", "--user", "is-active", "podman.service"]).stdout.trim(),
        "inactive"
    );
    Ok(())
}

fn all_in_one_pattern(machine: &Machine) -> Result<(), Failed> {
    prepare(machine);
    docker::run(machine, "roots-dock", &[])?;
    let ran = machine.run(&["nicon-resolve", "**"]);
    let listed = targets(&ran.stdout)?;
    for name in ["daves-pod", "daves-dock", "erins", "roots-dock"] {
        assert_eq!(listed.iter().filter(|target| target.ends_with(name)).count(), 1, "{name}: {ran:?}");
        assert!(!ran.stderr.contains(name), "{ran:?}");
    }
    for (pattern, expected) in [
        ("dave@daves-*", &["dave@daves-dock", "dave@daves-pod"][..]),
        ("dave@podman:d*", &["dave@podman:daves-pod"]),
        ("1003@docker:d*", &["dave@docker:daves-dock"]),
    ] {
        let ran = machine.run(&["nicon-resolve", "--verbose", pattern]);
        let mut listed = targets(&ran.stdout)?;
        listed.sort();
        assert_eq!(listed, expected, "{pattern}");
        // No one else's is asked for it.
        let others = ran.stderr.lines().filter(|line| line.contains("roots-dock") || line.contains("erin"));
        assert_eq!(others.count(), 0, "{pattern}: {ran:?}");
    }
    // Whatever is listed leads back to the same process.
    let ran = machine.run(&["nicon-resolve", "*", "dave@*", "podman:*", "erin@podman:*"]);
    let listed = targets(&ran.stdout)?;
    for name in ["daves-pod", "daves-dock", "erins", "roots-dock"] {
        assert!(listed.iter().any(|target| target.ends_with(name)), "{name}: {ran:?}");
    }
    for line in ran.stdout.lines() {
        let record: serde_json::Value = serde_json::from_str(line)?;
        let target = record["target"].as_str().ok_or("a record without a target")?;
        let again = machine.run(&["nicon-resolve", "--pid", target]);
        assert_eq!(again.stdout.trim(), record["pid"].to_string(), "{target}: {again:?}");
    }
    Ok(())
}

/// A user's container of the same name neither takes the place of root's, nor makes its name ambiguous.
fn what_root_has_is_roots(machine: &Machine) -> Result<(), Failed> {
    prepare(machine);
    docker::run(machine, "wanted", &[])?;
    run(machine, &podman_of(&DAVE), "wanted")?;
    run(machine, &docker_of(&DAVE), "wanted")?;
    for path in ["wanted", "docker:wanted", "root@wanted", "0@docker:wanted"] {
        found_where_it_is(machine, path, &["docker"])?;
    }
    for (path, engine) in [("dave@podman:wanted", &podman_of(&DAVE)[..]), ("dave@docker:wanted", &docker_of(&DAVE))] {
        found_by(machine, &[], path, engine, 0)?;
    }
    let ambiguous = machine.run(&["nicon-resolve", "dave@wanted"]);
    assert_eq!((ambiguous.code(), &ambiguous.stdout[..]), (Some(2), ""), "{ambiguous:?}");
    assert!(ambiguous.stderr.contains("say dave@docker:wanted or dave@podman:wanted"), "{ambiguous:?}");
    let ran = machine.run(&["nicon-resolve", "*"]);
    let mut listed = targets(&ran.stdout)?;
    listed.retain(|target| target.ends_with("wanted"));
    listed.sort();
    assert_eq!(listed, ["dave@docker:wanted", "dave@podman:wanted", "wanted"], "{ran:?}");
    // When root's has ended, the name is still root's.
    machine.run(&["docker", "stop", "--time=0", "wanted"]).ok()?;
    let refused = machine.run(&["nicon-resolve", "wanted"]);
    assert_eq!((refused.code(), &refused.stdout[..]), (Some(1), ""), "{refused:?}");
    assert!(refused.stderr.contains("is not running"), "{refused:?}");
    Ok(())
}

/// An ordinary user may not ask root's Docker, nor another's, and sees their own.
fn what_others_have_is_no_failure(machine: &Machine) -> Result<(), Failed> {
    prepare(machine);
    for pattern in ["*", "**"] {
        let ran = machine.run(&["as", ERIN.name, "nicon-resolve", pattern]);
        assert_eq!((ran.code(), &ran.stderr[..]), (Some(0), ""), "{ran:?}");
        assert_eq!(targets(&ran.stdout)?, ["erins"], "{ran:?}");
        let told = machine.run(&["as", ERIN.name, "nicon-resolve", "--verbose", pattern]);
        let lines = told.stderr.lines().filter(|line| line.contains("not listed, since they are of other users"));
        assert_eq!(lines.count(), 1, "{told:?}");
    }
    Ok(())
}

/// Mallory leaves a link to root's socket, one that nobody answers, and the PIDs of root's processes in files.
fn whatever_a_user_puts_there(machine: &Machine) -> Result<(), Failed> {
    prepare(machine);
    docker::run(machine, "coveted", &[])?;
    let pid = machine.run(&["docker", "inspect", "--format", "{{.State.Pid}}", "coveted"]).ok()?;
    add_mallory(machine);
    let listen = "as mallory ln -s /run/docker.sock /run/user/1005/docker.sock";
    machine.script(listen, &[])?;
    let ran = machine.run(&["nicon-resolve", "*"]);
    let targets_of_all = targets(&ran.stdout)?;
    assert_eq!(targets_of_all.iter().filter(|target| target.ends_with("coveted")).count(), 1, "{ran:?}");
    assert!(!ran.stderr.contains("mallory"), "{ran:?}");
    let files = r#"as mallory mkdir -p /run/user/1005/crun/stolen /run/user/1005/containerd-rootless &&
        start=$(cut -d' ' -f22 /proc/$1/stat) && group=$(sed -n 's/^0:://p' /proc/$1/cgroup) &&
        printf '{"pid":%s,"process-start-time":%s,"cgroup-path":"%s"}' $1 $start $group >/run/user/1005/crun/stolen/status &&
        echo 1 >/run/user/1005/containerd-rootless/child_pid"#;
    machine.script(files, &[&pid])?;
    for path in ["stolen", "mallory@stolen", "crun:stolen", "mallory@docker:coveted"] {
        let refused = machine.run(&["nicon-resolve", path]);
        assert_eq!((refused.code(), &refused.stdout[..]), (Some(2), ""), "{refused:?}");
        assert!(refused.stderr.contains("may name only processes"), "{refused:?}");
    }
    let ran = machine.run(&["nicon-resolve", "*"]);
    assert!(!ran.stdout.contains("stolen"), "{ran:?}");
    assert_eq!(ran.stderr.lines().filter(|line| line.contains("mallory")).count(), 2, "{ran:?}");
    // Root's own are not held up by one that never answers.
    let silence = "rm /run/user/1005/docker.sock && as mallory systemd-run --user --quiet --unit=silent \
        socat UNIX-LISTEN:/run/user/1005/docker.sock,fork EXEC:'sleep 600' &&
        until [ -S /run/user/1005/docker.sock ]; do sleep 0.02; done";
    machine.script(silence, &[])?;
    found_where_it_is(machine, "coveted", &["docker"])?;
    let ran = machine.run(&["nicon-resolve", "--timeout=1", "*"]);
    assert!(targets(&ran.stdout)?.iter().any(|target| target == "coveted"), "{ran:?}");
    assert!(ran.stderr.contains("mallory@docker: the engine does not answer"), "{ran:?}");
    // Nor is Dave's by name or ID, if it is said whose it is; otherwise, who is silent is told with that way out.
    let id = machine.run(&["as", DAVE.name, "podman", "inspect", "--format", "{{.Id}}", "daves-pod"]).ok()?;
    let (pid, few) = (machine.run(&["nicon-resolve", "--pid", "dave@daves-pod"]).ok()?, &id[..10]);
    for path in [&format!("dave@id:{few}"), &format!("podman:id:{few}")] {
        assert_eq!(machine.run(&["nicon-resolve", "--pid", "--timeout=1", path]).ok()?, pid, "{path}");
    }
    let refused = machine.run(&["nicon-resolve", "--timeout=2", &format!("id:{few}")]);
    let way_out = format!("to ask only dave@podman, say dave@podman:id:{few}");
    for words in ["mallory@docker: the engine does not answer", &way_out] {
        assert!(refused.stderr.contains(words), "{words}: {refused:?}");
    }
    let ran = machine.run(&["nicon-resolve", "--timeout=2", "id:facade"]);
    for words in ["mallory@docker: the engine does not answer", "is unknown", "as in docker:id:facade"] {
        assert!(ran.stderr.contains(words), "{words}: {ran:?}");
    }
    machine.script("rm -r /run/user/1005/docker.sock /run/user/1005/crun /run/user/1005/containerd-rootless", &[])?;
    Ok(())
}

fn containerd_of_a_user(machine: &Machine) -> Result<(), Failed> {
    FRANK.add(machine)?;
    machine.script(
        "as frank mkdir /home/frank/rootfs && as frank tar -xf /var/tmp/image.tar -C /home/frank/rootfs && mkdir -p /home/frank/rootfs/proc",
        &[],
    )?;
    machine.script(CONTAINERD, &[FRANK.name, FRANK.uid])?;
    let pid = machine.script(INSIDE, &[FRANK.name, FRANK.uid, "sh", "-c", JOB])?;
    for path in ["franks-job", "containerd:franks-job", "frank@franks-job", "frank@containerd:franks-job"] {
        for caller in [&[][..], &["as", FRANK.name]] {
            let found = machine.run(&[caller, &["nicon-resolve", "--pid", path]].concat()).ok()?;
            assert_eq!(found, pid, "{path} for {caller:?}");
        }
    }
    let link = machine.run(&["readlink", &format!("/proc/{pid}/ns/mnt")]).ok()?;
    let exec = ["ctr", "task", "exec", "--exec-id=witness", "franks-job", "readlink", "/proc/self/ns/mnt"];
    let witness = machine.script(INSIDE, &[&[FRANK.name, FRANK.uid][..], &exec].concat())?;
    assert_eq!(link, witness);
    assert_eq!(targets(&machine.run(&["nicon-resolve", "frank@*"]).ok()?)?, ["frank@franks-job"]);
    Ok(())
}

/// Mallory's engine has containers whose IDs are names and IDs of root's and of Dave's. That hides none of these.
fn claims_of_others_containers(machine: &Machine) -> Result<(), Failed> {
    prepare(machine);
    docker::run(machine, "claimed", &[])?;
    run(machine, &podman_of(&DAVE), "daves-claimed")?;
    add_mallory(machine);
    let id = |engine: &[&str], name| machine.run(&[engine, &["inspect", "--format", "{{.Id}}", name]].concat()).ok();
    let ids = [id(&["docker"], "claimed")?, id(&podman_of(&DAVE), "daves-claimed")?];
    let claims = ["claimed", "daves-claimed", &ids[0], &ids[1]].map(|id| format!(r#"{{"Id":"{id}","Names":["/!!"]}}"#));
    let list = format!("[{}]", claims.join(","));
    let answer = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{list}", list.len());
    // It reads the request, without which the connection would be reset.
    let serve = r#"printf %s "$1" >/run/claims && chmod 644 /run/claims &&
        echo 'while read -r line && [ ${#line} -gt 1 ]; do :; done; cat /run/claims' >/run/claim &&
        as mallory systemd-run --user --quiet --unit=claims \
            socat UNIX-LISTEN:/run/user/1005/docker.sock,fork EXEC:'sh /run/claim' &&
        until [ -S /run/user/1005/docker.sock ]; do sleep 0.02; done"#;
    machine.script(serve, &[&answer])?;
    let ran = machine.run(&["nicon-resolve", "--timeout=2", "*"]);
    let listed = targets(&ran.stdout)?;
    for name in ["claimed", "dave@daves-claimed"] {
        assert_eq!(listed.iter().filter(|target| *target == name).count(), 1, "{name}: {ran:?}");
    }
    // An ID that two claim has a way out that works.
    let by_id = format!("id:{}", ids[1]);
    let refused = machine.run(&["nicon-resolve", &by_id]);
    let ways = [format!("mallory@{by_id}"), format!("dave@{by_id}")];
    assert!(ways.iter().all(|way| refused.stderr.contains(way)), "{refused:?}");
    let pid =
        machine.run(&["as", DAVE.name, "podman", "inspect", "--format", "{{.State.Pid}}", "daves-claimed"]).ok()?;
    for way in [&ways[1], &format!("podman:{by_id}"), &format!("1003@podman:id:{}", &ids[1][..6])] {
        assert_eq!(machine.run(&["nicon-resolve", "--pid", way]).ok()?, pid, "{way}");
    }
    // What she claims is refused, and not said to be nothing.
    let ran = machine.run(&["nicon-resolve", "--timeout=2", "mallory@*"]);
    assert!(ran.stdout.is_empty() && ran.code() == Some(2) && !ran.stderr.contains("no running container"), "{ran:?}");
    assert!(!ran.stderr.contains("left out: docker") && !ran.stderr.contains("docker runs several"), "{ran:?}");
    found_where_it_is(machine, "claimed", &["docker"])?;
    machine.script("as mallory systemctl --user stop claims; rm -f /run/user/1005/docker.sock", &[])?;
    Ok(())
}

/// Podman's files may be anywhere.
fn podman_where_it_is_set_to_be(machine: &Machine) -> Result<(), Failed> {
    GRACE.add(machine)?;
    let set = r#"as grace mkdir -p /home/grace/.config/containers && printf '%s\n' '[storage]' 'driver = "vfs"' \
        'graphroot = "/home/grace/elsewhere"' 'runroot = "/run/user/1007/aside"' |
        as grace tee /home/grace/.config/containers/storage.conf >&2 &&
        as grace podman import /var/tmp/image.tar image && as grace systemctl --user start podman.socket"#;
    machine.script(set, &[])?;
    run(machine, &podman_of(&GRACE), "graces")?;
    for caller in [&[][..], &["as", GRACE.name]] {
        found_by(machine, caller, "graces", &podman_of(&GRACE), 0)?;
        found_by(machine, caller, "grace@podman:graces", &podman_of(&GRACE), 0)?;
        let listed = machine.run(&[caller, &["nicon-resolve", "grace@*"]].concat());
        assert_eq!(targets(&listed.ok()?)?, ["grace@graces"]);
    }
    let active = machine.run(&["as", GRACE.name, "systemctl", "--user", "is-active", "podman.service"]);
    assert_eq!(active.stdout.trim(), "inactive");
    Ok(())
}
