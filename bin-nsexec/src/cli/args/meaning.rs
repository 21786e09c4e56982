//! What the options mean together.

use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use nicon_core::{Namespace, NsType};

use super::Args;
use crate::operand::{Id, Source};
use crate::stdio::{Input, Stdio};

impl Args {
    /// Where the namespace of this type comes from, if an option of its own says so.
    pub(crate) fn source(&self, ns_type: NsType) -> Option<&Source> {
        let option = match ns_type {
            NsType::User => &self.user,
            NsType::Cgroup => &self.cgroup,
            NsType::Ipc => &self.ipc,
            NsType::Uts => &self.uts,
            NsType::Net => &self.net,
            NsType::Pid => &self.pid,
            NsType::Mnt => &self.mount,
            NsType::Time => &self.time,
            _ => return None,
        };
        option.as_ref()
    }

    /// Whether the command is the container's code: programs and files are the container's.
    pub(crate) fn runs_container_code(&self) -> bool {
        self.all || self.mount.is_some() || self.root.is_some()
    }

    /// Whether the container's processes may provide, see or control the command.
    pub(crate) fn is_contained(&self) -> bool {
        self.runs_container_code() || self.pid.is_some() || self.user.is_some() || self.user_parent
    }

    /// Whether the command is executed by the last step, and not directly: where the container may get at a process of ours,
    /// or we are to watch the command.
    pub(crate) fn takes_last_step(&self) -> bool {
        self.is_contained() || self.each
    }

    /// Whether the container's processes could take over a command that has more than they have: by `ptrace(2)`, in its PID
    /// namespace, and with it the caller's files, whatever capabilities it has given up.
    pub(crate) fn exposes_caller(&self) -> bool {
        self.pid.is_some() && !self.runs_container_code() && !self.privileged
    }

    /// Whether the command may have no more privileges than the target.
    pub(crate) fn is_limited(&self) -> bool {
        self.runs_container_code() && !self.privileged
    }

    /// Whether the command joins the cgroups of the target.
    pub(crate) fn joins_cgroup(&self) -> bool {
        self.join_cgroup || self.is_limited() && !self.no_cgroup
    }

    /// Whether a limited command is the target's user.
    pub(crate) fn follows_user(&self) -> bool {
        !self.preserve_credentials && matches!(self.setuid, None | Some(Id::Follow))
    }

    /// Whether the command begins with the caller's environment.
    pub(crate) fn keeps_environment(&self) -> bool {
        self.keep_env || !(self.clear_env || self.runs_container_code())
    }

    /// Session, terminal and input of the command.
    pub(crate) fn stdio(&self) -> Stdio {
        let is_elsewhere = self.target.is_some() || self.record.is_some();
        let input = match (self.each, is_elsewhere || self.stdin || !self.needs_target()) {
            (true, _) => Input::Nothing,
            (_, true) => Input::Callers,
            (_, false) => Input::Terminal,
        };
        Stdio { is_contained: self.is_contained(), is_shared: self.no_pty, input }
    }

    /// Whether the container's files are those of the target, as it sees them.
    pub(crate) fn runs_targets_files(&self) -> bool {
        let is_targets = |source: &Option<Source>| !matches!(source, Some(Source::Path(_)));
        self.runs_container_code() && is_targets(&self.mount) && is_targets(&self.root)
    }

    /// Whether a namespace is joined, or the target or another root directory used in any other way.
    ///
    /// Otherwise the command would run where the caller is, though the input of a pipe names a container.
    pub(crate) fn enters(&self) -> bool {
        self.needs_target()
            || NsType::ALL.into_iter().any(|ns_type| self.source(ns_type).is_some())
            || self.user_parent
            || self.root.is_some()
    }

    /// The option that was probably meant if its operand was written apart and so became the command: `-n /run/netns/blue` or
    /// `-w /tmp`, for `--net=/run/netns/blue` or `--wd=/tmp`.
    pub(crate) fn misplaced_operand(&self) -> Option<String> {
        let path = Path::new(self.command.first().filter(|word| word.as_bytes().contains(&b'/'))?);
        let is_bare = |source: Option<&Source>| matches!(source, Some(Source::Target));
        let metadata = path.metadata().ok()?;
        let word = if metadata.is_dir() {
            let directories = [(&self.wd, "wd"), (&self.root, "root"), (&self.wdns, "wdns")];
            directories.into_iter().find(|(source, _)| is_bare(source.as_ref()))?.1
        } else {
            // The file of a namespace has no permission to be executed.
            let may_be_namespace = metadata.is_file() && metadata.mode() & 0o111 == 0;
            let namespace = may_be_namespace.then(|| Namespace::open(path).ok())??;
            namespace.ns_type().ok().filter(|ns_type| is_bare(self.source(*ns_type)))?.name()
        };
        Some(format!("--{word}={}", path.display()))
    }

