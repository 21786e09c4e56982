//! The supported engines, and how a path chooses one.

/// A kind of engine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Docker,
    Podman,
    Containerd,
    Runc,
}

impl Kind {
    /// All kinds. If several know the same container, the first one is reported.
    pub(crate) const ALL: [Self; 4] = [Self::Docker, Self::Podman, Self::Containerd, Self::Runc];

    /// Its name in paths, options and records.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Docker => "docker",
            Self::Podman => "podman",
            Self::Containerd => "containerd",
            Self::Runc => "runc",
        }
    }
}

/// What a segment of a path names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Wanted<'a> {
    /// A container, by its name or ID prefix, of one kind of engine or of any.
    Container { kind: Option<Kind>, name: &'a str },
    /// A process, by its PID in our own namespace: `pid:4242`.
    Process(i32),
}

impl<'a> Wanted<'a> {
    /// Parses a segment: a prefix with a colon chooses the engine.
    pub(crate) fn parse(segment: &'a str) -> Option<Self> {
        let Some((prefix, name)) = segment.split_once(':') else {
            return Some(Self::Container { kind: None, name: segment });
        };
        if prefix == "pid" {
            let is_number = name.bytes().all(|byte| byte.is_ascii_digit());
            return name.parse().ok().filter(|pid| is_number && *pid > 0).map(Self::Process);
        }
        let kind = Kind::ALL.into_iter().find(|kind| kind.name() == prefix)?;
        Some(Self::Container { kind: Some(kind), name })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_prefix_chooses() {
        let container = |kind, name| Some(Wanted::Container { kind, name });
        assert_eq!(Wanted::parse("web"), container(None, "web"));
        assert_eq!(Wanted::parse("podman:web"), container(Some(Kind::Podman), "web"));
        assert_eq!(Wanted::parse("pid:42"), Some(Wanted::Process(42)));
        for bad in ["lxc:web", ":web", "pid:", "pid:x", "pid:-1", "pid:+1", "pid:0", "Docker:web"] {
            assert_eq!(Wanted::parse(bad), None, "{bad}");
        }
    }
}
