//! A place in the machine where nothing of its own engines is seen, for a test that wants engines, or files, of its own.

use libtest_mimic::Failed;
use nicon_lab::Ran;

use crate::machine::Machine;

/// Starts a process in whose mount namespace /run and the directories of Docker are empty, and tells its PID.
const APART: &str = r#"pid=$(mktemp); setsid unshare --mount sh -c '
    mount -t tmpfs -o mode=755 apart /run && mount -t tmpfs apart /etc/docker && mount -t tmpfs apart /var/lib/docker
    mount -t tmpfs apart /var/lib/containers && mkdir /run/data && echo $$ && exec sleep infinity >/dev/null
    ' </dev/null >"$pid" 2>/dev/null & until [ -s "$pid" ]; do sleep 0.02; done; cat "$pid" && rm "$pid""#;

/// Such a place, which is there as long as the machine.
pub(crate) struct Apart<'a> {
    machine: &'a Machine,
    mount: String,
}

impl<'a> Apart<'a> {
    pub(crate) fn of(machine: &'a Machine) -> Result<Self, Failed> {
        let pid = machine.script(APART, &[])?;
        Ok(Self { machine, mount: format!("--mount=/proc/{pid}/ns/mnt") })
    }

    /// Runs a command there to its end.
    pub(crate) fn run(&self, words: &[&str]) -> Ran {
        self.machine.run(&[&["nsenter", &self.mount, "--wd=/"], words].concat())
    }

    /// Runs a shell script there, with arguments.
    ///
    /// # Errors
    /// When it fails.
    pub(crate) fn script(&self, script: &str, arguments: &[&str]) -> Result<String, Failed> {
        Ok(self.run(&[&["sh", "-c", script, "sh"], arguments].concat()).ok()?)
    }
}
