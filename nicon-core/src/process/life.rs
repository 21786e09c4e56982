//! Whether a process lives, and whether two are the same.

use super::Process;
use crate::pidfd::is_running;

impl Process {
    /// Whether it has not exited. A zombie has.
    #[must_use]
    pub fn is_alive(&self) -> bool {
        is_running(&self.pidfd)
    }

    /// Whether both are the same process; `false` if either has exited.
    #[must_use]
    pub fn is(&self, other: &Self) -> bool {
        // A PID is not reused while its process lives, and this one still does when the other one is seen alive.
        self.pid == other.pid && other.is_alive() && self.is_alive()
    }
}

#[cfg(test)]
mod tests {
    use std::process::{Command, Stdio};

    use super::*;

    #[test]
    fn the_same_process_is_known_until_it_ends() {
        let mut child = Command::new("cat").stdin(Stdio::piped()).stdout(Stdio::null()).spawn().unwrap();
        let pin = || Process::pin(child.id().cast_signed()).unwrap();
        let (one, other) = (pin(), pin());
        assert!(one.is(&other) && other.is(&one));
        assert!(!one.is(&Process::myself().unwrap()));
        child.kill().unwrap();
        child.wait().unwrap();
        assert!(!one.is(&other), "its PID may be another's by now");
    }
}