    /// Whether an option needs a target process.
    pub(crate) fn needs_target(&self) -> bool {
        self.is_limited() || self.uses_target()
    }

    /// Why these options cannot be had together, and the way out.
    pub(crate) fn contradiction(&self) -> Option<&'static str> {
        if self.view && self.runs_container_code() {
            return Some(
                "--view is for the caller's own programs, and --all and --mount run the container's: name what is to be entered, as in \
                 --net --uts --ipc --view",
            );
        }
        if self.view && self.pid.is_some() && self.no_fork {
            return Some(
                "--view with --pid and --no-fork: a process that becomes the command stays in its own PID namespace, whose /proc it has",
            );
        }
        if self.view && self.exposes_caller() {
            return Some(
                "--view with --pid: the container's processes could take over a command that has the caller's files (--privileged permits \
                 it; without --pid, the caller's /proc shows them all, by the caller's PIDs)",
            );
        }
        if self.env && !self.runs_container_code() && !self.privileged {
            return Some(
                "--env without --all, --mount or --root: the container would choose what the caller's own program runs, by LD_PRELOAD or PATH \
                 (--set names what it is to have; --privileged permits it)",
            );
        }
        self.exposes_caller().then_some(
            "--pid without --mount, --root or --all: the container's processes could take over a command that has the \
             caller's files (--privileged permits it)",
        )
    }

    /// Whether the view shows what a target has, and not only what belongs to a network namespace that a file names.
    fn views_target(&self) -> bool {
        self.view && (self.target.is_some() || !matches!(self.net, Some(Source::Path(_))))
    }

    /// Whether an option takes something of a target, besides what limits the command.
    pub(crate) fn uses_target(&self) -> bool {
        let of_target = |source: Option<&Source>| matches!(source, Some(Source::Target));
        self.all
            || NsType::ALL.into_iter().any(|ns_type| of_target(self.source(ns_type)))
            || of_target(self.root.as_ref())
            || of_target(self.wd.as_ref())
            || [&self.setuid, &self.setgid].into_iter().any(|id| matches!(id, Some(Id::Follow)))
            || self.net_socket.is_some()
            || self.env
            || self.join_cgroup
            || self.follow_context
            || self.views_target()
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[test]
    fn whose_environment_it_is() {
        let keeps = |options: &[&str]| Args::parse_from([&["nsexec"], options, &["true"]].concat()).keeps_environment();
        assert!(keeps(&["-n"]) && keeps(&["-p"]) && keeps(&["-a", "--keep-env"]) && keeps(&["-U", "--set", "X=1"]));
        assert!(
            !keeps(&["-a"]) && !keeps(&["-m"]) && !keeps(&["-r=/x", "--privileged"]) && !keeps(&["-n", "--clear-env"])
        );
    }

    #[test]
    fn what_enters_nothing() {
        let enters = |options: &[&str]| Args::parse_from([&["nsexec"], options, &["true"]].concat()).enters();
        let nowhere: [&[&str]; 6] =
            [&[], &["-t1"], &["-t1", "-S0"], &["-t1", "-w=/tmp"], &["-W=/tmp"], &["--each", "--no-pty"]];
        assert!(!nowhere.into_iter().any(enters));
        for option in
            ["-a", "-n", "-n=/x", "-N3", "-p", "-U", "--user-parent", "-r", "-r=/x", "-w", "-Sfollow", "-e", "-Z", "-c"]
        {
            assert!(enters(&[option]), "{option}");
        }
        assert!(enters(&["--privileged", "-r=/x"]));
    }

    #[test]
    fn the_network_alone_is_the_callers_code() {
        let args = Args::parse_from(["nsexec", "-t1", "-n", "-u", "-i", "-C", "-T"]);
        assert!(!args.is_contained() && !args.is_limited());
        assert!(Args::parse_from(["nsexec", "-t1", "-p"]).is_contained());
        assert!(Args::parse_from(["nsexec", "-t1", "-m"]).is_limited());
    }
}
