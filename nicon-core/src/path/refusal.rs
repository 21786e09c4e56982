//! Why a path is refused, and what may stand in the place of what is wrong.

use super::engine::{Engine, POD};
use crate::Error;

/// The refusal of a path.
#[must_use]
pub fn refuse(path: &str, why: &str) -> Error {
    Error::invalid(format!("path \"{path}\": {why}"))
}

/// Why a name is refused that no path can have.
#[must_use]
pub fn not_a_name(name: &str) -> String {
    if name.is_empty() {
        return "the name of a container is missing".to_owned();
    }
    format!("\"{name}\" is not a container name ([a-zA-Z0-9_.+-]+)")
}

/// Why a name is refused with a prefix that does not exist, or has no place there.
pub(super) fn unknown_prefix(name: &str, prefix: &str) -> String {
    let mut prefixes = Vec::new();
    for engine in Engine::ALL {
        prefixes.push(format!("{}:", engine.name()));
        if let Some(namespace) = engine.namespaces() {
            prefixes.push(format!("{}:{namespace}:", engine.name()));
        }
    }
    prefixes.extend([format!("{POD}:"), format!("{POD}:NAMESPACE:")]);
    let lowercase = format!("{}:", prefix.to_ascii_lowercase());
    let is_meant = !prefix.is_empty() && prefix != prefix.to_ascii_lowercase();
    if is_meant
        && (prefixes.contains(&lowercase) || matches!(&lowercase[..], "id:" | "pid:" | "unit:" | "netns:" | "file:"))
    {
        return format!("\"{name}\" has an unknown prefix (did you mean {lowercase}?)");
    }
    let prefixes = prefixes.join(", ");
    format!(
        "\"{name}\" has an unknown prefix ({prefixes}, any of them after USER@; before an ID, id:; at the beginning, pid:PID, unit:NAME; \
         alone, netns:NAME, file:/PATH)"
    )
}

/// Why digits of an ID are refused.
pub(super) fn no_id(digits: &str) -> String {
    let lowercase = digits.to_ascii_lowercase();
    let meant = if lowercase != digits && crate::container::begins_id(&lowercase) {
        format!(": say {lowercase}")
    } else {
        String::new()
    };
    format!("\"{digits}\" is not the beginning of an ID (1 to 64 of 0-9 and a-f){meant}")
}

/// Why the number of a process is refused.
pub(super) fn no_pid(number: &str) -> String {
    format!("\"{number}\" is not a PID (a number from 1, as in pid:4242)")
}

/// Why the name of a unit is refused.
pub(super) fn no_unit(unit: &str) -> String {
    format!("\"{unit}\" is not the name of a unit (as in unit:ssh, or with slashes, unit:ssh.service/NAME)")
}

/// Why a process is refused that is said to be an engine's.
pub(super) fn no_process(name: &str, number: &str) -> String {
    format!("\"{name}\": a process is no engine's (say pid:{number} alone)")
}

/// Why a user is refused.
pub(super) fn no_user(user: &str) -> String {
    format!("\"{user}\" is not a user (before @, a login name or user ID)")
}

/// Why a namespace is refused.
pub(super) fn no_namespace(namespace: &str) -> String {
    format!("\"{namespace}\" is not a namespace (without wildcards, as in containerd:k8s.io:NAME)")
}

/// Why a namespace is refused for an engine that has none.
pub(super) fn no_namespaces(name: &str, engine: Engine) -> String {
    let engine = engine.name();
    format!("\"{name}\": {engine} has no namespaces (say {engine}:NAME, or {engine}:id:DIGITS)")
}
