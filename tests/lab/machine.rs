//! A machine with systemd as its first process and nothing but cgroup v2, in namespaces of its own.

use crate::{LIMIT, Ran, output_of_input, output_within, share, tool, witness};
use std::{
    env, fs,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use crate::leftovers;

/// Where the machine sees nicon's programs.
const PROGRAMS: &str = "/opt/nicon";

/// Makes an image that every engine of the machine can import: busybox, and links to it.
const IMAGE: &str = "cd $(mktemp -d) && chmod 755 . && mkdir -p bin etc tmp && cp /bin/busybox bin &&
    for name in $(busybox --list); do [ $name = busybox ] || ln -s busybox bin/$name; done &&
    echo root:x:0:0::/:/bin/sh >etc/passwd && tar -cf /var/tmp/image.tar . && chmod 644 /var/tmp/image.tar";

/// Where the runner's own cgroups are of version 1, version 2 has no controllers, and limits that are set by default fail.
const LIMITS: &str = "grep -qw pids /sys/fs/cgroup/cgroup.controllers || {
    mkdir -p /etc/containers/containers.conf.d && printf '[containers]\\npids_limit=0\\n' >/etc/containers/containers.conf.d/limits.conf; }";

/// The suite of Debian's that machines are of, which `NICON_ENGINES` names.
#[must_use]
pub fn suite() -> String {
    env::var("NICON_ENGINES").unwrap_or_else(|_| "trixie".into())
}

/// The root file system of machines.
///
/// # Errors
/// How to make it, where there is none.
pub fn root() -> Result<PathBuf, String> {
    root_for("engines")
}

/// The root file system of machines for some purpose.
///
/// # Errors
/// How to make it, where there is none.
pub fn root_for(purpose: &str) -> Result<PathBuf, String> {
    let suite = suite();
    let root = PathBuf::from(format!("{}/../target/debian/{purpose}-{suite}", env!("CARGO_MANIFEST_DIR")));
    if root.is_dir() {
        Ok(root)
    } else {
        Err(format!("there is no root of a machine (tests/machine/make-root {suite} {purpose})"))
    }
}

/// A machine, which ends when this is dropped, or its runner.
pub struct Machine {
    first: Child,
    pid: u32,
    cgroup: PathBuf,
    programs: PathBuf,
}

impl Machine {
    /// Starts one from the root file system at `root`, with nicon's programs, and waits until it is up.
    ///
    /// # Errors
    /// When it does not come up.
    pub fn start(root: &Path, programs: &Path) -> Result<Self, String> {
        leftovers::sweep();
        let cgroup = leftovers::another()?;
        fs::create_dir_all(&cgroup).map_err(|error| format!("make {}: {error}", cgroup.display()))?;
        let mut unshare = tool("setpriv");
        unshare.args(["--pdeathsig=KILL", "unshare", "--mount", "--uts", "--ipc", "--pid", "--net"]);
        unshare.args(["--fork", "--kill-child"]).arg(concat!(env!("CARGO_MANIFEST_DIR"), "/machine/init"));
        unshare.args([&cgroup, root, programs]).stdin(Stdio::null());
        let first = unshare.spawn().map_err(|error| format!("start a machine: {error}"))?;
        let mut machine = Self { first, pid: 0, cgroup, programs: programs.to_owned() };
        machine.pid = machine.await_systemd()?;
        let up = "until systemctl is-system-running | grep -Eq 'running|degraded'; do sleep 0.05; done";
        machine.script(up, &[])?;
        machine.script(LIMITS, &[])?;
        machine.script(IMAGE, &[])?;
        Ok(machine)
    }

    fn await_systemd(&mut self) -> Result<u32, String> {
        let give_up = Instant::now() + LIMIT;
        while Instant::now() < give_up {
            if let Ok(Some(status)) = self.first.try_wait() {
                return Err(format!("the machine has ended: {status}"));
            }
            let family = witness::family(self.first.id());
            let is_up =
                |pid: &u32| fs::read_to_string(format!("/proc/{pid}/comm")).is_ok_and(|name| name == "systemd\n");
            let socket = |pid: u32| Path::new(&format!("/proc/{pid}/root/run/dbus/system_bus_socket")).exists();
            if let Some(pid) = family.into_iter().map(|(pid, _)| pid).find(is_up).filter(|pid| socket(*pid)) {
                return Ok(pid);
            }
            thread::sleep(Duration::from_millis(20));
        }
        Err("systemd does not come up".into())
    }

    /// Lets it have so many hundredths of a processor, and no more.
    ///
    /// # Errors
    /// If no cgroup can hold it back.
    pub fn hold_back(&self, hundredths: u32) -> Result<(), String> {
        share::hold_back(self.first.id(), &self.cgroup, hundredths)
    }

    /// Its first process, in our own PID namespace.
    #[must_use]
    pub fn pid(&self) -> u32 {
        self.pid
    }

    /// A command in the machine, as its root.
    #[must_use]
    pub fn command(&self, words: &[&str]) -> Command {
        let mut command = tool("nsenter");
        command.args([&format!("--target={}", self.pid), "--all", "env", "--ignore-environment", "HOME=/root"]);
        command
            .arg(format!("PATH={PROGRAMS}:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"))
            .args(words);
        command
    }

    /// Runs a command there to its end.
    ///
    /// # Panics
    /// When it cannot be started, or does not end.
    #[must_use]
    pub fn run(&self, words: &[&str]) -> Ran {
        output_within(&mut self.command(words), LIMIT).expect("a command of the machine ends")
    }

    /// The same with `input` on its standard input.
    ///
    /// # Panics
    /// When it cannot be started, or does not end.
    #[must_use]
    pub fn feed(&self, words: &[&str], input: impl AsRef<[u8]>) -> Ran {
        output_of_input(&mut self.command(words), input, LIMIT).expect("a command of the machine ends")
    }

    /// Where its programs are, outside of it.
    #[must_use]
    pub fn programs(&self) -> &Path {
        &self.programs
    }

    /// Runs a shell script there, with arguments.
    ///
    /// # Errors
    /// When it fails.
    pub fn script(&self, script: &str, arguments: &[&str]) -> Result<String, String> {
        output_within(&mut self.command(&[&["sh", "-c", script, "sh"], arguments].concat()), LIMIT * 2)?.ok()
    }
}

impl Drop for Machine {
    fn drop(&mut self) {
        // With its first process all others end.
        let _ = self.first.kill();
        let _ = self.first.wait();
        let _ = fs::write(self.cgroup.join("cgroup.kill"), "1");
        let give_up = Instant::now() + LIMIT;
        for cgroup in [Some(self.cgroup.clone()), share::of_version_1(&self.cgroup)].into_iter().flatten() {
            while cgroup.exists() && Instant::now() < give_up {
                leftovers::remove(&cgroup);
            }
        }
    }
}
