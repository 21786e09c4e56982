//! The label that a security module (`SELinux`, `AppArmor`) has given the target, which the command gets as well.

use std::fs;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::Path;

use nicon_core::{Context, Error, Process, Result};
use nix::fcntl::{OFlag, open, openat};
use nix::sys::stat::Mode;
use rustix::fs::CWD;
use rustix::mount::{OpenTreeFlags, open_tree};

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
        match fs::read_to_string(&path).context(|| format!("read {path}")) {
            Ok(label) => Ok(Some(label)),
            // The kernel lacks the module, or it is disabled.
            Err(error) if matches!(error.errno(), Some(libc::ENOENT | libc::EINVAL)) => Ok(None),
            Err(error) => Err(error),
        }
    }
}

/// The labels that the command needs to be under the same rules as the target.
pub(crate) struct Labels {
    list: Vec<Label>,
    /// A /proc of our own: after the joins it cannot be opened by name.
    proc: Option<OwnedFd>,
}

struct Label {
    module: &'static Module,
    text: String,
}

impl Labels {
    /// Those of the target that are not ours already.
    pub(crate) fn open(target: &Process, selinux_only: bool) -> Result<Self> {
        let modules = if selinux_only { &[&SELINUX][..] } else { &[&SELINUX, &APPARMOR] };
        let list = modules.iter().filter_map(|module| Label::of(module, target).transpose());
        let list = list.collect::<Result<Vec<_>>>()?;
        let proc = (!list.is_empty()).then(open_proc).transpose()?;
        Ok(Self { list, proc })
    }

    /// Fails if `SELinux` is not active.
    pub(crate) fn require_selinux() -> Result<()> {
        match SELINUX.own()? {
            Some(_) => Ok(()),
            None => Err(Error::failed("--follow-context: SELinux is not enabled on this machine")),
        }
    }

    /// Sets them for the next exec of the calling process.
    pub(crate) fn set(&self) -> Result<()> {
        let Some(proc) = &self.proc else { return Ok(()) };
        self.list.iter().try_for_each(|label| {
            let file = openat(proc, label.file().as_str(), OFlag::O_WRONLY | OFlag::O_CLOEXEC, Mode::empty());
            let file = file.context(|| label.what())?;
            nix::unistd::write(file, label.words().as_bytes()).context(|| label.what()).map(drop)
        })
    }

    /// The /proc below which [`Labels::orders`] are to be carried out.
    pub(crate) fn proc(&self) -> Option<BorrowedFd<'_>> {
        self.proc.as_ref().map(AsFd::as_fd)
    }

    /// What has to be done for the next exec, as the last step takes it: a name for it, the file, and what to write there.
    pub(crate) fn orders(&self) -> impl Iterator<Item = [String; 3]> {
        self.list.iter().map(|label| [label.what(), label.file(), label.words()])
    }
}

impl Label {
    fn of(module: &'static Module, target: &Process) -> Result<Option<Self>> {
        let Some(own) = module.own()? else { return Ok(None) };
        let targets = target.read(module.current)?;
        let differs = bare(&targets) != bare(&own);
        Ok(differs.then(|| Self { module, text: bare(&targets).to_owned() }))
    }

    fn what(&self) -> String {
        format!("set the {} label {}", self.module.name, self.text)
    }

    fn file(&self) -> String {
        format!("self/{}", self.module.exec)
    }

    fn words(&self) -> String {
        format!("{}{}", self.module.verb, self.text)
    }
}

/// A mount of /proc that is in no mount namespace: from a directory of the caller's, `..` would lead a container that gets at
/// it (one in our own PID namespace) to the caller's files. Without the right to mount there is no container to fear.
fn open_proc() -> Result<OwnedFd> {
    let flags = OpenTreeFlags::OPEN_TREE_CLONE | OpenTreeFlags::OPEN_TREE_CLOEXEC | OpenTreeFlags::AT_RECURSIVE;
    match open_tree(CWD, c"/proc", flags) {
        Err(rustix::io::Errno::PERM) => {
            let flags = OFlag::O_PATH | OFlag::O_DIRECTORY | OFlag::O_CLOEXEC;
            open("/proc", flags, Mode::empty()).context(|| "open /proc")
        }
        opened => opened.map_err(std::io::Error::from).context(|| "open /proc"),
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
