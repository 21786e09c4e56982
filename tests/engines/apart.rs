//! A place in the machine where nothing of its own engines is seen, for a test that wants engines, or files, of its own.

use libtest_mimic::Failed;
use nicon_lab::Ran;

use nicon_lab::machine::Machine;

/// Starts a process in whose mount namespace /run and the directories of Docker are empty, and in whose PID namespace there is
/// nothing else; and tells its PID. It waits for whatever is left to it.
const APART: &str = r#"ready=$(mktemp); setsid unshare --mount --pid --fork --mount-proc sh -c '
    mount -t tmpfs -o mode=755 apart /run && mount -t tmpfs apart /etc/docker && mount -t tmpfs apart /var/lib/docker
    mount -t tmpfs apart /var/lib/containers && mkdir /run/data && echo ready && { sleep infinity & wait; } >/dev/null
    ' </dev/null >"$ready" 2>/dev/null & until [ -s "$ready" ]; do sleep 0.02; done
    rm "$ready" && cat /proc/$!/task/$!/children"#;

/// Such a place, which is there as long as the machine.
pub(crate) struct Apart<'a> {
    machine: &'a Machine,
    pid: String,
}

impl<'a> Apart<'a> {
    pub(crate) fn of(machine: &'a Machine) -> Result<Self, Failed> {
        Ok(Self { machine, pid: machine.script(APART, &[])?.trim().to_owned() })
    }

    /// Runs a command there to its end.
    pub(crate) fn run(&self, words: &[&str]) -> Ran {
        let target = format!("--target={}", self.pid);
        self.machine.run(&[&["nsenter", &target, "--mount", "--pid", "--wd=/"], words].concat())
    }

    /// Runs a shell script there, with arguments.
    ///
    /// # Errors
    /// When it fails.
    pub(crate) fn script(&self, script: &str, arguments: &[&str]) -> Result<String, Failed> {
        Ok(self.run(&[&["sh", "-c", script, "sh"], arguments].concat()).ok()?)
    }
}
