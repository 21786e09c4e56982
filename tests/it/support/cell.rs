//! Processes that a test starts.

use std::process::{Child, Stdio};

use nicon_lab::tool;

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
