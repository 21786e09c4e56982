//! nicon in a container, with what README asks for.

use std::fs;
use std::sync::atomic::{AtomicU32, Ordering};

use libtest_mimic::{Failed, Trial};
use nicon_lab::{LIMIT, Lab, Ran, output_within, tool, wait_for, witness};

use crate::nsexec::as_nsenter::{CONTAINER, Cell};
use crate::support::expect::refusal;
use crate::support::suite::Suite;

pub(crate) fn trials(suite: &Suite) -> Vec<Trial> {
    vec![
        suite.trial("nsexec::in_a_container::as_readme_says", as_readme_says),
        suite.trial("nsexec::in_a_container::without_the_cgroups", without_the_cgroups),
        suite.trial("nsexec::in_a_container::the_cgroup_alone_is_declined", the_cgroup_alone_is_declined),
        suite.trial_of_kernel(&[], "nsexec::in_a_container::cgroups_mounted_read_only", cgroups_mounted_read_only),
    ]
}

/// A container of the outer daemon's, which ends with the test.
struct Container<'a> {
    lab: &'a Lab,
    name: &'static str,
}

impl<'a> Container<'a> {
    fn start(lab: &'a Lab, name: &'static str, options: &[&str]) -> Result<Self, Failed> {
        lab.run_container("", name, options)?;
        Ok(Self { lab, name })
    }

    /// One that has nicon's programs.
    fn with_nicon(suite: &Suite, lab: &'a Lab, name: &'static str, options: &[&str]) -> Result<Self, Failed> {
        let container = Self::start(lab, name, options)?;
        for program in ["nicon-nsexec", "nicon-resolve"] {
            let from = suite.bins()?.join(program).display().to_string();
            lab.docker("", &["cp", "-q", &from, &format!("{name}:/")])?.ok()?;
        }
        Ok(container)
    }

    /// Runs a line of the shell there.
    fn run(&self, line: &str) -> Result<Ran, Failed> {
        Ok(self.lab.docker("", &["exec", self.name, "sh", "-c", line])?)
    }
}

impl Drop for Container<'_> {
    fn drop(&mut self) {
        let _ = self.lab.remove("", self.name);
    }
}

/// As a container usually has them. The message says which is meant, and what does without.
fn cgroups_mounted_read_only(suite: &Suite) -> Result<(), Failed> {
    let script = r#"at=$(awk '$3 == "cgroup2" { print $2; exit }' /proc/mounts) own=$at/nicon-read-only-$PPID-$(date +%N)
        mkdir "$own" && trap 'mount -o remount,bind,rw "$at"; kill $target; wait; rmdir "$own"' EXIT
        sleep 600 >&2 & target=$! && echo $target >"$own/cgroup.procs" && mount -o remount,bind,ro "$at" && echo "$own"
        "$0" --target=$target --net --join-cgroup true; echo $?
        "$0" --target=$target --mount --no-cgroup true; echo $?"#;
    let mut shell = tool("unshare");
    shell.args(["--mount", "--pid", "--fork", "--kill-child", "--mount-proc", "sh", "-c", script]);
    let ran = output_within(shell.arg(suite.bins()?.join("nicon-nsexec")), LIMIT)?;
    let lines: Vec<&str> = ran.stdout.lines().collect();
    let [own, "125", "0"] = lines[..] else { return Err(format!("{ran:?}").into()) };
    let told = format!("join the target's cgroup, {own}/cgroup.procs (--no-cgroup, in place of any --join-cgroup, ");
    assert!(ran.stderr.contains(&told) && ran.stderr.contains("): Read-only file system"), "{ran:?}");
    Ok(())
}

/// The options of the `docker run` in README that has the container see the machine.
fn of_readme() -> Result<Vec<String>, Failed> {
    let readme = fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../README.md"))?;
    let mut lines = readme.split("`docker run ").skip(1).filter_map(|rest| rest.split('`').next());
    let line = lines.find(|line| line.contains("--pid=host")).ok_or("no recipe")?;
    Ok(line.split_whitespace().map(str::to_owned).collect())
}

fn as_readme_says(suite: &Suite, lab: &Lab) -> Result<(), Failed> {
    let peer = Container::start(lab, "nsexec-peer", &["--cgroupns=private"])?;
    let options = of_readme()?;
    let options: Vec<&str> = options.iter().map(String::as_str).collect();
    let tool = Container::with_nicon(suite, lab, "nsexec-tool", &options)?;
    for path in [peer.name, CONTAINER] {
        let pid = lab.host_pid(path)?;
        let links = ["mnt", "net", "pid"].map(|kind| witness::ns_link(pid, kind).unwrap()).join("\n");
        for options in ["--all", "-m -n -p"] {
            let look = "readlink /proc/self/ns/mnt /proc/self/ns/net /proc/self/ns/pid";
            let ran = tool.run(&format!("/nicon-resolve {path} | /nicon-nsexec {options} {look}"))?;
            assert_eq!(ran.ok()?, links, "{path} {options}");
        }
        joins_the_cgroup(lab, &tool, path, "--all")?;
    }
    Ok(())
}

