//! A process in a network namespace of its own: the least that links can be moved to.

use std::process::Child;
use std::time::Duration;

use crate::{tool, witness};

/// Such a process; it lives until this is dropped.
#[derive(Debug)]
pub struct NetPlace(Child);

impl NetPlace {
    /// Starts it.
    ///
    /// # Errors
    /// When it cannot be started.
    pub fn new() -> Result<Self, String> {
        // It ends with its starter also where that is killed.
        let mut command = tool("setpriv");
        command.args(["--pdeathsig=KILL", "unshare", "--net", "sleep", "1000"]);
        let place = Self(command.spawn().map_err(|error| format!("run setpriv: {error}"))?);
        let own = witness::ns_link(std::process::id(), "net");
        while witness::ns_link(place.pid(), "net").is_none_or(|link| Some(link) == own) {
            std::thread::sleep(Duration::from_millis(1));
        }
        Ok(place)
    }

    /// Its PID.
    #[must_use]
    pub fn pid(&self) -> u32 {
        self.0.id()
    }
}

impl Drop for NetPlace {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}
