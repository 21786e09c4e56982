//! What pods' paths lead to, and what is told of pods where something is missing, changes, or is not what it says.

use libtest_mimic::{Failed, Trial};
use serde_json::{Value, json};

use crate::podman;
use crate::pods::Pod;
use crate::suite::Suite;
use crate::watching::Watching;
use nicon_lab::machine::Machine;

pub(crate) fn trials(suite: &Suite) -> Vec<Trial> {
    vec![
        suite.trial("pods::of_one_name_in_two_namespaces", of_one_name_in_two_namespaces),
        suite.trial("pods::without_a_sandbox", without_a_sandbox),
        suite.trial("pods::that_files_alone_tell_of", that_files_alone_tell_of),
        suite.trial("pods::are_watched_by_their_paths", are_watched_by_their_paths),
        suite.trial("pods::are_watched_by_a_pattern_for_all", are_watched_by_a_pattern_for_all),
        suite.trial("pods::with_labels", with_labels),
        suite.trial("pods::that_are_not_there", that_are_not_there),
    ]
}

fn of_one_name_in_two_namespaces(machine: &Machine) -> Result<(), Failed> {
    let pods = [Pod::run(machine, "twin", &[])?, Pod::run(machine, "twin", &["--namespace=other"])?];
    let ids = [pods[0].add("of-twin", &[])?, pods[1].add("of-twin", &[])?];
    let refused = machine.run(&["nicon-resolve", "pod:twin"]);
    assert_eq!((refused.code(), &refused.stdout[..]), (Some(2), ""), "{refused:?}");
    assert!(refused.stderr.contains("say pod:default:twin or pod:other:twin"), "{refused:?}");
    for (pod, id) in pods.iter().zip(&ids) {
        let pid = machine.run(&["cri", "pid", id]).ok()?;
        for pattern in [format!("{}/*", pod.path), format!("{}/of-twin", pod.path), format!("{}.**", pod.path)] {
            assert_eq!(machine.run(&["nicon-resolve", "--pid", &pattern]).ok()?, pid, "{pattern}");
        }
        // The way back, also from the network namespace, which is the pod's.
        let of = machine.run(&["nicon-resolve", "--json", &format!("--of=pid:{pid}")]).ok()?;
        let record: Value = serde_json::from_str(&of)?;
        assert_eq!(record["target"], format!("{}/of-twin", pod.path), "{record}");
        pod.is_told(&record);
        pod.is_listed()?;
    }
    Ok(())
}

/// Kubernetes will begin the pod anew; until then its containers run.
fn without_a_sandbox(machine: &Machine) -> Result<(), Failed> {
    let pod = Pod::run(machine, "headless", &[])?;
    let id = pod.add("left-over", &[])?;
    let (pid, sandbox) = (machine.run(&["cri", "pid", &id]).ok()?, machine.run(&["cri", "sandbox", &pod.id]).ok()?);
    machine.script("kill -9 $1; while [ -e /proc/$1/root/. ]; do sleep 0.02; done", &[&sandbox])?;
    let bundle = format!("/run/containerd/io.containerd.runtime.v2.task/k8s.io/{}", pod.id);
    machine.script("while [ -e $1 ]; do sleep 0.02; done", &[&bundle])?;
    for path in ["pod:headless", "pod:headless/left-over", "pod:default:headless/left-over"] {
        let refused = machine.run(&["nicon-resolve", path]);
        assert_eq!((refused.code(), &refused.stdout[..]), (Some(1), ""), "{refused:?}");
        let words = format!(
            "the sandbox of pod default/headless does not run; name its containers alone: left-over as id:{}",
            &id[..12]
        );
        assert!(refused.stderr.contains(&words), "{refused:?}");
    }
    assert_eq!(machine.run(&["nicon-resolve", "--pid", &format!("id:{}", &id[..12])]).ok()?, pid);
    let ran = machine.run(&["nicon-resolve", "left-*"]);
    let record: Value = serde_json::from_str(&ran.ok()?)?;
    assert_eq!((record["target"].as_str(), record["pid"].to_string()), (Some("left-over"), pid), "{record}");
    pod.is_told(&record);
    let ran = machine.run(&["nicon-resolve", "pod:headless*/*"]);
    assert_eq!((ran.code(), &ran.stdout[..]), (Some(2), ""), "{ran:?}");
    assert!(ran.stderr.contains("its container \"left-over\" does"), "{ran:?}");
    machine.run(&["cri", "remove", &pod.id]).ok()?;
    Ok(())
}

