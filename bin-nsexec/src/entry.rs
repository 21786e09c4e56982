//! Everything that entering the namespaces needs, opened beforehand, and entering them.

use std::os::fd::BorrowedFd;

use nicon_core::{Context, Error, NsType, Process, Result};

use crate::cli::args::Args;
use crate::exec::command::Command;
use crate::exec::environment::{Start, environment};
use crate::exec::last_step::LastStep;
use crate::failure::{FAILED, fail};
use crate::join::cgroup::Cgroups;
use crate::join::directories::{self, Directories};
use crate::join::file_owners::CheckedTarget;
use crate::join::namespaces::{self, Joins};
use crate::operand::Source;
use crate::own_namespaces::own_user_id;
use crate::rights::capability::{self, Limits};
use crate::rights::credentials::{self, Credentials};
use crate::rights::inherited::Inherited;
use crate::rights::keyring;
use crate::rights::lsm::Labels;
use crate::rights::resources::Resources;
use crate::rights::seccomp::Filters;
use crate::sys;
use crate::target::Target;
use crate::view::{Network, View};

/// How the command begins.
#[derive(Default)]
pub(crate) struct Beginning<'a> {
    /// The filters that are to bind it.
    pub(crate) filters: Option<&'a Filters>,
    /// Whether this process was born in [`Entry::birthplace`].
    pub(crate) is_in_birthplace: bool,
    /// A terminal that was made for it, and is to be its user's.
    pub(crate) terminal: Option<BorrowedFd<'a>>,
    /// Done when all else is, above all a change of the user.
    pub(crate) last: Option<&'a dyn Fn() -> Result<()>>,
    /// Where it is not this process that becomes the command, but a child of the process at the other end: see [`LastStep::take`].
    pub(crate) birth: Option<BorrowedFd<'a>>,
}

/// What was opened. From the first join on nothing of ours is looked up by name: names are the container's then.
pub(crate) struct Entry<'a> {
    target: Option<&'a Process>,
    joins: Joins<'a>,
    /// Where the command stays in our own user namespace.
    checked: Option<CheckedTarget<'a>>,
    cgroups: Option<Cgroups>,
    directories: Directories,
    limits: Option<Limits>,
    resources: Option<Resources>,
    inherited: Option<Inherited>,
    credentials: Credentials<'a>,
    /// Whether the container's code runs.
    is_containers_code: bool,
    /// Whether it is found in the target's own mount namespace and root directory.
    is_targets_files: bool,
    keep_caps: bool,
    labels: Option<Labels>,
    /// `None` if no process of ours comes near the container: then the command is executed directly.
    last_step: Option<LastStep>,
    /// What the command sees of the container among the caller's files.
    view: Option<View<'a>>,
    command: Command,
}

impl<'a> Entry<'a> {
    /// Opens what the command line asks for.
    pub(crate) fn open(args: &Args, named: Option<&'a Target>) -> Result<Self> {
        let target = named.map(|target| &target.process);
        let name = named.map(|target| target.name.as_str());
        let joins = Joins::open(&asked_namespaces(args), target)?;
        let limited = target.filter(|_| args.is_limited());
        let is_targets_root = matches!(args.root, Some(Source::Target));
        let checked = limited.map(|target| CheckedTarget::of(target, &joins, is_targets_root)).transpose()?;
        let status = limited.map(|target| target.read("status")).transpose()?;
        let target_and_status = limited.zip(status.as_deref());
        let joined = joins.user_id()?;
        let limits =
            |(target, status)| Limits::of(target, status, joined.map_or_else(own_user_id, Ok)?, args.follows_user());
        if args.follow_context {
            Labels::require_selinux()?;
        }
        let entry = Self {
            cgroups: target.filter(|_| args.joins_cgroup()).map(Cgroups::open).transpose()?,
            directories: Directories::open(&asked_directories(args), target)?,
            limits: target_and_status.map(limits).transpose()?,
            resources: limited.map(Resources::of).transpose()?,
            inherited: target_and_status.map(|(target, status)| Inherited::of(target, status)).transpose()?,
            credentials: Credentials::open(&asked_ids(args), target, status.as_deref(), joined.is_some())?,
            is_containers_code: args.runs_container_code(),
            is_targets_files: args.runs_targets_files(),
            keep_caps: args.keep_caps,
            labels: target
                .filter(|_| args.follow_context || args.is_limited())
                .map(|target| Labels::open(target, !args.is_limited()))
                .transpose()?,
            last_step: args.takes_last_step().then(LastStep::open).transpose()?,
            view: args.view.then(|| View::open(target, network(args), args.pid.is_some())).transpose()?,
            command: Command::new(
                &args.command,
                environment(&environments_start(args, target), name, args.view, &args.set)?,
                args.misplaced_operand(),
            )?,
            checked: checked.filter(|_| joined.is_none()),
            joins,
            target,
        };
        // What was read of the target by name is true of it if it has lived until now.
        match target {
            Some(target) if !target.is_alive() => Err(Error::no(format!("process {} is gone", target.pid()))),
            _ => Ok(entry),
        }
    }

