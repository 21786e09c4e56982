//! nicon-resolve, three daemons deep.

use std::path::Path;

use nicon_lab::{Lab, command, tool};

use crate::measure::{Comparison, Contender, compare};

/// What people do today: ask inside, read the namespace of the PID that is told, look for that namespace outside.
const BY_HAND: &str = "
fake=$(docker exec setup docker exec olt_1 docker inspect -f '{{.State.Pid}}' lt_1)
ns=$(docker exec setup docker exec olt_1 readlink /proc/$fake/ns/pid)
ns=${ns#pid:[}
lsns --noheadings --output PID,NS --type pid | grep -w ${ns%]}";

/// Compares with the work by hand, and with the least that must be done: the same three questions, asked over the same
/// sockets by a program that knows them all beforehand and understands nothing of the answers.
pub(crate) fn three_deep(lab: &Lab, bins: &Path) -> Result<Comparison, String> {
    let inner = |path: &str| Ok::<_, String>(format!("/proc/{}/root/run/docker.sock", lab.host_pid(path)?));
    let sockets = ["/run/docker.sock".to_owned(), inner("setup")?, inner("setup.olt_1")?];
    let names = ["setup", "olt_1", "lt_1"];
    compare(
        "The real PID of a container three daemons deep",
        &[
            Contender {
                name: "nicon-resolve setup.olt_1.lt_1",
                runs: 300,
                ends: &[0],
                input: None,
                command: Box::new(|| {
                    let mut resolve = command(bins, "nicon-resolve");
                    resolve.arg("setup.olt_1.lt_1");
                    resolve
                }),
            },
            Contender {
                name: "docker exec, docker inspect, readlink, lsns",
                runs: 20,
                ends: &[0],
                input: None,
                command: Box::new(|| {
                    let mut shell = tool("sh");
                    shell.args(["-c", BY_HAND]);
                    shell
                }),
            },
            Contender {
                name: "floor: three GETs over three known sockets",
                runs: 300,
                ends: &[0],
                input: None,
                command: Box::new(|| {
                    let mut floor = command(bins, "nicon-bench-floor");
                    for (socket, name) in sockets.iter().zip(names) {
                        floor.args([socket, name]);
                    }
                    floor
                }),
            },
        ],
    )
}
