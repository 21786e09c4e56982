//! The engines whose containers a path can name.

/// The prefix of a pod's name, whose engine it leaves open.
pub(super) const POD: &str = "pod";

/// The engines that a name can choose with a prefix, as in `podman:web`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Engine {
    /// Docker.
    Docker,
    /// Podman.
    Podman,
    /// containerd, and so Kubernetes and nerdctl.
    Containerd,
    /// crun.
    Crun,
    /// runc.
    Runc,
    /// LXC.
    Lxc,
    /// Incus.
    Incus,
    /// What systemd-nspawn runs, or somebody has registered with systemd-machined.
    Machine,
}

impl Engine {
    /// All engines. If several know the same container, the first in this order counts.
    pub const ALL: [Self; 8] =
        [Self::Docker, Self::Podman, Self::Containerd, Self::Crun, Self::Runc, Self::Lxc, Self::Incus, Self::Machine];

    /// Whether it usually does not run until somebody asks: systemd listens for it, and its files tell as much.
    #[must_use]
    pub fn starts_on_demand(self) -> bool {
        matches!(self, Self::Podman | Self::Incus)
    }

    /// What it calls its own namespaces, if its containers are in some, each with names of its own.
    #[must_use]
    pub fn namespaces(self) -> Option<&'static str> {
        match self {
            Self::Containerd => Some("NAMESPACE"),
            Self::Incus => Some("PROJECT"),
            _ => None,
        }
    }

    /// Whether ordinary users have such engines of their own.
    #[must_use]
    pub fn is_users_too(self) -> bool {
        !matches!(self, Self::Incus | Self::Machine)
    }

    /// Whether Kubernetes has pods run by it.
    #[must_use]
    pub fn has_pods(self) -> bool {
        self == Self::Containerd
    }

    /// Whether other engines run their containers by it.
    #[must_use]
    pub fn is_below_others(self) -> bool {
        matches!(self, Self::Containerd | Self::Crun | Self::Runc)
    }

    /// Its name in paths, options and records.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Docker => "docker",
            Self::Podman => "podman",
            Self::Containerd => "containerd",
            Self::Crun => "crun",
            Self::Runc => "runc",
            Self::Lxc => "lxc",
            Self::Incus => "incus",
            Self::Machine => "machine",
        }
    }
}
