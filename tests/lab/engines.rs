//! Other engines than Docker, beside it at any level of the nest.

use crate::{LIMIT, Lab, Ran, capabilities, image, output_of_input, output_within, tool, witness};
use std::{
    fs,
    process::Command,
    thread,
    time::{Duration, Instant},
};

/// Settings of podman that do without systemd, a network, the right to raise limits, and a cgroup with controllers.
const PODMAN_CONF: &str = "/run/nicon-podman.conf";
const PODMAN_SETTINGS: &str = r#"[containers]
default_ulimits = ["nofile=1024:1024", "nproc=1000:1000"]
netns = "none"
pids_limit = 0
[engine]
cgroup_manager = "cgroupfs"
events_logger = "file"
runtime = "runc"
"#;

/// Podman, with all that it keeps below /run.
const PODMAN: [&str; 10] = [
    "env",
    "--unset=DOCKER_CONFIG",
    "CONTAINERS_CONF=/run/nicon-podman.conf",
    "podman",
    "--root",
    "/run/nicon-podman/root",
    "--runroot",
    "/run/nicon-podman/run",
    "--tmpdir",
    "/run/nicon-podman/tmp",
];

/// What every podman container needs here; what a container of Docker's needs is in `lab.rs`.
const CONTAINER: [&str; 3] = ["--security-opt=apparmor=unconfined", "--stop-timeout=0", "--volume=/usr:/usr:ro"];

/// What a container with a Docker daemon needs besides, and its capabilities.
const DAEMON: [&str; 8] = [
    "--security-opt=seccomp=unconfined",
    "--security-opt=unmask=ALL",
    "--cgroupns=host",
    "--network=none",
    "--env=container=docker",
    "--volume=/sys/fs/cgroup:/sys/fs/cgroup:rw",
    "--tmpfs=/var/lib/docker:rw,exec,dev,suid",
    "--tmpfs=/run:rw,exec,dev,suid",
];

/// A root file system of nothing but links to the machine's programs, for engines without images.
const ROOT: &str = "mkdir -p /run/nicon-root && cd /run/nicon-root && mkdir -p dev proc run sys tmp usr &&
    for link in bin lib lib64 sbin; do [ ! -h /$link ] || ln -sfn usr/$link $link; done";

/// Starts containerd where its socket usually is.
const CONTAINERD: &str = "setsid containerd --root /run/nicon-containerd >/run/nicon-containerd.log 2>&1 </dev/null &
    until ctr version >/dev/null 2>&1; do sleep 0.05; done";

/// Makes a bundle of the first argument's name, in the cgroup of the second, and runs it.
const RUNC: &str = r#"mkdir -p "/run/nicon-bundles/$1" && cd "/run/nicon-bundles/$1" && runc spec &&
    jq --arg cgroup "$2" '.process.terminal = false | .process.args = ["sleep", "infinity"] |
        .root.path = "/run/nicon-root" | .linux.cgroupsPath = $cgroup | del(.process.rlimits) |
        .mounts += [{destination: "/usr", type: "bind", source: "/usr", options: ["rbind", "ro"]}]' config.json >new &&
    mv new config.json && runc run --detach "$1" </dev/null >log 2>&1 || { cat log; exit 1; }"#;

impl Lab {
    /// A command in the container at `at`, or beside the outer daemon for `""`, in its namespaces.
    #[must_use]
    pub fn beside(&self, at: &str, words: &[&str]) -> Command {
        if at.is_empty() {
            let mut command = self.inside(words[0]);
            command.args(&words[1..]);
            return command;
        }
        self.command(at, words)
    }

    /// Runs a shell script there, with arguments, to its end.
    ///
    /// # Errors
    /// When it fails.
    pub fn script(&self, at: &str, script: &str, arguments: &[&str]) -> Result<String, String> {
        output_within(&mut self.beside(at, &[&["sh", "-c", script, "sh"], arguments].concat()), LIMIT)?.ok()
    }

