//! The lab is what it claims to be, and leaves nothing, however its processes end.

pub(crate) mod verdict;

use crate::support::suite::{LAB_PROGRAM, Suite};
use libtest_mimic::{Failed, Trial};
use nicon_lab::{Lab, LabName, cgroup_directories, isolate, witness};
use nix::{
    sys::signal::{self, Signal},
    unistd::Pid,
};
use std::{
    fs,
    io::{BufRead, BufReader},
    process::{Child, Command, ExitCode, Stdio},
    thread,
    time::{Duration, Instant},
};

/// Argument that makes this program raise a lab and panic.
pub(crate) const PANIC: &str = "--panic-with-a-lab";

pub(crate) fn trials(suite: &Suite) -> Vec<Trial> {
    let mut trials = vec![
        suite.trial("lab::is_three_daemons_deep", is_three_daemons_deep),
        suite.trial("lab::pids_differ_at_each_level", pids_differ_at_each_level),
        suite.trial("lab::host_pid_of_shared_pid_namespaces", host_pid_of_shared_pid_namespaces),
        suite.trial("lab::inside_is_in_the_nest", inside_is_in_the_nest),
        suite.trial("lab::leaves_nothing_after_its_end", |suite, _| {
            ends(suite, "echo ready; read line; exit 7", |second| {
                drop(second.runner.stdin.take());
                let status = second.runner.wait()?;
                if status.code() == Some(7) {
                    Ok(())
                } else {
                    Err(format!("not the status of the script: {status}").into())
                }
            })
        }),
        suite.trial("lab::leaves_nothing_after_kill_of_runner", |suite, _| {
            ends(suite, PAUSE_AND_WAIT, |second| kill(second.runner.id()))
        }),
        suite.trial("lab::leaves_nothing_after_kill_of_keeper_and_next_start", |suite, _| {
            ends(suite, PAUSE_AND_WAIT, |second| {
                kill(second.name.keeper())?;
                second.runner.kill()?;
                let mut next = nicon_lab(suite, "exit 0")?;
                Ok(nicon_lab::output_within(&mut next, LONG)?.ok().map(drop)?)
            })
        }),
        suite.trial("lab::leaves_nothing_after_a_panic", leaves_nothing_after_a_panic),
    ];
    trials.extend(verdict::trials(suite));
    trials
}

const LONG: Duration = Duration::from_secs(90);

fn is_three_daemons_deep(_: &Suite, lab: &Lab) -> Result<(), Failed> {
    let mut daemons = Vec::new();
    for (at, container) in [("", "setup"), ("setup", "olt_1"), ("setup.olt_1", "lt_1")] {
        let names = lab.docker(at, &["ps", "--format={{.Names}}"])?.ok()?;
        if !names.lines().any(|name| name == container) {
            return Err(format!("{container} is not at {at:?}: {names}").into());
        }
        daemons.push(lab.docker(at, &["info", "--format={{.ID}}"])?.ok()?);
    }
    daemons.sort();
    daemons.dedup();
    if daemons.len() != 3 {
        return Err(format!("not three daemons: {daemons:?}").into());
    }
    Ok(())
}

fn pids_differ_at_each_level(_: &Suite, lab: &Lab) -> Result<(), Failed> {
    let pid = lab.host_pid("setup.olt_1.lt_1")?;
    let nspid = witness::nspid(pid).ok_or("lt_1 is gone")?;
    // This machine, the lab, setup, olt_1, lt_1; the first is what we call the PID, in the last it is the first process.
    if nspid.len() != 5 || nspid[0] != pid || nspid[4] != 1 {
        return Err(format!("NSpid of {pid}: {nspid:?}").into());
    }
    let fake = lab.docker("setup.olt_1", &["inspect", "--format={{.State.Pid}}", "lt_1"])?.ok()?;
    if fake != nspid[3].to_string() || fake == pid.to_string() {
        return Err(format!("olt_1's daemon says {fake}, NSpid of {pid} is {nspid:?}").into());
    }
    Ok(())
}

fn host_pid_of_shared_pid_namespaces(_: &Suite, lab: &Lab) -> Result<(), Failed> {
    let at = "setup.olt_1";
    lab.run_container(at, "lab-shares-lt", &["--pid=container:lt_1"])?;
    lab.run_container(at, "lab-shares-host", &["--pid=host"])?;
    let pids: Vec<u32> = ["lt_1", "lab-shares-lt", "lab-shares-host"]
        .iter()
        .map(|name| lab.host_pid(&format!("{at}.{name}")))
        .collect::<Result<_, _>>()?;
    let link = |index: usize| witness::ns_link(pids[index], "pid");
    let host = witness::ns_link(lab.host_pid(at)?, "pid");
    if pids[0] == pids[1] || link(0) != link(1) || link(2) != host || link(0) == host {
        return Err(format!("{pids:?}: {:?} {:?} {:?}, olt_1 {host:?}", link(0), link(1), link(2)).into());
    }
    lab.remove(at, "lab-shares-lt")?;
    Ok(lab.remove(at, "lab-shares-host")?)
}

