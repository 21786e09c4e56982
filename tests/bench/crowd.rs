//! A crowd of processes.

use std::io::{BufRead, BufReader, Write};
use std::process::{Child, Stdio};

use nicon_lab::tool;

/// Starts processes until there are as many as each line of its input says.
const GATHER: &str = r#"i=0; while read -r many; do
    while [ $i -lt "$many" ]; do sleep infinity & i=$((i+1)); done; echo ready
done"#;

/// Sleeping processes in namespaces of their own, all killed when it ends, or we do.
pub(crate) struct Crowd(Child);

impl Crowd {
    /// Starts a first one, by way of unshare(1) with these options.
    pub(crate) fn start(namespaces: &[&str]) -> Result<Self, String> {
        let mut shell = tool("setpriv");
        shell.args(["--pdeathsig", "KILL", "unshare"]).args(namespaces).args(["sh", "-c", GATHER]);
        let shell = shell.stdin(Stdio::piped()).stdout(Stdio::piped());
        shell.spawn().map(Self).map_err(|error| format!("start a crowd: {error}"))
    }

    /// Waits until there are so many.
    pub(crate) fn grow(&mut self, many: usize) -> Result<(), String> {
        let (Some(stdin), Some(stdout)) = (&mut self.0.stdin, &mut self.0.stdout) else {
            return Err("the crowd has no pipes".into());
        };
        writeln!(stdin, "{many}").map_err(|error| format!("tell the crowd to grow: {error}"))?;
        let mut line = String::new();
        BufReader::new(stdout).read_line(&mut line).map_err(|error| format!("wait for the crowd: {error}"))?;
        if line == "ready\n" { Ok(()) } else { Err(format!("the crowd said {line:?}")) }
    }

    /// PID of the first one.
    pub(crate) fn pid(&self) -> u32 {
        self.0.id()
    }

    /// Its network namespace, as the kernel spells it.
    pub(crate) fn netns(&self) -> Result<String, String> {
        let link = std::fs::read_link(format!("/proc/{}/ns/net", self.0.id()));
        link.map(|link| link.display().to_string()).map_err(|error| format!("find the crowd: {error}"))
    }
}

impl Drop for Crowd {
    fn drop(&mut self) {
        // `unshare --kill-child` takes the first process of the PID namespace along, and the kernel the others.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}
