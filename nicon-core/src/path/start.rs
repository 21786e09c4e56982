//! What stands in the place of a path: our own namespaces, or a network namespace that has a name or a file, and no container.

use std::path::Path;

use super::refusal::refuse;
use crate::Result;

/// What our own network namespace is called.
pub const HOST: &str = "host";

const NETNS: &str = "netns:";
const FILE: &str = "file:";
const UNIT: &str = "unit:";

/// The types of units that have processes: see `systemd.unit(5)`.
const UNIT_TYPES: [&str; 6] = ["service", "scope", "slice", "socket", "mount", "swap"];

/// What is no container, and has none in it that a path could go on to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Start<'a> {
    /// Where we are ourselves: `host`.
    Host,
    /// The network namespace that `ip netns` knows by this name: `netns:blue`.
    Netns(&'a str),
    /// The namespace that a file names: `file:/proc/42/ns/net`.
    File(&'a Path),
}

impl<'a> Start<'a> {
    /// Parses a path; `None` where it leads to a container. A container that is called `host` is one with a prefix
    /// (`docker:host`), or in another container.
    ///
    /// # Errors
    /// [`Status::Failed`](crate::Status::Failed) where it begins so and goes on to something else.
    pub fn parse(path: &'a str) -> Result<Option<Self>> {
        if path == HOST {
            return Ok(Some(Self::Host));
        }
        if let Some(rest) = path.strip_prefix(HOST).filter(|rest| rest.starts_with(['.', '/'])) {
            let container = &rest[1..];
            let way_out = format!("say \"{container}\", or docker:{HOST}{rest} where a container is called {HOST}");
            return Err(refuse(path, &format!("{HOST} is no container: {way_out}")));
        }
        if let Some(name) = path.strip_prefix(NETNS) {
            if matches!(name, "" | "." | "..") || name.contains('/') {
                let why = format!("\"{name}\" is no name of a network namespace (as `ip netns` lists them)");
                return Err(refuse(path, &why));
            }
            return Ok(Some(Self::Netns(name)));
        }
        if let Some(file) = path.strip_prefix(FILE) {
            if !file.starts_with('/') {
                return Err(refuse(path, &format!("the file of a namespace needs its whole path ({FILE}/run/..)")));
            }
            return Ok(Some(Self::File(Path::new(file))));
        }
        // A dot separates names where there is no slash.
        if let Some(unit) = path.strip_prefix(UNIT).filter(|unit| !unit.contains(['/', '\\']))
            && UNIT_TYPES.iter().any(|known| unit.split('.').skip(1).any(|part| part == *known))
        {
            return Err(refuse(path, &format!("the name of a unit with dots wants a slash: say \"/{path}\"")));
        }
        Ok(None)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_container() {
        for (path, start) in [
            ("host", Some(Start::Host)),
            ("netns:blue", Some(Start::Netns("blue"))),
            ("netns:my.net", Some(Start::Netns("my.net"))),
            ("file:/run/netns/a.b", Some(Start::File(Path::new("/run/netns/a.b")))),
            ("a.host", None),
            ("hosts", None),
            ("docker:host", None),
            ("pid:42.a", None),
            ("unit:ssh", None),
            ("unit:ssh.a", None),
            ("/unit:ssh.service", None),
            ("/run/netns/blue", None),
        ] {
            assert_eq!(Start::parse(path).unwrap(), start, "{path}");
        }
    }

    #[test]
    fn what_goes_on_to_nothing_is_refused() {
        for (path, why) in [
            ("host.a", "host is no container: say \"a\", or docker:host.a where a container is called host"),
            ("host/a/b", "host is no container: say \"a/b\", or docker:host/a/b where a container is called host"),
            ("netns:", "\"\" is no name of a network namespace"),
            ("netns:a/b", "\"a/b\" is no name of a network namespace"),
            ("file:run/x", "the file of a namespace needs its whole path (file:/run/..)"),
            ("unit:ssh.service", "the name of a unit with dots wants a slash: say \"/unit:ssh.service\""),
        ] {
            let error = Start::parse(path).unwrap_err().to_string();
            assert!(error.starts_with(&format!("path \"{path}\": {why}")), "{error}");
        }
    }
}
