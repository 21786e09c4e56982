//! What one name of a path refers to: `alice@containerd:teama:job`, `docker:id:c6d`, `pid:4242`.

use super::engine::{Engine, POD};
use super::name::{is_name, is_name_char};
use super::refusal::{no_id, no_namespace, no_namespaces, no_pid, no_process, no_unit, no_user, unknown_prefix};
use crate::container::begins_id;

/// What a name says of the engine that knows its container. What it leaves open may be any.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Qualifier {
    /// Whose engine it is: a login name, or a user ID.
    pub user: Option<String>,
    /// Which one it is.
    pub engine: Option<Engine>,
    /// The engine's namespace in which the container is; of a pod, that of Kubernetes.
    pub namespace: Option<String>,
    /// Whether a pod is meant, whichever engine runs it.
    pub is_pod: bool,
}

impl Qualifier {
    /// Splits a name at the prefixes that say which engine is meant.
    fn split(name: &str) -> Result<(Self, &str), String> {
        let (user, rest) = match name.rsplit_once('@') {
            Some((user, _)) if !is_user(user) => return Err(no_user(user)),
            Some((user, rest)) => (Some(user.to_owned()), rest),
            None => (None, name),
        };
        let Some((prefix, after)) = rest.split_once(':').filter(|(prefix, _)| !is_word(prefix)) else {
            return Ok((Self { user, ..Self::default() }, rest));
        };
        let is_pod = prefix == POD;
        let engine = Engine::ALL.into_iter().find(|known| known.name() == prefix);
        if engine.is_none() && !is_pod {
            return Err(unknown_prefix(name, prefix));
        }
        let without_namespaces = engine.filter(|engine| engine.namespaces().is_none());
        let (namespace, rest) = match (after.split_once(':'), without_namespaces) {
            (None, _) => (None, after),
            // A namespace may be called so, too.
            (Some(("id", digits)), _) if begins_id(digits) => (None, after),
            (Some((word, _)), Some(_)) if is_word(word) => (None, after),
            (Some(_), Some(engine)) => return Err(no_namespaces(name, engine)),
            (Some((namespace, _)), None) if !is_name(namespace) => return Err(no_namespace(namespace)),
            (Some((namespace, rest)), None) => (Some(namespace.to_owned()), rest),
        };
        Ok((Self { user, engine, namespace, is_pod }, rest))
    }
}

impl Subject<'_> {
    /// What a name of a path says of the engine; nothing if it is refused.
    #[must_use]
    pub fn qualifier(name: &str) -> Qualifier {
        Qualifier::split(name).map(|(of, _)| of).unwrap_or_default()
    }
}

impl std::fmt::Display for Qualifier {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        if let Some(user) = &self.user {
            write!(f, "{user}@")?;
        }
        if let Some(engine) = self.engine {
            write!(f, "{}:", engine.name())?;
        } else if self.is_pod {
            write!(f, "{POD}:")?;
        }
        self.namespace.iter().try_for_each(|namespace| write!(f, "{namespace}:"))
    }
}

/// What a name of a path refers to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Subject<'a> {
    /// A container, by its name or by at least 12 digits of its ID; or a pod, by its name.
    Container {
        /// The engines that may know it.
        of: Qualifier,
        /// The rest.
        name: &'a str,
    },
    /// A container, by the beginning of its ID, however short: `id:c6d`.
    Id {
        /// The engines that may know it.
        of: Qualifier,
        /// The first digits.
        digits: &'a str,
    },
    /// A process, by its PID in our own PID namespace: `pid:4242`.
    Process(i32),
    /// A unit of the machine's systemd: `unit:ssh`.
    Unit(&'a str),
}

impl<'a> Subject<'a> {
    /// Parses a name. `id:` before digits means an ID, whatever is before it: a container of containerd's namespace `id` that has
    /// such a name is `containerd:id:id:c6d`.
    ///
    /// # Errors
    /// Why it is refused, and what may stand there.
    pub fn parse(name: &'a str) -> Result<Self, String> {
        if let Some(unit) = name.strip_prefix("unit:") {
            return if is_unit(unit) { Ok(Self::Unit(unit)) } else { Err(no_unit(unit)) };
        }
        let (of, rest) = Qualifier::split(name)?;
        match rest.split_once(':') {
            None => Ok(Self::Container { of, name: rest }),
            Some(("id", digits)) if begins_id(digits) => Ok(Self::Id { of, digits }),
            Some(("id", other)) => Err(no_id(other)),
            Some(("pid", number)) if of == Qualifier::default() => {
                let is_number = number.bytes().all(|byte| byte.is_ascii_digit());
                let pid = number.parse().ok().filter(|pid| is_number && *pid > 0);
                pid.map(Self::Process).ok_or_else(|| no_pid(number))
            }
            Some(("pid", number)) => Err(no_process(name, number)),
            Some((prefix, _)) => Err(unknown_prefix(name, prefix)),
        }
    }

    /// Whether only a path's beginning can be such: a process or a unit of the machine, which no engine knows.
    #[must_use]
    pub fn is_start(&self) -> bool {
        matches!(self, Self::Process(_) | Self::Unit(_))
    }
}

/// Whether a path can have this name of a unit: see `systemd.unit(5)`. Of what escapes need, only a path's own is taken.
fn is_unit(name: &str) -> bool {
    let is_part = |c: char| is_name_char(c) || c == '@';
    is_name(name.rsplit('@').next().unwrap_or_default()) && name.chars().all(is_part) && !name.starts_with('@')
}

/// Whether it is no engine's prefix.
fn is_word(prefix: &str) -> bool {
    matches!(prefix, "id" | "pid")
}

