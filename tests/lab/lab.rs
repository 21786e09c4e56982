//! A lab, as its runner holds it.

use crate::{
    LIMIT, LabName, Ran, capabilities, image, image::IMAGE, output_of_input, output_within, run::wait_until, tool,
    witness,
};
use std::{
    fs,
    io::{BufRead, BufReader},
    os::unix::process::CommandExt,
    path::Path,
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

/// How long Docker may take for a command: beside many others, a start alone takes it many seconds. What tests wait for takes no longer
/// than [`LIMIT`], since what they watch may end by itself after a minute.
const DOCKER: Duration = LIMIT.saturating_mul(2);

/// What every container needs here: the machine's programs, and an end without a wait.
const CONTAINER: [&str; 8] = [
    "--network=none",
    "--stop-signal=KILL",
    "--security-opt=apparmor=unconfined",
    "--volume=/usr:/usr:ro",
    "--label=nicon-lab",
    "--log-driver=json-file",
    "--env=container=docker",
    "--detach",
];

/// What a container with a daemon needs besides, and its capabilities. `--privileged` would do, but is refused where the
/// machine itself lacks a capability. Overlays are not stacked on overlays, so the daemon's data lie on a tmpfs.
const DAEMON: [&str; 6] = [
    "--security-opt=seccomp=unconfined",
    "--security-opt=systempaths=unconfined",
    "--cgroupns=host",
    "--volume=/sys/fs/cgroup:/sys/fs/cgroup:rw",
    "--tmpfs=/var/lib/docker:rw,exec,dev,suid",
    "--tmpfs=/run:rw,exec,dev,suid",
];

/// Ends when a daemon answers.
const UNTIL_READY: &str = "until docker version >/dev/null 2>&1; do sleep 0.02; done";

/// A nest of daemons with the container `setup.olt_1.lt_1`. It is torn down when this is dropped, and as surely when
/// the process that holds it is killed.
#[derive(Debug)]
pub struct Lab {
    name: LabName,
    nest: u32,
    keeper: Child,
}

impl Lab {
    /// Raises a lab; `program` is the path of `nicon-lab`, which becomes its keeper.
    ///
    /// # Errors
    /// Whatever could not be raised, with the last words of the outer daemon.
    pub fn start(program: impl AsRef<Path>) -> Result<Self, String> {
        let lab = Self::start_outer(program.as_ref())?;
        let raised = lab
            .wait_ready("")
            .and_then(|()| lab.run_daemon_container("", "setup", &[]))
            .and_then(|_| lab.run_daemon_container("setup", "olt_1", &[]))
            .and_then(|_| lab.run_container("setup.olt_1", "lt_1", &[]));
        match raised {
            Ok(_) => Ok(lab),
            Err(error) => Err(format!("raise the lab: {error}\n{}", lab.last_words())),
        }
    }

    fn start_outer(program: &Path) -> Result<Self, String> {
        let mut keeper = Command::new(program)
            .arg("keeper")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            // Ctrl-C is for the runner; the keeper must live to clean up behind it.
            .process_group(0)
            .spawn()
            .map_err(|error| format!("start {} keeper: {error}", program.display()))?;
        let mut line = String::new();
        if let Some(stdout) = keeper.stdout.take() {
            BufReader::new(stdout).read_line(&mut line).map_err(|error| format!("read from the keeper: {error}"))?;
        }
        let words = line.trim_end().split_once(' ').ok_or("the keeper failed");
        let parsed = words.map_err(str::to_owned).and_then(|(name, nest)| Ok((name.parse()?, nest.parse::<u32>())));
        match parsed {
            Ok((name, Ok(nest))) => Ok(Self { name, nest, keeper }),
            Ok((_, Err(error))) => Err(format!("read the nest's PID: {error}")),
            Err(error) => Err(error),
        }
    }

    /// The lab's name; `/NAME` is also the cgroup that holds all its containers.
    #[must_use]
    pub fn name(&self) -> LabName {
        self.name
    }

    /// PID of the lab's PID 1.
    #[must_use]
    pub fn nest(&self) -> u32 {
        self.nest
    }

    /// A command in the PID and mount namespace of the outer daemon, so that it ends with the lab at the latest.
    #[must_use]
    pub fn inside(&self, program: &str) -> Command {
        let mut command = tool("nsenter");
        command.arg(format!("--target={}", self.nest)).args(["--pid", "--mount", "--", program]);
        command
    }

    /// A command in the container at `path` (`""`: in the runner itself), through a chain of `docker exec`: a witness
    /// that has nothing in common with nicon.
    #[must_use]
    pub fn command(&self, path: &str, words: &[&str]) -> Command {
        let mut chain: Vec<&str> = Vec::new();
        for segment in path.split('.').filter(|segment| !segment.is_empty()) {
            chain.extend(["docker", "exec", "-i", segment]);
        }
        chain.extend(words);
        let mut command = tool(chain[0]);
        command.args(&chain[1..]);
        command
    }

    /// Runs [`Lab::command`] to its end.
    ///
    /// # Errors
    /// When it cannot be run or does not end; a status other than 0 is no error, see [`Ran::ok`].
    pub fn exec(&self, path: &str, words: &[&str]) -> Result<Ran, String> {
        output_within(&mut self.command(path, words), DOCKER)
    }

    /// Runs the Docker CLI in the container at `at`: it speaks to the daemon there, or to the outer one for `""`.
    ///
    /// # Errors
    /// Like [`Lab::exec`].
    pub fn docker(&self, at: &str, arguments: &[&str]) -> Result<Ran, String> {
        self.exec(at, &[&["docker"], arguments].concat())
    }

    /// Starts a container that sleeps, at the daemon in the container `at`; returns its full ID.
    ///
    /// # Errors
    /// What the daemon says.
    pub fn run_container(&self, at: &str, name: &str, options: &[&str]) -> Result<String, String> {
        self.run_command(at, name, options, &["sleep", "infinity"])
    }

    /// Like [`Lab::run_container`], with another command than to sleep.
    ///
    /// # Errors
    /// What the daemon says.
    pub fn run_command(&self, at: &str, name: &str, options: &[&str], words: &[&str]) -> Result<String, String> {
        let named = ["--name", name, "--hostname", name];
        // A container in another's network or UTS namespace may not have a name or network of its own.
        let shares = options.iter().any(|option| option.starts_with("--net") || option.starts_with("--uts"));
        let basics = CONTAINER.iter().filter(|option| !shares || !option.starts_with("--network")).copied();
        let basics: Vec<&str> = basics.collect();
        let named = if shares { &named[..2] } else { &named[..] };
        self.docker(at, &[&["run"], named, &basics, options, &[IMAGE], words].concat())?.ok()
    }

    /// Starts a container with a daemon of its own and waits for it; the daemon has the lab's image.
    ///
    /// # Errors
    /// What the daemon says, or that the inner one did not come up.
    pub fn run_daemon_container(&self, at: &str, name: &str, options: &[&str]) -> Result<String, String> {
        self.run_daemon_command(at, name, options, &["dockerd"])
    }

    /// Like [`Lab::run_daemon_container`], with a command that becomes the daemon in the end.
    ///
    /// # Errors
    /// Like [`Lab::run_daemon_container`].
    pub fn run_daemon_command(&self, at: &str, name: &str, options: &[&str], words: &[&str]) -> Result<String, String> {
        let capabilities = capabilities::of_this_machine()?;
        let capabilities: Vec<&str> = capabilities.iter().map(String::as_str).collect();
        let id = self.run_command(at, name, &[&DAEMON, &capabilities[..], options].concat(), words)?;
        let path = if at.is_empty() { name.to_owned() } else { format!("{at}.{name}") };
        self.wait_ready(&path).map_err(|error| {
            let log = self.docker(at, &["logs", "--tail=20", name]).map(|ran| ran.stderr);
            format!("{error}\n{}", log.unwrap_or_default())
        })?;
        Ok(id)
    }

    /// Removes a container, running or not.
    ///
    /// # Errors
    /// What the daemon says.
    pub fn remove(&self, at: &str, name: &str) -> Result<(), String> {
        self.docker(at, &["rm", "--force", "--volumes", name])?.ok().map(drop)
    }

    /// Waits for the daemon in the container at `path` and gives it the image.
    fn wait_ready(&self, path: &str) -> Result<(), String> {
        self.exec(path, &["sh", "-c", UNTIL_READY])?.ok()?;
        let image = fs::read(image::archive(self.name)).map_err(|error| format!("read the image: {error}"))?;
        output_of_input(&mut self.command(path, &["docker", "import", "-", IMAGE]), image, DOCKER)?.ok().map(drop)
    }

    /// The PID, in the runner's PID namespace, of the first process of the container at `path`.
    ///
    /// A witness to nicon: it asks, from the inside, for the container's mount namespace, which it never shares, and
    /// looks for that one in all of /proc.
    ///
    /// # Errors
    /// When the container does not run, or is paused.
    pub fn host_pid(&self, path: &str) -> Result<u32, String> {
        let link = self.exec(path, &["readlink", "/proc/self/ns/mnt"])?.ok()?;
        witness::first_process_of(&link).ok_or_else(|| format!("{path}: nobody is in {link}"))
    }

    fn last_words(&self) -> String {
        let log = fs::read_to_string(image::directory(self.name).join("dockerd.log")).unwrap_or_default();
        let lines: Vec<&str> = log.lines().collect();
        lines[lines.len().saturating_sub(20)..].join("\n")
    }
}

impl Drop for Lab {
    fn drop(&mut self) {
        drop(self.keeper.stdin.take());
        let give_up = Instant::now() + Duration::from_secs(20);
        if !matches!(wait_until(&mut self.keeper, give_up), Ok(Some(status)) if status.success()) {
            eprintln!("nicon-lab: {}: the keeper did not end well; the next lab sweeps what is left", self.name);
        }
    }
}
