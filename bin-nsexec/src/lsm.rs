//! The label that a security module (`SELinux`, `AppArmor`) has given the target, which the command gets as well.

use std::fs;
use std::os::fd::OwnedFd;
use std::path::Path;

use nicon_core::{Doing, Error, Process, Result};
use nix::errno::Errno;
use nix::fcntl::{OFlag, open, openat};
use nix::sys::stat::Mode;

/// Where a security module shows the label of a process and takes the one for the next exec.
struct Module {
    name: &'static str,
    /// Exists if the module is active; without it, `current` can be read only then.
    sign: Option<&'static str>,
    current: &'static str,
    exec: &'static str,
    /// Written before the label when it is set.
    verb: &'static str,
}

static SELINUX: Module = Module {
    name: "SELinux",
    // Other modules show their labels in the same files.
    sign: Some("/sys/fs/selinux/enforce"),
    current: "attr/current",
    exec: "attr/exec",
    verb: "",
};

static APPARMOR: Module = Module {
    name: "AppArmor",
    sign: None,
    current: "attr/apparmor/current",
    exec: "attr/apparmor/exec",
    verb: "exec ",
};

impl Module {
    /// Our own label; `None` if the module is not active.
    fn own(&self) -> Result<Option<String>> {
        if self.sign.is_some_and(|sign| !Path::new(sign).exists()) {
            return Ok(None);
        }
        let path = format!("/proc/self/{}", self.current);
        match fs::read_to_string(&path).doing(|| format!("read {path}")) {
            Ok(label) => Ok(Some(label)),
            // The kernel lacks the module, or it is disabled.
            Err(error) if matches!(error.errno(), Some(Errno::ENOENT | Errno::EINVAL)) => Ok(None),
            Err(error) => Err(error),
        }
    }
}

/// A label to be set.
pub(crate) struct Label {
    module: &'static Module,
    text: String,
    /// Our own /proc: after the joins it cannot be opened by name.
    proc: OwnedFd,
}

impl Label {
    /// The labels that the command needs for being under the same rules as the target.
    pub(crate) fn open(target: &Process, selinux_only: bool) -> Result<Vec<Self>> {
        let modules = if selinux_only { &[&SELINUX][..] } else { &[&SELINUX, &APPARMOR] };
        modules.iter().filter_map(|module| Self::of(module, target).transpose()).collect()
    }

    /// Fails if `SELinux` is not active.
    pub(crate) fn require_selinux() -> Result<()> {
        match SELINUX.own()? {
            Some(_) => Ok(()),
            None => Err(Error::failed("--follow-context: SELinux is not enabled on this machine")),
        }
    }

    fn of(module: &'static Module, target: &Process) -> Result<Option<Self>> {
        let Some(own) = module.own()? else { return Ok(None) };
        let targets = target.read(module.current)?;
        if bare(&targets) == bare(&own) {
            return Ok(None);
        }
        let flags = OFlag::O_PATH | OFlag::O_DIRECTORY | OFlag::O_CLOEXEC;
        let proc = open("/proc", flags, Mode::empty()).doing(|| "open /proc")?;
        Ok(Some(Self { module, text: bare(&targets).to_owned(), proc }))
    }

    /// Sets the label for the next exec of the calling process.
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