    /// Joins the namespaces. A PID namespace takes effect with the next child. Returns the filters that are to bind the
    /// command.
    pub(crate) fn enter(&self) -> Result<Option<Filters>> {
        let limited = self.target.filter(|_| self.limits.is_some());
        let filters = limited.map(Filters::of).transpose()?.flatten();
        if let Some(inherited) = &self.inherited {
            inherited.take_on_early()?;
        }
        self.credentials.set_groups_early();
        self.joins.enter()?;
        self.checked.as_ref().map_or(Ok(()), CheckedTarget::is_still_there)?;
        self.view.as_ref().map_or(Ok(()), View::enter)?;
        Ok(filters)
    }

    /// A process in whose root directory the command runs, if there is one.
    pub(crate) fn shares_files_with(&self) -> Option<&'a Process> {
        self.target.filter(|_| self.is_targets_files)
    }

    /// The process whose cgroups the command joins, if any.
    pub(crate) fn accounted_with(&self) -> Option<&'a Process> {
        self.target.filter(|_| self.cgroups.is_some())
    }

    /// The cgroup in which a child may be born.
    pub(crate) fn birthplace(&self) -> Option<BorrowedFd<'_>> {
        self.cgroups.as_ref()?.birthplace()
    }

    /// Becomes the command, after the joins; a failure ends the process with its message and status.
    pub(crate) fn become_command(&self, beginning: &Beginning<'_>) -> ! {
        let Beginning { filters, is_in_birthplace, terminal, last, birth } = *beginning;
        let prepared = self.prepare(is_in_birthplace, terminal).and_then(|()| last.map_or(Ok(()), |last| last()));
        let (status, error) = match (prepared, &self.last_step) {
            (Err(error), _) => (FAILED, error),
            (Ok(()), Some(last_step)) => {
                let (labels, resources) = (self.labels.as_ref(), self.resources.as_ref());
                let mounts_proc = self.view.as_ref().is_some_and(View::has_proc);
                let Err(error) = last_step.take(birth, labels, filters, resources, mounts_proc, &self.command);
                (FAILED, error)
            }
            (Ok(()), None) => self.execute(),
        };
        fail(&error);
        sys::exit(status)
    }

    /// Executes the command directly; returns only if that fails.
    fn execute(&self) -> (u8, Error) {
        let labels = self.labels.as_ref().map_or(Ok(()), Labels::set);
        match labels.and_then(|()| sys::close_all_but(None).context(|| "close our descriptors")) {
            Ok(()) => self.command.exec(),
            Err(error) => (FAILED, error),
        }
    }

    fn prepare(&self, is_in_birthplace: bool, terminal: Option<BorrowedFd<'_>>) -> Result<()> {
        if let Some(cgroups) = &self.cgroups {
            cgroups.join(is_in_birthplace)?;
        }
        self.directories.go()?;
        if self.is_containers_code {
            keyring::leave()?;
        }
        // The bounding set first, since a change of the user takes the right to; the rest afterwards, since it includes that
        // right.
        if let Some(limits) = &self.limits {
            limits.bound()?;
        }
        let keeps_some = self.keep_caps || self.limits.as_ref().is_some_and(Limits::has_ambient);
        self.credentials.assume(terminal, keeps_some)?;
        if let Some(limits) = &self.limits {
            limits.drop_excess()?;
        }
        if self.keep_caps {
            capability::keep_across_exec()?;
        }
        if let Some(inherited) = &self.inherited {
            inherited.take_on()?;
        }
        Ok(())
    }
}

fn asked_namespaces(args: &Args) -> namespaces::Asked<'_> {
    namespaces::Asked {
        all: args.all,
        named: NsType::ALL.into_iter().filter_map(|ns_type| Some((ns_type, args.source(ns_type)?))).collect(),
        net_socket: args.net_socket,
        user_parent: args.user_parent,
    }
}

fn asked_directories(args: &Args) -> directories::Asked<'_> {
    directories::Asked {
        root: args.root.as_ref(),
        wd: args.wd.as_ref(),
        wdns: args.wdns.as_ref(),
        is_contained: args.runs_container_code(),
    }
}

fn asked_ids(args: &Args) -> credentials::Asked<'_> {
    credentials::Asked {
        uid: args.setuid.as_ref(),
        gid: args.setgid.as_ref(),
        preserves: args.preserve_credentials,
        is_limited: args.is_limited(),
    }
}

fn network(args: &Args) -> Option<Network<'_>> {
    match &args.net {
        Some(Source::Path(file)) => Some(Network::File(file)),
        Some(Source::Target) => Some(Network::Targets),
        None => args.net_socket.map(|_| Network::Targets),
    }
}

fn environments_start<'a>(args: &Args, target: Option<&'a Process>) -> Start<'a> {
    match target {
        Some(target) if args.env => Start::Of(target),
        _ if args.keeps_environment() => Start::Callers,
        _ => Start::Clear,
    }
}
