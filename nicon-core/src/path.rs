//! Paths of nested containers, such as `setup.olt_1.lt_1`: names from the outside in, one for each engine.

mod engine;
mod name;
mod refusal;
mod start;
mod subject;

pub use engine::Engine;
pub use name::{is_name, is_name_char};
pub use refusal::{not_a_name, refuse};
pub use start::{HOST, Start};
pub use subject::{Qualifier, Subject, is_user};

use crate::Result;

/// The most names that a path may have. Kernels nest PID namespaces 32 deep; more is needed only for paths with loops.
pub const MAX_DEPTH: usize = 64;

/// Why a process or a unit is refused anywhere but at the beginning of a path.
pub const NOT_FIRST: &str = "only its beginning can be a process or a unit";

/// A character of a name, and whether a `\` took its special meaning from it.
pub type Letter = (char, bool);

/// Parses a path without wildcards into its names.
///
/// # Errors
/// [`Status::Failed`](crate::Status::Failed) if a name is empty, or one that no engine accepts.
pub fn parse(path: &str) -> Result<Vec<String>> {
    let names = split(path)?.iter().map(|letters| letters.iter().map(|(c, _)| c).collect()).collect::<Vec<String>>();
    for (at, name) in names.iter().enumerate() {
        match Subject::parse(name).map_err(|why| refuse(path, &why))? {
            Subject::Container { name, .. } if !is_name(name) => return Err(refuse(path, &not_a_name(name))),
            subject if subject.is_start() && at > 0 => return Err(refuse(path, NOT_FIRST)),
            _ => {}
        }
    }
    Ok(names)
}

/// Formats the names of a path: with dots if that is unambiguous, and with slashes behind pods, whose names tend to have dots.
#[must_use]
pub fn show(names: &[impl AsRef<str>]) -> String {
    let names: Vec<_> = names.iter().map(AsRef::as_ref).collect();
    match names[..] {
        [_, _, ..] if names.iter().any(|name| Subject::qualifier(name).is_pod) => names.join("/"),
        [single] if single.contains('.') => format!("/{single}"),
        _ if names.iter().any(|name| name.contains('.')) => names.join("/"),
        _ => names.join("."),
    }
}

/// The paths of all that is around what a path names, from the outside in.
///
/// # Errors
/// As [`parse`].
pub fn around(path: &str) -> Result<Vec<String>> {
    let names = parse(path)?;
    Ok((1..names.len()).map(|length| show(&names[..length])).collect())
}

/// Splits a path at its dots or, if it has slashes, at these. A `\` takes the special meaning from the next character.
///
/// # Errors
/// [`Status::Failed`](crate::Status::Failed) if a name is empty, there are too many, or the path ends in a `\`.
pub fn split(path: &str) -> Result<Vec<Vec<Letter>>> {
    let separator = if path.contains('/') { '/' } else { '.' };
    let (mut names, mut name) = (Vec::new(), Vec::new());
    let mut chars = path.strip_prefix('/').unwrap_or(path).chars();
    while let Some(c) = chars.next() {
        match c {
            '\\' => name.push((chars.next().ok_or_else(|| refuse(path, "it ends in a backslash"))?, true)),
            _ if c == separator => names.push(std::mem::take(&mut name)),
            _ => name.push((c, false)),
        }
    }
    names.push(name);
    if let Some(at) = names.iter().position(Vec::is_empty) {
        let way_out = format!("(drop the trailing \"{separator}\")");
        return Err(refuse(
            path,
            &match at {
                0 if names.len() == 1 => "the path is empty".to_owned(),
                0 => "it begins with an empty name".to_owned(),
                _ if at + 1 == names.len() => format!("it ends in an empty name {way_out}"),
                _ => format!("name {} is empty", at + 1),
            },
        ));
    }
    if names.len() > MAX_DEPTH {
        return Err(refuse(path, &format!("it has more than {MAX_DEPTH} names")));
    }
    Ok(names)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_split() {
        for (path, names) in [
            ("a.b.c", &["a", "b", "c"][..]),
            ("a/my.dotted/c", &["a", "my.dotted", "c"]),
            ("/my.dotted", &["my.dotted"]),
            (r"a.my\.dotted", &["a", "my.dotted"]),
            ("pid:42.runc:a", &["pid:42", "runc:a"]),
            ("a.id:c6d", &["a", "id:c6d"]),
            ("a.docker:id:06.ann@id:0", &["a", "docker:id:06", "ann@id:0"]),
            ("unit:ssh.a", &["unit:ssh", "a"]),
            ("/unit:ssh.service", &["unit:ssh.service"]),
            ("a._b.c+d.-", &["a", "_b", "c+d", "-"]),
            ("node/pod:kube-system:dns.7f/coredns", &["node", "pod:kube-system:dns.7f", "coredns"]),
        ] {
            assert_eq!(parse(path).unwrap(), names, "{path}");
        }
        assert!(parse(&["a"; MAX_DEPTH].join(".")).is_ok());
    }

    #[test]
    fn what_is_around_a_path_is_shown_as_a_path() {
        for (path, paths) in [
            ("a.b.c", &["a", "a.b"][..]),
            ("a", &[]),
            ("my.dotted/b/c", &["/my.dotted", "my.dotted/b"]),
            (r"my\.dotted.b", &["/my.dotted"]),
            ("node/pod:default:front/web", &["node", "node/pod:default:front"]),
            ("pid:42/web", &["pid:42"]),
        ] {
            assert_eq!(around(path).unwrap(), paths, "{path}");
        }
    }

    #[test]
    fn invalid_paths_are_refused() {
        for (path, why) in [
            ("", "the path is empty"),
            (".a", "it begins with an empty name"),
            ("a..b", "name 2 is empty"),
            ("setup/", "it ends in an empty name (drop the trailing \"/\")"),
            ("a\\", "it ends in a backslash"),
            ("a.b c", "\"b c\" is not a container name ([a-zA-Z0-9_.+-]+)"),
            ("a/../b", "\"..\" is not a container name"),
            ("a.docker:", "the name of a container is missing"),
            ("ann@", "the name of a container is missing"),
            (
                "vm:a",
                "\"vm:a\" has an unknown prefix (docker:, podman:, containerd:, containerd:NAMESPACE:, crun:, runc:, lxc:, incus:, \
                 incus:PROJECT:, machine:, pod:, pod:NAMESPACE:, any of them after USER@; before an ID, id:; at the beginning, \
                 pid:PID, unit:NAME; alone, netns:NAME, file:/PATH)",
            ),
            ("pid:x", "\"x\" is not a PID"),
            ("id:web", "\"web\" is not the beginning of an ID"),
            ("docker:a:web", "\"docker:a:web\": docker has no namespaces"),
            ("a.pid:42", "only its beginning"),
            ("a.unit:ssh", "only its beginning"),
            (&["a"; MAX_DEPTH + 1].join("."), "it has more than 64 names"),
        ] {
            let error = parse(path).unwrap_err().to_string();
            assert!(error.starts_with(&format!("path \"{path}\": {why}")), "{error}");
        }
    }
}
