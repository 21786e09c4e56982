//! Containers of runc and crun that come and go while nicon-resolve lists them by their files.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;

use libtest_mimic::{Failed, Trial};

use crate::apart::Apart;
use crate::suite::Suite;
use nicon_lab::machine::Machine;

/// A bundle that all containers share.
pub(crate) const BUNDLE: &str = r#"mkdir -p /run/bundle/rootfs && cd /run/bundle && tar -xf /var/tmp/image.tar -C rootfs && mkdir rootfs/proc rootfs/dev rootfs/sys &&
    runc spec && jq '.process.terminal = false | .process.args = ["sleep", "600"] | del(.process.rlimits) |
        .root.readonly = false' config.json >new &&
    mv new config.json"#;

/// Runs the container of the second argument, by the runtime that is the first, and tells its PID.
pub(crate) const RUN: &str = r#"cd /run/bundle && "$1" run --detach "$2" </dev/null >/run/log 2>&1 || { cat /run/log; exit 1; }
    "$1" state "$2" | jq .pid"#;

/// Has a runtime run and remove as many containers as the second argument says, three at a time under seven names, as fast as
/// it can, and tells when it is done. What the runtime cannot do is told, too.
const TIDE: &str = r#"cd /run/bundle
    setsid sh -c 'number=0
        while [ $number -lt $2 ]; do
            number=$((number + 1))
            "$1" run --detach "$1-$((number % 7))" </dev/null >/dev/null 2>>"/run/$1.log" || break
            [ $number -lt 3 ] || "$1" delete --force "$1-$(((number - 2) % 7))" 2>>"/run/$1.log" || break
        done; echo $number >"/run/$1.done"' sh "$1" "$2" >/dev/null 2>&1 </dev/null &"#;

/// Of lines of target, PID and start time: those of a live process that is in no cgroup of this name.
const WRONG: &str = r#"printf '%s\n' "$1" | while read -r target pid start; do
        now=$(cut -d' ' -f22 "/proc/$pid/stat" 2>/dev/null) && [ "$now" = "$start" ] || continue
        cgroup=$(cat "/proc/$pid/cgroup" 2>/dev/null) && [ -e "/proc/$pid/exe" ] || continue
        case $cgroup in */"$target" | *-"$target" | */"$target"/* | *-"$target".scope*) ;; *) echo "$target $pid $cgroup" ;; esac
    done"#;

/// How many come and go by each runtime, so that there are 500 in all.
const TIDES: &str = "250";

pub(crate) fn trials(suite: &Suite) -> Vec<Trial> {
    vec![suite.trial("tide::by_runc_and_crun", by_runc_and_crun)]
}

fn by_runc_and_crun(machine: &Machine) -> Result<(), Failed> {
    let place = Apart::of(machine)?;
    place.script(BUNDLE, &[])?;
    let mut staying = BTreeMap::new();
    for (runtime, name) in [("runc", "rock"), ("crun", "reef"), ("runc", "pier"), ("crun", "mole")] {
        staying.insert(name.to_owned(), place.script(RUN, &[runtime, name])?);
    }
    for runtime in ["runc", "crun"] {
        place.script(TIDE, &[runtime, TIDES])?;
    }
    let (mut runs, mut seen) = (0, BTreeSet::new());
    while !place.run(&["test", "-e", "/run/runc.done", "-a", "-e", "/run/crun.done"]).status.success() {
        let ran = place.run(&["nicon-resolve", if runs % 2 == 0 { "*" } else { "**" }]);
        assert_eq!((ran.code(), &ran.stderr[..]), (Some(0), ""), "run {runs}: {ran:?}");
        let mut found = BTreeMap::new();
        let mut lines = String::new();
        for line in ran.stdout.lines() {
            let record: serde_json::Value = serde_json::from_str(line)?;
            let target = record["target"].as_str().ok_or("no target")?.to_owned();
            let _ = writeln!(lines, "{target} {} {}", record["pid"], record["starttime"]);
            let twice = found.insert(target, record["pid"].to_string());
            assert_eq!(twice, None, "{line}");
        }
        assert_eq!(place.script(WRONG, &[&lines])?, "", "run {runs}");
        for (name, pid) in &staying {
            assert_eq!(found.get(name), Some(pid), "run {runs}: {name} in {ran:?}");
        }
        seen.extend(found.into_keys().filter(|name| !staying.contains_key(name)));
        runs += 1;
    }
    let done = place.script("cat /run/runc.done /run/crun.done /run/runc.log /run/crun.log", &[])?;
    assert_eq!(done, format!("{TIDES}\n{TIDES}"), "the runtimes themselves failed");
    assert!(runs > 20 && seen.len() > 7, "{runs} runs saw {seen:?}");
    place.script("for name in rock pier; do runc delete --force $name; done; for name in reef mole; do crun delete --force $name; done", &[])?;
    Ok(())
}
