//! Whether a process is frozen, as `docker pause` does it: whoever joins its cgroups is frozen with it. See `cgroup.events` and the
//! freezer of `cgroups(7)`.

use std::fs;
use std::path::PathBuf;

use crate::Process;
use crate::cgroup::{cgroup_mounts, directory, parse};

/// The file in which cgroup v2 tells the state of a cgroup; the root cgroup has none.
const EVENTS: &str = "cgroup.events";

/// What our mounts let us see of freezers. Neither a mount nor a cgroup of a container's has a say.
pub struct Freezers {
    /// The lines about cgroup file systems in our own mountinfo.
    mountinfo: Vec<u8>,
}

/// Whether a process is frozen; see [`Freezers::is_frozen`].
#[must_use]
pub fn is_frozen(process: &Process) -> bool {
    Freezers::visible().is_frozen(process)
}

impl Freezers {
    /// Those that we see from where we are; none if our mounts cannot be read.
    #[must_use]
    pub fn visible() -> Self {
        let all = fs::read("/proc/self/mountinfo").unwrap_or_default();
        let lines = all.split_inclusive(|&byte| byte == b'\n');
        let mountinfo = lines.filter(|line| !cgroup_mounts(line).is_empty()).collect::<Vec<_>>().concat();
        Self { mountinfo }
    }

    /// Whether one of its cgroups, or one above that, is frozen; not if that cannot be told from where we are.
    #[must_use]
    pub fn is_frozen(&self, process: &Process) -> bool {
        let (Ok(cgroups), mounts) = (process.read("cgroup"), cgroup_mounts(&self.mountinfo)) else { return false };
        cgroups.lines().filter_map(parse).any(|(controllers, path)| {
            // What these files say includes the cgroups above.
            let (file, sign) = match controllers {
                "" => (EVENTS, "frozen 1"),
                "freezer" => ("freezer.state", "FR"),
                _ => return false,
            };
            let state = directory(&mounts, controllers, path).and_then(|at| fs::read_to_string(at.join(file)).ok());
            state.is_some_and(|state| state.lines().any(|line| line.starts_with(sign)))
        })
    }

    /// The file that is modified when a process is frozen or thawed; `None` where nothing tells of that, as before cgroup v2.
    #[must_use]
    pub fn events_file(&self, process: &Process) -> Option<PathBuf> {
        let cgroups = process.read("cgroup").ok()?;
        let (_, path) = cgroups.lines().filter_map(parse).find(|(controllers, _)| controllers.is_empty())?;
        let file = directory(&cgroup_mounts(&self.mountinfo), "", path)?.join(EVENTS);
        file.exists().then_some(file)
    }
}

#[cfg(test)]
mod tests {
    use std::path::{Path, PathBuf};
    use std::process::{Child, Command};
    use std::time::{Duration, Instant};

    use super::*;

    /// A cgroup with a process in it; both end with this.
    struct Cgroup(PathBuf, Child);

    impl Cgroup {
        fn new(above: &str) -> std::io::Result<Self> {
            let path = Path::new(above).join(format!("nicon-frozen-{}", std::process::id()));
            fs::create_dir(&path)?;
            let child = Command::new("sleep").arg("60").spawn()?;
            let cgroup = Self(path, child);
            cgroup.write("cgroup.procs", &cgroup.1.id().to_string())?;
            Ok(cgroup)
        }

        fn write(&self, file: &str, text: &str) -> std::io::Result<()> {
            fs::write(self.0.join(file), text)
        }
    }

    impl Drop for Cgroup {
        fn drop(&mut self) {
            for (file, text) in [("cgroup.freeze", "0"), ("freezer.state", "THAWED")] {
                let _ = self.0.join(file).exists().then(|| self.write(file, text));
            }
            let _ = (self.1.kill(), self.1.wait());
            let until = Instant::now() + Duration::from_secs(5);
            while fs::remove_dir(&self.0).is_err() && Instant::now() < until {
                std::thread::yield_now();
            }
        }
    }

    #[test]
    fn frozen_and_thawed() {
        let kinds = [
            ("/sys/fs/cgroup/freezer", "freezer.state", "FROZEN", "THAWED"),
            ("/sys/fs/cgroup/unified", "cgroup.freeze", "1", "0"),
            ("/sys/fs/cgroup", "cgroup.freeze", "1", "0"),
        ];
        for (above, file, freeze, thaw) in kinds {
            if !Path::new(above).join("cgroup.procs").exists() {
                continue;
            }
            // We may not be root.
            let Ok(cgroup) = Cgroup::new(above) else { continue };
            let process = Process::pin(cgroup.1.id().cast_signed()).unwrap();
            assert!(!is_frozen(&process), "{above}");
            cgroup.write(file, freeze).unwrap();
            let until = Instant::now() + Duration::from_secs(5);
            while !is_frozen(&process) {
                assert!(Instant::now() < until, "{above}: not frozen");
            }
            cgroup.write(file, thaw).unwrap();
            while is_frozen(&process) {
                assert!(Instant::now() < until, "{above}: frozen for good");
            }
        }
    }
}
