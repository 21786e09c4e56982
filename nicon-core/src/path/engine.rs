//! The engines whose containers a path can name.

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
}

impl Engine {
    /// All engines. If several know the same container, the first in this order counts.
    pub const ALL: [Self; 5] = [Self::Docker, Self::Podman, Self::Containerd, Self::Crun, Self::Runc];

    /// Whether it usually does not run until somebody asks: systemd listens for it, and its files tell as much.
    #[must_use]
    pub fn starts_on_demand(self) -> bool {
        self == Self::Podman
    }

    /// Whether its containers are in namespaces of its own, each with names of its own.
    #[must_use]
    pub fn has_namespaces(self) -> bool {
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
        }
    }
}
