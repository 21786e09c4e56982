//! Processes of other users, that lie: engines, and what they pass off as containers.

use std::fs;
use std::io::{BufRead, BufReader};
use std::os::unix::fs::PermissionsExt;
use std::process::{Child, Command, Stdio};

use libtest_mimic::Failed;
use nicon_lab::{LIMIT, Lab, Ran, output_of_input, output_within, tool, until, witness};

use crate::hostile::answers::inspect;
use crate::support::suite::Suite;

/// The ID of the containers that are pretended.
pub(crate) const ID: &str = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";

/// How to become an unprivileged user; whose end is that of the parent, which has to be asked for anew.
pub(crate) const USER: [&str; 5] = ["setpriv", "--reuid=1000", "--regid=1000", "--clear-groups", "--pdeathsig=KILL"];
/// The same, another one.
pub(crate) const ANOTHER: [&str; 5] = ["setpriv", "--reuid=1001", "--regid=1001", "--clear-groups", "--pdeathsig=KILL"];
/// Stays root.
pub(crate) const ROOT: [&str; 2] = ["setpriv", "--pdeathsig=KILL"];

/// A process that ends with this test, or with the test program.
pub(crate) struct Helper(pub(crate) Child);

impl Helper {
    pub(crate) fn start(words: &[&str]) -> Result<Self, Failed> {
        let mut command = tool("setpriv");
        command.args(["--pdeathsig=KILL", "--"]).args(words);
        Self::spawn(command)
    }

    /// Starts it beside the outer daemon.
    pub(crate) fn in_nest(lab: &Lab, words: &[&str]) -> Result<Self, Failed> {
        let mut command = lab.inside("setpriv");
        command.args(["--pdeathsig=KILL", "--"]).args(words);
        Self::spawn(command)
    }

    fn spawn(mut command: Command) -> Result<Self, Failed> {
        Ok(Self(command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null()).spawn()?))
    }

    /// The first line that it says.
    pub(crate) fn says(&mut self) -> Result<String, Failed> {
        let mut line = String::new();
        BufReader::new(self.0.stdout.take().ok_or("it said something already")?).read_line(&mut line)?;
        Ok(line.trim().to_owned())
    }
}

impl Drop for Helper {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// A directory of everybody's with the program that lies and what it says, on the private /run.
pub(crate) struct Place(String);

impl Place {
    pub(crate) fn new(name: &str) -> Result<Self, Failed> {
        let place = Self(format!("/run/hostile-user-{name}"));
        fs::create_dir(&place.0)?;
        let liar = place.at("liar");
        output_of_input(tool("cc").args(["-x", "c", "-o", &liar, "-"]), include_str!("liar.c"), LIMIT)?.ok()?;
        fs::set_permissions(&place.0, fs::Permissions::from_mode(0o777))?;
        Ok(place)
    }

    pub(crate) fn at(&self, name: &str) -> String {
        format!("{}/{name}", self.0)
    }

    /// Writes what an engine would answer about a running container; returns the file's path.
    pub(crate) fn answer(&self, id: &str, name: &str, pid: &str) -> Result<String, Failed> {
        let (file, body) = (self.at(&format!("about-{name}-{pid}")), inspect(id, &format!("/{name}"), pid));
        let head = "HTTP/1.1 200 OK\r\nLibpod-API-Version: 4\r\nContent-Type: application/json\r\nContent-Length";
        fs::write(&file, format!("{head}: {}\r\n\r\n{body}", body.len()))?;
        Ok(file)
    }

    /// Waits until somebody listens there; returns its address.
    pub(crate) fn socket(&self, name: &str) -> String {
        let path = self.at(name);
        until("the engine", || witness::is_listening(&path).then_some(()));
        path
    }
}

/// Resolves paths by an engine of our own.
pub(crate) fn ask(suite: &Suite, socket: &str, words: &[&str]) -> Result<Ran, Failed> {
    let mut command = suite.command("nicon-resolve")?;
    Ok(output_within(command.args(words).env("DOCKER_HOST", format!("unix://{socket}")), LIMIT)?)
}

/// A process with a parent that looks like a shim of the container `ID`, in namespaces of its own by options of `unshare`.
pub(crate) struct Pretended {
    _shim: Helper,
    /// Its PID where it was started.
    pub(crate) inner_pid: String,
    pub(crate) pid: u32,
}

impl Pretended {
    pub(crate) fn start(user: &[&str], unshare: &str) -> Result<Self, Failed> {
        let mut shim = Helper::start(&Self::words(user, &Self::script(unshare)))?;
        let inner_pid = shim.says()?;
        let pid = inner_pid.parse()?;
        Self::is_ready(pid);
        Ok(Self { _shim: shim, inner_pid, pid })
    }

    /// The same beside the outer daemon; it needs a mount namespace.
    pub(crate) fn in_nest(lab: &Lab, user: &[&str], unshare: &str) -> Result<Self, Failed> {
        let mut shim = Helper::in_nest(lab, &Self::words(user, &Self::script(unshare)))?;
        let inner_pid = shim.says()?;
        until("its namespaces", || {
            let own =
                lab.script("", "readlink /proc/$1/comm /proc/$1/ns/mnt; cat /proc/$1/comm", &[&inner_pid]).ok()?;
            own.ends_with("sleep").then_some(())
        });
        let pid = lab.pid_from("", &inner_pid)?;
        Self::is_ready(pid);
        Ok(Self { _shim: shim, inner_pid, pid })
    }

    pub(crate) fn script(unshare: &str) -> String {
        format!("unshare {unshare} setpriv --pdeathsig=KILL sleep 600 & echo $!; wait")
    }

    fn words<'a>(user: &[&'a str], script: &'a str) -> Vec<&'a str> {
        [user, &["sh", "-c", script, "shim", ID]].concat()
    }

    pub(crate) fn is_ready(pid: u32) {
        let comm = || fs::read_to_string(format!("/proc/{pid}/comm")).ok();
        until("the process", || comm().filter(|comm| comm.trim() == "sleep"));
    }
}

/// The namespaces of a container of an unprivileged user.
pub(crate) const THEIRS: &str = "--user --map-root-user --mount";

/// Resolves a path by the usual engines.
pub(crate) fn ask_in(suite: &Suite, path: &str) -> Result<Ran, Failed> {
    Ok(output_within(suite.command("nicon-resolve")?.arg(path), LIMIT)?)
}
