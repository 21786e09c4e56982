//! The label that a security module (`SELinux`, `AppArmor`) has given the target, for the command to have too.

use std::ffi::CStr;
use std::fs;
use std::os::fd::OwnedFd;

use nicon_core::{Doing, Error, Process, Result};
use nix::fcntl::{OFlag, open, openat};
use nix::sys::stat::Mode;
use nix::unistd::{AccessFlags, access};

/// Where a security module shows the label of a process and takes the one for the next exec.
struct Module {
    name: &'static str,
    /// Exists where the module is at work.
    sign: &'static CStr,
    current: &'static str,
    exec: &'static str,
    /// What stands before the label when it is set.
    verb: &'static str,
}

/// Exists where `SELinux` is at work.
pub(crate) const SELINUX: &CStr = c"/sys/fs/selinux/enforce";

/// Exists where `AppArmor` is at work.
pub(crate) const APPARMOR: &CStr = c"/sys/kernel/security/apparmor";

static MODULES: [Module; 2] = [
    Module { name: "SELinux", sign: SELINUX, current: "attr/current", exec: "attr/exec", verb: "" },
    Module {
        name: "AppArmor",
        sign: APPARMOR,
        current: "attr/apparmor/current",
        exec: "attr/apparmor/exec",
        verb: "exec ",
    },
];

/// Those that are at work here.
fn active() -> impl Iterator<Item = &'static Module> {
    MODULES.iter().filter(|module| access(module.sign, AccessFlags::F_OK).is_ok())
}

/// A label to be set.
pub(crate) struct Label {
    module: &'static Module,
    text: String,
    /// Our own /proc: behind the joins it has no name any more.
    proc: OwnedFd,
}

impl Label {
    /// The labels that the command needs for being under the same rules as the target.
    pub(crate) fn open(target: &Process, selinux_only: bool) -> Result<Vec<Self>> {
        let labels: Vec<Self> = active()
            .filter(|module| !selinux_only || module.name == "SELinux")
            .filter_map(|module| Self::of(module, target).transpose())
            .collect::<Result<_>>()?;
        Ok(labels)
    }

    /// Refuses where there is no `SELinux` to follow.
    pub(crate) fn require_selinux() -> Result<()> {
        if active().any(|module| module.name == "SELinux") {
            return Ok(());
        }
        Err(Error::failed("--follow-context: SELinux is not enabled on this machine"))
    }

    fn of(module: &'static Module, target: &Process) -> Result<Option<Self>> {
        let path = format!("/proc/self/{}", module.current);
        let own = fs::read_to_string(&path).doing(|| format!("read {path}"))?;
        let targets = target.read(module.current)?;
        if bare(&targets) == bare(&own) {
            return Ok(None);
        }
        let flags = OFlag::O_PATH | OFlag::O_DIRECTORY | OFlag::O_CLOEXEC;
        let proc = open("/proc", flags, Mode::empty()).doing(|| "open /proc")?;
        Ok(Some(Self { module, text: bare(&targets).to_owned(), proc }))
    }

    /// Has the next exec of the calling process give it the label.
    pub(crate) fn set(&self) -> Result<()> {
        let what = || format!("set the {} label {}", self.module.name, self.text);
        let path = format!("self/{}", self.module.exec);
        let file = openat(&self.proc, path.as_str(), OFlag::O_WRONLY | OFlag::O_CLOEXEC, Mode::empty());
        let label = format!("{}{}", self.module.verb, self.text);
        nix::unistd::write(file.doing(what)?, label.as_bytes()).doing(what).map(drop)
    }
}

/// A label without its mode: `AppArmor` shows `docker-default (enforce)`, and both may end with a newline or NUL.
fn bare(shown: &str) -> &str {
    let shown = shown.trim_end_matches(['\0', '\n']);
    shown.rsplit_once(" (").map_or(shown, |(label, _)| label)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_label_is_bare() {
        assert_eq!(bare("docker-default (enforce)\n"), "docker-default");
        assert_eq!(bare("unconfined\n"), "unconfined");
        assert_eq!(bare("system_u:system_r:container_t:s0:c1,c2\0"), "system_u:system_r:container_t:s0:c1,c2");
    }
}