/// A command in the namespaces of `path` is in its cgroup, as seen from outside.
fn joins_the_cgroup(lab: &Lab, tool: &Container<'_>, path: &str, options: &str) -> Result<(), Failed> {
    // As many seconds as nobody else sleeps.
    static COUNT: AtomicU32 = AtomicU32::new(0);
    let cgroup = fs::read_to_string(format!("/proc/{}/cgroup", lab.host_pid(path)?))?;
    let seconds = format!("61.{}{}", std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed));
    let inside = format!("/nicon-resolve {path} | /nicon-nsexec {options} sleep {seconds}");
    let mut line = lab.command("", &["docker", "exec", tool.name, "sh", "-c", &inside]);
    let _running = Cell(line.spawn()?);
    let words = format!("sleep\0{seconds}\0");
    let sleeps = |pid: &u32| fs::read(format!("/proc/{pid}/cmdline")).is_ok_and(|line| line == words.as_bytes());
    wait_for("command in the target's cgroup", || {
        let mut commands = witness::pids().into_iter().filter(sleeps);
        commands.any(|pid| fs::read_to_string(format!("/proc/{pid}/cgroup")).is_ok_and(|shown| shown == cgroup))
    });
    for pid in witness::pids().iter().filter(|pid| sleeps(pid)) {
        let pid = nix::unistd::Pid::from_raw(pid.cast_signed());
        nix::sys::signal::kill(pid, nix::sys::signal::Signal::SIGKILL)?;
    }
    Ok(())
}

/// Without the host's cgroups in sight, the message says what shows them, and what does without.
fn without_the_cgroups(suite: &Suite, lab: &Lab) -> Result<(), Failed> {
    let peer = Container::start(lab, "nsexec-peer-2", &[])?;
    let options = of_readme()?;
    let unseen = ["--cgroupns=", "--volume=/sys/fs/cgroup"];
    let seen =
        options.iter().map(String::as_str).filter(|option| !unseen.iter().any(|begin| option.starts_with(begin)));
    for (name, cgroupns, cause) in [
        ("nsexec-tool-2", "--cgroupns=private", "outside of our cgroup namespace"),
        ("nsexec-tool-3", "--cgroupns=host", "not below a cgroup mount of ours"),
    ] {
        let options: Vec<&str> = seen.clone().chain([cgroupns]).collect();
        let tool = Container::with_nicon(suite, lab, name, &options)?;
        for options in ["--all", "-m", "--net --join-cgroup"] {
            // With cgroup v2 alone, Docker shows such a container all of it, read-only. A child can be born in another
            // cgroup then, but without one nobody can move there.
            let is_shown = cgroupns == "--cgroupns=host" && fs::exists("/sys/fs/cgroup/cgroup.controllers")?;
            let forks = !options.starts_with("--net");
            if is_shown && forks {
                joins_the_cgroup(lab, &tool, peer.name, options)?;
                continue;
            }
            let ran = tool.run(&format!("/nicon-resolve {} | /nicon-nsexec {options} true", peer.name))?;
            if is_shown {
                refusal(
                    &ran,
                    125,
                    &[
                        "join the target's cgroup, /",
                        "/cgroup.procs (--no-cgroup, in place of",
                        "Read-only file system",
                    ],
                );
                continue;
            }
            let words = [cause, "--cgroupns=host and --volume=/sys/fs/cgroup:/sys/fs/cgroup", "--no-cgroup"];
            refusal(&ran, 125, &words);
        }
        // With the way out, all else is as it should be.
        let pid = lab.host_pid(peer.name)?;
        let line = format!("/nicon-resolve {} | /nicon-nsexec --all --no-cgroup cat /proc/self/status", peer.name);
        let shown = tool.run(&line)?.ok()?;
        let theirs = fs::read_to_string(format!("/proc/{pid}/status"))?;
        let field = |text: &str, name: &str| text.lines().find(|line| line.starts_with(name)).unwrap().to_owned();
        for name in ["CapPrm", "CapEff", "CapBnd"] {
            assert_eq!(field(&shown, name), field(&theirs, name), "{name}");
        }
        assert_eq!(field(&shown, "NoNewPrivs"), "NoNewPrivs:\t1");
    }
    Ok(())
}

fn the_cgroup_alone_is_declined(suite: &Suite, lab: &Lab) -> Result<(), Failed> {
    let target = format!("-t{}", lab.host_pid(CONTAINER)?);
    let ours = fs::read_to_string("/proc/self/cgroup")?;
    let mut command = suite.command("nicon-nsexec")?;
    command.args([&target, "--all", "--no-cgroup", "sleep", "60"]);
    let child = Cell(command.stdin(std::process::Stdio::null()).spawn()?);
    wait_for("command", || {
        witness::family(child.0.id()).last().is_some_and(|(last, _)| {
            fs::read(format!("/proc/{last}/comm")).is_ok_and(|name| name == b"sleep\n")
                && fs::read_to_string(format!("/proc/{last}/cgroup")).is_ok_and(|text| text == ours)
        })
    });
    let (last, _) = *witness::family(child.0.id()).last().ok_or("no command")?;
    let status = fs::read_to_string(format!("/proc/{last}/status"))?;
    assert!(status.contains("NoNewPrivs:\t1"), "the other guards stay: {status}");
    let both = suite.run(&["nicon-nsexec", &target, "-n", "--join-cgroup", "--no-cgroup", "true"]);
    assert_eq!(both.code(), Some(125), "{both:?}");
    Ok(())
}