/// Whoever can write where containerd keeps bundles names any pod, but its shim is not the pod's.
fn that_files_alone_tell_of(machine: &Machine) -> Result<(), Failed> {
    let pod = Pod::run(machine, "victim", &[])?;
    let id = pod.add("true-web", &[])?;
    let pid = machine.run(&["cri", "pid", &id]).ok()?;
    let run = ["docker", "run", "--detach", "--network=none", "--name=usurper", "image", "sleep", "600"];
    let forged = machine.run(&run).ok()?;
    let bundles = "/run/containerd/io.containerd.runtime.v2.task/k8s.io";
    let forge = r#"jq --arg name true-web '.annotations."io.kubernetes.cri.container-name" = $name' "$1/$2/config.json" >/tmp/forged.json &&
        mkdir "$1/$3" && docker inspect --format '{{.State.Pid}}' usurper >"$1/$3/init.pid" && mv /tmp/forged.json "$1/$3/config.json""#;
    machine.script(forge, &[bundles, &id, &forged])?;
    let found = machine.run(&["nicon-resolve", "--pid", "pod:victim/true-web"]);
    let all = machine.run(&["nicon-resolve", "pod:victim/*"]);
    let alone = machine.run(&["nicon-resolve", "pod:victim/usurper"]);
    machine.script("rm -r \"$1/$2\" && docker rm --force usurper", &[bundles, &forged])?;
    assert_eq!(found.ok()?, pid);
    assert_eq!((all.code(), all.stdout.lines().count()), (Some(2), 1), "{all:?}");
    let words = format!("{} is not in pod default/victim, though files say so", &forged[..12]);
    assert!(all.stderr.contains(&words), "{all:?}");
    assert_ne!(alone.code(), Some(0), "{alone:?}");
    pod.is_listed()
}

/// By a path, and by patterns.
fn are_watched_by_their_paths(machine: &Machine) -> Result<(), Failed> {
    let pod = Pod::run(machine, "tidal", &[])?;
    let first = pod.add("tide", &[])?;
    let pid = machine.run(&["cri", "pid", &first]).ok()?;
    let (path, found) = ("pod:tidal/tide", "pod:default:tidal/tide");
    let mut watching = Watching::start(machine, &[], &[path, "pod:default:tidal/*", "pod:tidal"])?;
    watching.expect_process("pod:tidal", "present", &machine.run(&["cri", "sandbox", &pod.id]).ok()?);
    watching.expect_process(path, "present", &pid);
    let event = watching.expect_process(found, "present", &pid);
    pod.is_told(&event);
    machine.run(&["cri", "stop", &first]).ok()?;
    watching.expect(path, "gone");
    watching.expect(found, "gone");
    let second = pod.add("tide", &["--attempt=1"])?;
    let pid = machine.run(&["cri", "pid", &second]).ok()?;
    watching.expect_process(path, "arrived", &pid);
    watching.expect_process(found, "arrived", &pid);
    // The pod ends as a whole, and another of its name comes.
    machine.run(&["cri", "remove", &pod.id]).ok()?;
    for path in [path, found, "pod:tidal"] {
        watching.expect(path, "gone");
    }
    let pod = Pod::run(machine, "tidal", &[])?;
    watching.expect_process("pod:tidal", "arrived", &machine.run(&["cri", "sandbox", &pod.id]).ok()?);
    let third = pod.add("tide", &[])?;
    let pid = machine.run(&["cri", "pid", &third]).ok()?;
    watching.expect_process(path, "arrived", &pid);
    watching.expect_process(found, "arrived", &pid);
    Ok(())
}

