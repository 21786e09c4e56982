//! A user as root of a user namespace, which gives no right to anything outside of it.

use libtest_mimic::{Failed, Trial};

use crate::docker;
use crate::expect::{found_by, targets};
use crate::found::{podman_of, prepare};
use crate::lxc::{PATH, define};
use crate::suite::Suite;
use crate::users::{DAVE, ERIN, undisturbed_trial};
use nicon_lab::machine::Machine;

pub(crate) fn trials(suite: &Suite) -> Vec<Trial> {
    vec![undisturbed_trial(suite, "unshared::a_user_is_still_that_user", a_user_is_still_that_user)]
}

/// As root of a user namespace, a user is still that user, whose containers in that namespace are found; others' do not matter.
fn a_user_is_still_that_user(machine: &Machine) -> Result<(), Failed> {
    prepare(machine);
    docker::run(machine, "out-of-reach", &[])?;
    define(machine, PATH, "of-the-machine", "")?;
    machine.run(&["lxc-start", "-n", "of-the-machine"]).ok()?;
    for (user, name) in [(&DAVE, "daves-pod"), (&ERIN, "erins")] {
        let unshared = ["as", user.name, "podman", "unshare"];
        for path in [name, &format!("podman:{name}"), &format!("{}@{name}", user.name)] {
            found_by(machine, &unshared, path, &podman_of(user), 0)?;
        }
        let listed = machine.run(&[&unshared[..], &["nicon-resolve", "podman:*"]].concat());
        let listed = targets(&listed.ok()?)?;
        assert!(listed.contains(&format!("podman:{name}")), "{listed:?}");
    }
    let erins = ["as", ERIN.name, "podman", "unshare", "nicon-resolve"];
    let ran = machine.run(&[&erins[..], &["**"]].concat());
    assert_eq!(
        (targets(&ran.stdout)?, ran.code(), &ran.stderr[..]),
        (vec!["erins".to_owned()], Some(0), ""),
        "{ran:?}"
    );
    let told = machine.run(&[&erins[..], &["--verbose", "**"]].concat());
    assert_eq!(told.stderr.matches("not listed, since they are of other users").count(), 1, "{told:?}");
    // The kernel lets nobody look from one user namespace into another beside it.
    let ran = machine.run(&["as", ERIN.name, "unshare", "--user", "--map-root-user", "nicon-resolve", "**"]);
    assert_eq!((ran.code(), &ran.stdout[..]), (Some(2), ""), "{ran:?}");
    let is_about_hers = |line: &str| line.contains("outside of our user namespace unless the process is in it");
    assert!(ran.stderr.contains("erins: ") && ran.stderr.lines().all(is_about_hers), "{ran:?}");
    machine.run(&["lxc-stop", "-k", "-n", "of-the-machine"]).ok()?;
    Ok(())
}
