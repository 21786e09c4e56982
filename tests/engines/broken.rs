//! Broken files of crun and of Podman, among others that are whole.

use libtest_mimic::{Failed, Trial};

use crate::apart::Apart;
use crate::expect::targets;
use crate::suite::Suite;
use crate::tide::{BUNDLE, RUN};
use nicon_lab::machine::Machine;

/// Runs a container of Podman's, and tells its ID and PID.
const PODMAN: &str = r#"podman image exists image || podman import /var/tmp/image.tar image >/dev/null 2>&1
    podman --cgroup-manager=cgroupfs run --detach --network=none --name "$1" image sleep 600 >/dev/null &&
    podman inspect --format '{{.Id}} {{.State.Pid}}' "$1""#;

/// Leaves only the beginning of a file.
const TEAR: &str = r#"cp "$1" /run/kept && head -c 50 /run/kept >"$1""#;
const MEND: &str = r#"mv /run/kept "$1""#;

pub(crate) fn trials(suite: &Suite) -> Vec<Trial> {
    vec![
        suite.trial("broken::state_of_crun", state_of_crun),
        suite.trial("broken::state_of_podmans_runtime", state_of_podmans_runtime),
        suite.trial("broken::list_of_podman", list_of_podman),
    ]
}

/// All that a pattern finds, though a file is broken, of which it says so once.
fn found_despite(place: &Apart, file: &str) -> Result<Vec<String>, Failed> {
    let ran = place.run(&["nicon-resolve", "*"]);
    assert_eq!((ran.code(), ran.stderr.lines().count()), (Some(2), 1), "{ran:?}");
    assert!(ran.stderr.contains(&format!("{file} is not understood")), "{ran:?}");
    let mut found = targets(&ran.stdout)?;
    found.sort();
    Ok(found)
}

/// What a path leads to, or the complaint.
fn resolve(place: &Apart, path: &str) -> (Option<i32>, String) {
    let ran = place.run(&["nicon-resolve", "--pid", path]);
    (ran.code(), [ran.stdout.trim(), ran.stderr.trim()].concat())
}

fn state_of_crun(machine: &Machine) -> Result<(), Failed> {
    let place = Apart::of(machine)?;
    place.script(BUNDLE, &[])?;
    let pid = place.script(RUN, &["crun", "whole"])?;
    place.script(RUN, &["crun", "torn"])?;
    let status = "/run/crun/torn/status";
    place.script(TEAR, &[status])?;
    assert_eq!(found_despite(&place, status)?, ["whole"]);
    assert_eq!(resolve(&place, "whole"), (Some(0), pid));
    let (code, said) = resolve(&place, "torn");
    assert!(code == Some(2) && said.contains(status), "{said}");
    // Where each directory has the container's name, it is known that there is no other.
    let (code, said) = resolve(&place, "nobody");
    assert!(code == Some(1) && said.contains("no container \"nobody\""), "{said}");
    Ok(())
}

/// Podman and crun both read it; it is told once.
fn state_of_podmans_runtime(machine: &Machine) -> Result<(), Failed> {
    let place = Apart::of(machine)?;
    let whole = place.script(PODMAN, &["whole"])?;
    let torn = place.script(PODMAN, &["torn"])?;
    let status = format!("/run/crun/{}/status", &torn[..64]);
    place.script(TEAR, &[&status])?;
    assert_eq!(found_despite(&place, &status)?, ["whole"]);
    assert_eq!(resolve(&place, "whole"), (Some(0), whole[65..].to_owned()));
    for path in ["torn", &torn[..64], &torn[..12]] {
        let (code, said) = resolve(&place, path);
        assert!(code == Some(2) && said.contains(&status), "{path}: {said}");
    }
    Ok(())
}

/// Without the list nobody knows the names; crun knows the IDs.
fn list_of_podman(machine: &Machine) -> Result<(), Failed> {
    let place = Apart::of(machine)?;
    let told = place.script(PODMAN, &["named"])?;
    let (id, pid) = (&told[..64], &told[65..]);
    assert_eq!(resolve(&place, "named"), (Some(0), pid.to_owned()));
    let list = place.script("ls /var/lib/containers/storage/*-containers/containers.json", &[])?;
    place.script(TEAR, &[&list])?;
    assert_eq!(found_despite(&place, &list)?, [id]);
    for path in [id, &id[..12], &format!("crun:{id}"), &format!("id:{id}")] {
        assert_eq!(resolve(&place, path), (Some(0), pid.to_owned()), "{path}");
    }
    for path in ["named", "nobody", "podman:named", &format!("id:{}", &id[..12])] {
        let (code, said) = resolve(&place, path);
        assert!(code == Some(2) && said.contains(&format!("{list} is not understood")), "{path}: {said}");
    }
    place.script(MEND, &[&list])?;
    assert_eq!(resolve(&place, "named"), (Some(0), pid.to_owned()));
    Ok(())
}
