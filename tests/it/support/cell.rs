//! Processes that a test starts, and waiting for what they do.

use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

use nicon_lab::{LIMIT, patience, tool};

/// A process of our own with namespaces of its own, which ends with the test.
pub(crate) struct Cell(pub(crate) Child);

impl Cell {
    /// `unshare OPTIONS sh -c SCRIPT`, from when the script has said a line.
    pub(crate) fn new(options: &[&str], script: &str) -> Self {
        // It ends with the test also where that is killed.
        let mut unshare = tool("setpriv");
        unshare.args(["--pdeathsig=KILL", "unshare"]).args(options).args(["sh", "-c", script]);
        let mut child = unshare.stdin(Stdio::null()).stdout(Stdio::piped()).spawn().unwrap();
        // Byte by byte: what comes behind the line is left for the test to read.
        let mut output = std::io::Read::bytes(child.stdout.as_mut().unwrap());
        let has_said_a_line = output.any(|byte| byte.unwrap() == b'\n');
        assert!(has_said_a_line, "no word from {options:?} {script}");
        Self(child)
    }

    pub(crate) fn pid(&self) -> String {
        self.0.id().to_string()
    }
}

impl Drop for Cell {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[track_caller]
pub(crate) fn wait_for(what: &str, condition: impl FnMut() -> bool) {
    wait_for_this(|| what.to_owned(), condition);
}

/// The same, with a name that is made when it is wanted.
#[track_caller]
pub(crate) fn wait_for_this(what: impl Fn() -> String, mut condition: impl FnMut() -> bool) {
    let give_up = Instant::now() + LIMIT * patience();
    while !condition() {
        assert!(Instant::now() < give_up, "no {} in time", what());
        std::thread::sleep(Duration::from_millis(2));
    }
}
