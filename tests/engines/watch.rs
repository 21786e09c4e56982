//! nicon-resolve --watch and engines that only keep files: runc, crun and containerd.

use libtest_mimic::{Failed, Trial};
use nicon_lab::machine::Machine;

use crate::suite::Suite;
use crate::watching::Watching;

pub(crate) fn trials(suite: &Suite) -> Vec<Trial> {
    vec![
        suite.trial("watch::runc_and_crun_by_hand", runc_and_crun),
        suite.trial("watch::docker_as_debian_has_it", docker_as_debian_has_it),
    ]
}

/// Starts a container of a runtime's, and tells its PID.
const RUN: &str = r#"bundle=$(mktemp -d) && cd $bundle && mkdir rootfs && tar -xf /var/tmp/image.tar -C rootfs && runc spec &&
    jq '.process.args = ["/bin/sleep", "600"] | .process.terminal = false | .linux.resources = {} | del(.process.rlimits)' \
        config.json >changed.json &&
    mv changed.json config.json && "$1" run --detach "$2" >/dev/null 2>&1 </dev/null && "$1" state "$2" | jq .pid"#;

fn runc_and_crun(machine: &Machine) -> Result<(), Failed> {
    for runtime in ["runc", "crun"] {
        let (name, present) = (format!("watched-by-{runtime}"), format!("watched-before-{runtime}"));
        let before = machine.script(RUN, &[runtime, &present])?;
        let pattern = format!("{runtime}:watched-*");
        let mut watching = Watching::start(machine, &[], &[&pattern, &format!("{runtime}:never")])?;
        watching.expect(&format!("{runtime}:never"), "gone");
        let path = |name: &str| format!("{runtime}:{name}");
        watching.expect_process(&path(&present), "present", &before);
        for _ in 0..3 {
            let pid = machine.script(RUN, &[runtime, &name])?;
            watching.expect_process(&path(&name), "arrived", &pid);
            machine.run(&[runtime, "pause", &name]).ok()?;
            machine.run(&[runtime, "resume", &name]).ok()?;
            machine.run(&[runtime, "delete", "--force", &name]).ok()?;
            // Whether it was seen paused depends on who was faster.
            let mut gone = watching.expect_any(&path(&name));
            while gone["event"] == "changed" {
                gone = watching.expect_any(&path(&name));
            }
            assert_eq!((&gone["event"], gone["pid"].to_string()), (&"gone".into(), pid), "{gone}");
        }
        machine.run(&[runtime, "delete", "--force", &present]).ok()?;
        watching.expect(&path(&present), "gone");
    }
    Ok(())
}

fn docker_as_debian_has_it(machine: &Machine) -> Result<(), Failed> {
    let mut watching = Watching::start(machine, &[], &["docker:watched-*", "docker:watched-path"])?;
    watching.expect("docker:watched-path", "gone");
    let pid = |name: &str| machine.run(&["docker", "inspect", "--format", "{{.State.Pid}}", name]).ok();
    crate::docker::run(machine, "watched-dock", &[])?;
    watching.expect_process("docker:watched-dock", "arrived", &pid("watched-dock")?);
    machine.run(&["docker", "pause", "watched-dock"]).ok()?;
    assert_eq!(watching.expect("docker:watched-dock", "changed")["paused"], true);
    machine.run(&["docker", "unpause", "watched-dock"]).ok()?;
    watching.expect("docker:watched-dock", "changed");
    machine.run(&["docker", "rename", "watched-dock", "watched-path"]).ok()?;
    // For the pattern, and for the path.
    let mut told = [watching.expect_any("docker:watched-path"), watching.expect_any("docker:watched-path")];
    told.sort_by_key(|event| event["event"].to_string());
    assert_eq!((&told[0]["event"], &told[1]["event"]), (&"arrived".into(), &"changed".into()), "{told:?}");
    assert!(
        told.iter().all(|event| event["pid"].as_u64().map(|pid| pid.to_string()) == pid("watched-path").ok()),
        "{told:?}"
    );
    machine.run(&["docker", "rm", "--force", "watched-path"]).ok()?;
    watching.expect("docker:watched-path", "gone");
    watching.expect("docker:watched-path", "gone");
    Ok(())
}