fn inside_is_in_the_nest(_: &Suite, lab: &Lab) -> Result<(), Failed> {
    let ran = nicon_lab::output_within(lab.inside("readlink").arg("/proc/self/ns/pid"), LONG)?;
    let (inside, nest) = (ran.ok()?, witness::ns_link(lab.nest(), "pid"));
    if Some(&inside) == nest.as_ref() { Ok(()) } else { Err(format!("{inside} is not {nest:?}").into()) }
}

/// A frozen process is the hardest to get rid of.
const PAUSE_AND_WAIT: &str =
    "timeout 30 docker exec setup docker exec olt_1 docker pause lt_1 >/dev/null && echo ready; exec sleep 60";

/// A second lab, run by another process.
struct Second {
    runner: Child,
    name: LabName,
}

/// Keeps a test that fails half-way from leaving its second lab to live on.
impl Drop for Second {
    fn drop(&mut self) {
        let _ = self.runner.kill();
        let _ = self.runner.wait();
    }
}

/// Raises a second lab for a shell script that says when it is ready, ends it, and looks for leftovers.
fn ends(suite: &Suite, script: &str, end: impl FnOnce(&mut Second) -> Result<(), Failed>) -> Result<(), Failed> {
    let mut second = Second::start(suite, script)?;
    let name = second.name;
    let family = witness::family(second.runner.id());
    if family.len() < 12 || cgroup_directories(name).is_empty() {
        return Err(format!("{name}: too little of it to prove anything: {family:?}").into());
    }
    end(&mut second)?;
    is_gone(name, &family)
}

impl Second {
    fn start(suite: &Suite, script: &str) -> Result<Self, Failed> {
        let mut command = nicon_lab(suite, &format!("echo $NICON_LAB; {script}"))?;
        let mut runner = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn()?;
        let mut lines = BufReader::new(runner.stdout.take().ok_or("no stdout")?).lines();
        let name = lines.next().ok_or("the second lab did not start")??.parse()?;
        let second = Self { runner, name };
        match lines.next() {
            Some(Ok(line)) if line == "ready" => Ok(second),
            line => Err(format!("the second lab's script said {line:?}").into()),
        }
    }
}

fn leaves_nothing_after_a_panic(_: &Suite, _: &Lab) -> Result<(), Failed> {
    let mut runner = Command::new(std::env::current_exe()?);
    let ran = nicon_lab::output_within(runner.arg(PANIC), LONG)?;
    if ran.code() != Some(101) {
        return Err(format!("no panic: {ran:?}").into());
    }
    is_gone(ran.stdout.trim().parse::<LabName>()?, &[])
}

/// The body of the process that panics.
pub(crate) fn panic_with_a_lab() -> ExitCode {
    isolate().expect("isolate");
    let lab = Lab::start(LAB_PROGRAM).expect("start a lab");
    println!("{}", lab.name());
    panic!("on purpose, with {lab:?}");
}

fn nicon_lab(suite: &Suite, script: &str) -> Result<Command, String> {
    let mut command = Command::new(LAB_PROGRAM);
    command.args(["run", "sh", "-c", script]).env("NICON_BIN_DIR", suite.bins()?);
    Ok(command)
}

fn kill(process: u32) -> Result<(), Failed> {
    Ok(signal::kill(Pid::from_raw(process.cast_signed()), Signal::SIGKILL)?)
}

/// Waits a little for the last trace of a lab to go: processes, cgroups, mounts, files.
fn is_gone(name: LabName, family: &[(u32, u64)]) -> Result<(), Failed> {
    let give_up = Instant::now() + Duration::from_secs(15);
    loop {
        let left = leftovers(name, family);
        if left.is_empty() {
            return Ok(());
        }
        if Instant::now() > give_up {
            return Err(format!("{name} left {left:?}").into());
        }
        thread::sleep(Duration::from_millis(20));
    }
}

fn leftovers(name: LabName, family: &[(u32, u64)]) -> Vec<String> {
    let mut left: Vec<String> = Vec::new();
    // A zombie that belongs to somebody else's reaper is not ours to bury.
    let lives = |(pid, start): &(u32, u64)| {
        witness::stat(*pid).is_some_and(|stat| stat.start_time == *start && stat.state != 'Z')
    };
    left.extend(family.iter().filter(|process| lives(process)).map(|(pid, _)| format!("process {pid}")));
    left.extend(cgroup_directories(name).iter().map(|directory| directory.display().to_string()));
    let name = name.to_string();
    for pid in witness::pids() {
        for file in ["cmdline", "cgroup"] {
            let text = fs::read(format!("/proc/{pid}/{file}")).unwrap_or_default();
            if String::from_utf8_lossy(&text).contains(&name) {
                left.push(format!("/proc/{pid}/{file}"));
            }
        }
    }
    for mounts in ["/proc/1/mountinfo", "/proc/self/mountinfo"] {
        if fs::read_to_string(mounts).unwrap_or_default().contains(&name) {
            left.push(mounts.to_owned());
        }
    }
    for run in ["/run", "/proc/1/root/run"] {
        // PID 1 may hold a capability that we lack: then its root is closed to us, and says nothing.
        if fs::exists(format!("{run}/{name}")).unwrap_or(false) {
            left.push(format!("{run}/{name}"));
        }
    }
    left
}