/// All of a machine, by one pattern for all depths.
fn are_watched_by_a_pattern_for_all(machine: &Machine) -> Result<(), Failed> {
    let mut watching = Watching::start(machine, &[], &["--engine=containerd", "**", "nobody"])?;
    watching.expect("nobody", "gone");
    let pod = Pod::run(machine, "surge", &[])?;
    let sandbox = machine.run(&["cri", "sandbox", &pod.id]).ok()?;
    watching.expect_process("pod:default:surge", "arrived", &sandbox);
    let id = pod.add("wave", &[])?;
    let pid = machine.run(&["cri", "pid", &id]).ok()?;
    let event = watching.expect_process("pod:default:surge/wave", "arrived", &pid);
    assert_eq!((event["engine_of"].is_null(), event["hops"].as_array().map(Vec::len)), (true, Some(2)), "{event}");
    machine.run(&["cri", "remove", &pod.id]).ok()?;
    watching.expect("pod:default:surge/wave", "gone");
    watching.expect("pod:default:surge", "gone");
    Ok(())
}

fn that_are_not_there(machine: &Machine) -> Result<(), Failed> {
    let pod = Pod::run(machine, "quite-alone", &[])?;
    pod.add("only-one", &[])?;
    Pod::run(machine, "dot.ted", &[])?;
    for (path, words) in [
        ("pod:quite-alon", "no pod \"quite-alon\" (did you mean pod:default:quite-alone?)"),
        ("pod:other:quite-alone", "no pod \"quite-alone\""),
        ("pod:dot", "one is called \"dot.ted\": separate names with slashes, as in /pod:default:dot.ted"),
        ("pod:quite-alone/only-on", "did you mean only-one?"),
        ("pod:quite-alone/pod:quite-alone", "there are no pods in a pod"),
        ("quite-alone", "did you mean pod:default:quite-alone"),
    ] {
        let refused = machine.run(&["nicon-resolve", path]);
        assert_eq!((refused.code(), &refused.stdout[..]), (Some(1), ""), "{refused:?}");
        assert!(refused.stderr.contains(words), "{refused:?}");
    }
    Ok(())
}

/// Those of Kubernetes itself are in files; that there may be others is told.
fn with_labels(machine: &Machine) -> Result<(), Failed> {
    let pod = Pod::run(machine, "labelled", &[])?;
    let id = pod.add("by-kubernetes", &[])?;
    let pid = machine.run(&["cri", "pid", &id]).ok()?;
    let of = |words: &[&str]| machine.run(&[&["nicon-resolve", "--pid"], words].concat());
    let of_pod = "--label=io.kubernetes.pod.name=labelled";
    assert_eq!(of(&["pod:labelled/*", of_pod, "--label=io.kubernetes.container.name=by-kubernetes"]).ok()?, pid);
    let other = of(&["pod:labelled/by-kubernetes", "--label=io.kubernetes.pod.name=other"]);
    assert_eq!((other.code(), &other.stdout[..]), (Some(1), ""), "{other:?}");
    for path in ["pod:labelled/by-kubernetes", "pod:labelled/*"] {
        let unknown = of(&[path, "--label=app=web"]);
        assert_eq!((unknown.code(), &unknown.stdout[..]), (Some(2), ""), "{unknown:?}");
        assert!(unknown.stderr.contains("whether it has a label \"app\" is unknown"), "{unknown:?}");
    }
    let told = machine.run(&["nicon-resolve", "--labels", "pod:labelled/by-kubernetes"]);
    let record: Value = serde_json::from_str(&told.stdout)?;
    let expected = json!({ "io.kubernetes.container.name": "by-kubernetes", "io.kubernetes.pod.name": "labelled",
        "io.kubernetes.pod.namespace": "default", "io.kubernetes.pod.uid": "uid-labelled" });
    assert_eq!((&record["labels"], told.code()), (&expected, Some(2)), "{told:?}");
    assert!(told.stderr.contains("there may be other labels"), "{told:?}");
    // Podman sleeps, and its files have none; unless another test has woken it.
    podman::prepare(machine);
    machine.run(&["podman", "run", "--detach", "--network=none", "--name=unlabelled", "image", "sleep", "600"]).ok()?;
    let asleep = of(&["podman:unlabelled", "--label=app"]);
    machine.run(&["podman", "rm", "--force", "--time=0", "unlabelled"]).ok()?;
    let words = ["is unknown: they are not in the files of podman", "has no label"];
    let expected = if asleep.code() == Some(2) { words[0] } else { words[1] };
    assert!(asleep.stdout.is_empty() && asleep.stderr.contains(expected), "{asleep:?}");
    Ok(())
}
