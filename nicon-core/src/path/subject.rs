//! What one name of a path refers to: `alice@containerd:teama:job`, `id:c6d`, `pid:4242`.

use super::is_name;
use crate::container::begins_id;

/// The engines that a name can choose with a prefix, as in `podman:web`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
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

/// What a name says of the engine that knows its container. What it leaves open may be any.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Qualifier {
    /// Whose engine it is: a login name, or a user ID.
    pub user: Option<String>,
    /// Which one it is.
    pub engine: Option<Engine>,
    /// The engine's namespace in which the container is.
    pub namespace: Option<String>,
}

impl Qualifier {
    /// Splits a name at its prefixes; `None` if one of them is unknown, or does not go with the others.
    #[must_use]
    pub fn split(name: &str) -> Option<(Self, &str)> {
        let (user, rest) = match name.rsplit_once('@') {
            Some((user, rest)) => (Some(is_user(user).then(|| user.to_owned())?), rest),
            None => (None, name),
        };
        let Some((engine, rest)) = rest.split_once(':') else {
            return Some((Self { user, ..Self::default() }, rest));
        };
        let engine = Engine::ALL.into_iter().find(|known| known.name() == engine)?;
        let (namespace, rest) = match rest.split_once(':') {
            Some((namespace, rest)) if engine.has_namespaces() => {
                (Some(is_name(namespace).then(|| namespace.to_owned())?), rest)
            }
            Some(_) => return None,
            None => (None, rest),
        };
        Some((Self { user, engine: Some(engine), namespace }, rest))
    }
}

impl std::fmt::Display for Qualifier {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        if let Some(user) = &self.user {
            write!(f, "{user}@")?;
        }
        if let Some(engine) = self.engine {
            write!(f, "{}:", engine.name())?;
        }
        self.namespace.iter().try_for_each(|namespace| write!(f, "{namespace}:"))
    }
}

/// What a name of a path refers to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Subject<'a> {
    /// A container, by its name or by at least 12 digits of its ID.
    Container {
        /// The engines that may know it.
        of: Qualifier,
        /// The rest.
        name: &'a str,
    },
    /// A container, by the beginning of its ID, however short: `id:c6d`.
    Id(&'a str),
    /// A process, by its PID in our own PID namespace: `pid:4242`.
    Process(i32),
}

impl<'a> Subject<'a> {
    /// Parses a name; `None` if its prefix is unknown, is `pid:` without a PID, or `id:` without digits of an ID.
    #[must_use]
    pub fn parse(name: &'a str) -> Option<Self> {
        match name.split_once(':') {
            Some(("pid", number)) => {
                let is_number = number.bytes().all(|byte| byte.is_ascii_digit());
                number.parse().ok().filter(|pid| is_number && *pid > 0).map(Self::Process)
            }
            Some(("id", digits)) => begins_id(digits).then_some(Self::Id(digits)),
            _ => Qualifier::split(name).map(|(of, name)| Self::Container { of, name }),
        }
    }
}

/// Whether a text can be a user's name, or ID. Names of directory services may have an `@` in them.
fn is_user(text: &str) -> bool {
    let is_part = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '.' | '-' | '@');
    text.starts_with(|c: char| c.is_ascii_alphanumeric() || c == '_') && text.chars().all(is_part)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prefixes_choose_the_engine() {
        for (name, user, engine, namespace, rest) in [
            ("web", None, None, None, "web"),
            ("podman:web", None, Some(Engine::Podman), None, "web"),
            ("alice@web", Some("alice"), None, None, "web"),
            ("1000@podman:web", Some("1000"), Some(Engine::Podman), None, "web"),
            ("a.b@corp@docker:web", Some("a.b@corp"), Some(Engine::Docker), None, "web"),
            ("containerd:k8s.io:web", None, Some(Engine::Containerd), Some("k8s.io"), "web"),
            ("bob@containerd:teama:job", Some("bob"), Some(Engine::Containerd), Some("teama"), "job"),
        ] {
            let Some(Subject::Container { of, name: found }) = Subject::parse(name) else { panic!("{name}") };
            assert_eq!(
                (of.user.as_deref(), of.engine, of.namespace.as_deref(), found),
                (user, engine, namespace, rest)
            );
            assert_eq!(format!("{of}{rest}"), name);
        }
        assert_eq!(Subject::parse("pid:42"), Some(Subject::Process(42)));
        assert_eq!(Subject::parse("id:c6d"), Some(Subject::Id("c6d")));
    }

    #[test]
    fn unknown_prefixes_are_refused() {
        for bad in [
            "id:",
            "id:C6D",
            "id:web",
            "id:c6d:",
            "lxc:web",
            ":web",
            "pid:",
            "pid:x",
            "pid:-1",
            "pid:+1",
            "pid:0",
            "Docker:web",
            "@web",
            "a b@web",
            "docker:x:web",
            "containerd::web",
            "containerd:a:b:c:",
            "alice@pid:1",
            "teama:job",
        ] {
            let parsed = Subject::parse(bad);
            let is_name = matches!(&parsed, Some(Subject::Container { name, .. }) if is_name(name));
            assert!(!is_name && !matches!(parsed, Some(Subject::Id(_) | Subject::Process(_))), "{bad} {parsed:?}");
        }
    }
}