    /// Gives podman the lab's image.
    ///
    /// # Errors
    /// When it does not take it.
    pub fn prepare_podman(&self, at: &str) -> Result<(), String> {
        self.script(at, "mkdir -p /run/podman /var/tmp && printf %s \"$1\" >\"$2\"", &[PODMAN_SETTINGS, PODMAN_CONF])?;
        if !at.is_empty() {
            let policy = "mkdir -p /etc/containers && printf %s \"$1\" >/etc/containers/policy.json";
            self.script(at, policy, &[r#"{"default":[{"type":"insecureAcceptAnything"}]}"#])?;
        }
        let import = [&PODMAN[..], &["import", "-", image::IMAGE]].concat();
        output_of_input(&mut self.beside(at, &import), self.image()?, LIMIT)?.ok().map(drop)
    }

    /// Starts podman's service there, which has the lab's image: by `starter`, with which the command line begins.
    ///
    /// # Errors
    /// When it does not come up.
    pub fn start_podman(&self, at: &str, starter: &str) -> Result<(), String> {
        self.prepare_podman(at)?;
        let script = format!(
            "setsid {starter} {} system service --time=0 $1 >/run/nicon-podman.log 2>&1 </dev/null & echo $! >/run/nicon-podman.pid
             until [ -S /run/podman/podman.sock ]; do sleep 0.02; done",
            PODMAN.join(" ")
        );
        // Under socket activation the socket is handed over.
        let socket = if starter.is_empty() { "unix:///run/podman/podman.sock" } else { "" };
        self.script(at, &script, &[socket]).map(drop)
    }

    /// Removes podman's containers, and ends its service, once it has answered whoever has found it.
    ///
    /// # Errors
    /// When that fails.
    pub fn stop_podman(&self, at: &str) -> Result<(), String> {
        let script = format!(
            "{} rm --all --force --time=0; rm -f /run/podman/podman.sock
             sleep 1; kill -9 \"$(cat /run/nicon-podman.pid)\"; rm -rf /run/podman",
            PODMAN.join(" ")
        );
        self.script(at, &script, &[]).map(drop)
    }

    /// The podman CLI there.
    #[must_use]
    pub fn podman_command(&self, at: &str, arguments: &[&str]) -> Command {
        self.beside(at, &[&PODMAN, arguments].concat())
    }

    /// Runs the podman CLI there.
    ///
    /// # Errors
    /// When it cannot be run or does not end.
    pub fn podman(&self, at: &str, arguments: &[&str]) -> Result<Ran, String> {
        output_within(&mut self.podman_command(at, arguments), LIMIT)
    }

    /// Runs a container of podman's there; returns its full ID.
    ///
    /// # Errors
    /// What podman says.
    pub fn run_podman(&self, at: &str, name: &str, options: &[&str], words: &[&str]) -> Result<String, String> {
        let cgroup = format!("--cgroup-parent=/{}", self.name());
        // A container in a pod has its pod's place and files.
        let basics = if options.iter().any(|option| option.starts_with("--pod=")) {
            vec![CONTAINER[0], CONTAINER[1]]
        } else {
            vec![CONTAINER[0], CONTAINER[1], CONTAINER[2], &cgroup]
        };
        let run = ["run", "--detach", "--name", name];
        self.podman(at, &[&run, &basics[..], options, &[image::IMAGE], words].concat())?.ok()
    }

    /// Runs a Docker daemon in a container of podman's, gives it the lab's image, and starts the container `leaf` there.
    ///
    /// # Errors
    /// When it does not come up.
    pub fn run_docker_in_podman(&self, at: &str, name: &str) -> Result<(), String> {
        let capabilities = capabilities::of_this_machine()?;
        let capabilities: Vec<&str> = capabilities.iter().map(String::as_str).collect();
        self.run_podman(at, name, &[&DAEMON, &capabilities[..]].concat(), &["dockerd"])?;
        let exec = ["exec", "--interactive", name];
        let ready = "until docker version >/dev/null 2>&1; do sleep 0.05; done";
        self.podman(at, &[&exec[..], &["sh", "-c", ready]].concat())?.ok()?;
        let import = [&PODMAN[..], &exec, &["docker", "import", "-", image::IMAGE]].concat();
        output_of_input(&mut self.beside(at, &import), self.image()?, LIMIT)?.ok()?;
        let run = ["docker", "run", "--detach", "--name=leaf", "--network=none", "--security-opt=apparmor=unconfined"];
        let what = ["--volume=/usr:/usr:ro", image::IMAGE, "sleep", "infinity"];
        self.podman(at, &[&exec[..], &run, &what].concat())?.ok().map(drop)
    }

    fn image(&self) -> Result<Vec<u8>, String> {
        fs::read(image::archive(self.name())).map_err(|error| format!("read the image: {error}"))
    }

    /// Starts containerd there.
    ///
    /// # Errors
    /// When it does not come up.
    pub fn start_containerd(&self, at: &str) -> Result<(), String> {
        self.script(at, ROOT, &[])?;
        self.script(at, CONTAINERD, &[]).map(drop)
    }

    /// Runs a container of containerd's there, by `ctr`, in the containerd namespace `namespace`.
    ///
    /// # Errors
    /// What `ctr` says.
    pub fn run_ctr(&self, at: &str, namespace: &str, id: &str, options: &[&str]) -> Result<(), String> {
        let cgroup = format!("/{}/{id}", self.name());
        let usr = "type=bind,src=/usr,dst=/usr,options=rbind:ro";
        // It asks for a share of the processor, which a cgroup without controllers does not give.
        let run =
            ["ctr", "--namespace", namespace, "run", "--detach", "--cpu-shares=0", "--cgroup", &cgroup, "--mount", usr];
        let what = ["--rootfs", "/run/nicon-root", id, "/usr/bin/sleep", "infinity"];
        output_within(&mut self.beside(at, &[&run, options, &what].concat()), LIMIT)?.ok().map(drop)
    }

    /// Runs a container of runc's there, in a cgroup of any name.
    ///
    /// # Errors
    /// What runc says.
    pub fn run_runc(&self, at: &str, id: &str, cgroup: &str) -> Result<(), String> {
        self.script(at, ROOT, &[])?;
        self.script(at, RUNC, &[id, &format!("/{}/{cgroup}", self.name())]).map(drop)
    }

    /// The process that is `pid` in the container at `at`, or beside the outer daemon, by its PID in the runner's
    /// namespace: the first of its mount namespace, which nobody else is in.
    ///
    /// # Errors
    /// When there is none.
    pub fn pid_from(&self, at: &str, pid: &str) -> Result<u32, String> {
        let link = self.script(at, "readlink /proc/$1/ns/mnt", &[pid])?;
        witness::first_process_of(&link).ok_or_else(|| format!("{at}: nobody is in {link}"))
    }

    /// Stops a process that this test has started, and waits until none of its threads runs any more.
    ///
    /// # Errors
    /// When there is no such process, or it does not stop.
    pub fn stop(&self, pid: u32) -> Result<(), String> {
        self.signal(pid, "STOP")?;
        let give_up = Instant::now() + LIMIT;
        while !witness::is_stopped(pid) {
            if Instant::now() > give_up {
                return Err(format!("process {pid} does not stop"));
            }
            thread::sleep(Duration::from_millis(1));
        }
        Ok(())
    }

    /// Sends a signal to a process that this test has started.
    ///
    /// # Errors
    /// When there is no such process.
    pub fn signal(&self, pid: u32, signal: &str) -> Result<(), String> {
        output_within(tool("sh").args(["-c", "kill \"-$1\" \"$2\"", "sh", signal, &pid.to_string()]), LIMIT)?
            .ok()
            .map(drop)
    }
}