/// Whether a path can have this user's name, or ID, before an `@`. Names of directory services may have one in them.
#[must_use]
pub fn is_user(text: &str) -> bool {
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
            ("containerd:id:job", None, Some(Engine::Containerd), Some("id"), "job"),
            ("incus:prod:web", None, Some(Engine::Incus), Some("prod"), "web"),
            ("incus:web", None, Some(Engine::Incus), None, "web"),
            ("ann@lxc:web", Some("ann"), Some(Engine::Lxc), None, "web"),
            ("machine:web", None, Some(Engine::Machine), None, "web"),
            ("containerd:pid:7", None, Some(Engine::Containerd), Some("pid"), "7"),
            ("pod:front", None, None, None, "front"),
            ("pod:kube-system:dns.7f", None, None, Some("kube-system"), "dns.7f"),
            ("pod:pid:7", None, None, Some("pid"), "7"),
            ("bob@pod:default:front", Some("bob"), None, Some("default"), "front"),
        ] {
            let Ok(Subject::Container { of, name: found }) = Subject::parse(name) else { panic!("{name}") };
            assert_eq!(
                (of.user.as_deref(), of.engine, of.namespace.as_deref(), found),
                (user, engine, namespace, rest)
            );
            assert_eq!(format!("{of}{rest}"), name);
            assert_eq!(of.is_pod, name.contains("pod:"), "{name}");
        }
        assert_eq!(Subject::parse("pid:42"), Ok(Subject::Process(42)));
        for unit in ["ssh", "ssh.service", "getty@tty1.service", "user-1000.slice", "a@.b"] {
            assert_eq!(Subject::parse(&format!("unit:{unit}")), Ok(Subject::Unit(unit)));
        }
    }

    #[test]
    fn prefixes_choose_the_engine_of_an_id_too() {
        for (name, prefix, rest) in [
            ("id:c6d", "", "c6d"),
            ("docker:id:06", "docker:", "06"),
            ("ann@id:0123", "ann@", "0123"),
            ("1000@podman:id:0123", "1000@podman:", "0123"),
            ("containerd:id:06", "containerd:", "06"),
            ("containerd:teama:id:06", "containerd:teama:", "06"),
            ("containerd:id:id:06", "containerd:id:", "06"),
            ("pod:id:06", "pod:", "06"),
        ] {
            let Ok(Subject::Id { of, digits }) = Subject::parse(name) else { panic!("{name}") };
            assert_eq!((&of.to_string()[..], digits), (prefix, rest));
        }
    }

    #[test]
    fn what_is_refused_is_told_by_what_is_wrong_with_it() {
        let id = "of an ID (1 to 64 of 0-9 and a-f)";
        let not_id = |text: &str| format!("\"{text}\" is not the beginning {id}");
        let bad_number = |text: &str| format!("\"{text}\" is not a PID (a number from 1, as in pid:4242)");
        let not_user = |text: &str| format!("\"{text}\" is not a user (before @, a login name or user ID)");
        let unknown = |name: &str| format!("\"{name}\" has an unknown prefix (docker:, podman:, containerd:, ");
        for (name, why) in [
            ("id:", not_id("")),
            ("id:g", not_id("g")),
            ("id:web", not_id("web")),
            ("id:c6d:", not_id("c6d:")),
            ("id:c*", not_id("c*")),
            ("docker:id:web", not_id("web")),
            ("ann@id:", not_id("")),
            ("containerd:teama:id:x", not_id("x")),
            ("id:C6D", format!("\"C6D\" is not the beginning {id}: say c6d")),
            ("pid:", bad_number("")),
            ("pid:x", bad_number("x")),
            ("pid:0", bad_number("0")),
            ("pid:-1", bad_number("-1")),
            ("pid:+1", bad_number("+1")),
            ("pid:4294967297", bad_number("4294967297")),
            ("alice@pid:1", "\"alice@pid:1\": a process is no engine's (say pid:1 alone)".to_owned()),
            ("docker:pid:1", "\"docker:pid:1\": a process is no engine's (say pid:1 alone)".to_owned()),
            ("@web", not_user("")),
            ("*@web", not_user("*")),
            ("a b@web", not_user("a b")),
            ("docker:a@web", not_user("docker:a")),
            ("unit:", "\"\" is not the name of a unit".to_owned()),
            ("unit:@a", "\"@a\" is not the name of a unit".to_owned()),
            ("unit:a b", "\"a b\" is not the name of a unit".to_owned()),
            ("ann@unit:ssh", unknown("ann@unit:ssh")),
            ("vm:web", unknown("vm:web")),
            ("lxc:a:web", "\"lxc:a:web\": lxc has no namespaces (say lxc:NAME".to_owned()),
            (":web", unknown(":web")),
            ("teama:job", unknown("teama:job")),
            ("*:job", unknown("*:job")),
            ("Docker:web", "\"Docker:web\" has an unknown prefix (did you mean docker:?)".to_owned()),
            ("PID:7", "\"PID:7\" has an unknown prefix (did you mean pid:?)".to_owned()),
            ("Netns:blue", "\"Netns:blue\" has an unknown prefix (did you mean netns:?)".to_owned()),
            ("docker:x:web", "\"docker:x:web\": docker has no namespaces (say docker:NAME".to_owned()),
            ("containerd::web", "\"\" is not a namespace ".to_owned()),
            ("containerd:t*:web", "\"t*\" is not a namespace ".to_owned()),
            ("pod::web", "\"\" is not a namespace ".to_owned()),
            ("Pod:web", "\"Pod:web\" has an unknown prefix (did you mean pod:?)".to_owned()),
            ("containerd:a:b:c:", unknown("containerd:a:b:c:")),
        ] {
            let refusal = Subject::parse(name).expect_err(name);
            assert!(refusal.starts_with(&why), "{name}: {refusal}");
        }
    }
}
