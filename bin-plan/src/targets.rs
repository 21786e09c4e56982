//! The targets of records: paths to containers, and where the plan's own machine is.

use nicon_core::link::kind::TARGETS_OWN;
use nicon_core::path::{self, HOST, Start};
use nicon_core::{Error, Result};
use serde_json::{Value, json};

/// What the paths of a plan begin at.
#[derive(Clone, Debug, Default)]
pub(crate) struct Targets {
    /// The container whose engine runs the plan's containers; `None`: the machine itself.
    within: Option<String>,
}

impl Targets {
    /// Targets within the container at a path.
    ///
    /// # Errors
    /// If it is no path to a single container.
    pub(crate) fn within(path: &str) -> Result<Self> {
        if Start::parse(path)?.is_some() {
            return Err(Error::invalid(format!("\"{path}\" is no container")));
        }
        one_container(path)?;
        Ok(Self { within: Some(path.to_owned()) })
    }

    /// Whether the plan's containers are in one.
    pub(crate) fn is_within(&self) -> bool {
        self.within.is_some()
    }

    /// Where the plan's own machine is.
    pub(crate) fn host(&self) -> String {
        self.within.clone().unwrap_or_else(|| HOST.to_owned())
    }

    /// What a record says in `from`, where the plan gives this: where it says nothing, it means its own machine.
    ///
    /// # Errors
    /// If it is of ours, and that is not the plan's.
    pub(crate) fn source(&self, given: Option<&Value>) -> Result<Option<Value>> {
        let Some(within) = &self.within else { return Ok(given.cloned()) };
        match given.map(|given| given.as_str().unwrap_or_default()) {
            None | Some(HOST) => Ok(Some(json!({"target": within}))),
            Some(TARGETS_OWN) => Ok(given.cloned()),
            Some(_) => Err(Error::invalid(format!("it is ours, and not in {within} (--in)"))),
        }
    }

    /// The target that a path of the plan leads to.
    ///
    /// # Errors
    /// If it is no path to one container, nor anything else that has links.
    pub(crate) fn path(&self, path: &str) -> Result<String> {
        match (Start::parse(path)?, &self.within) {
            (None, None) => one_container(path).map(|()| path.to_owned()),
            (None, Some(within)) => {
                let whole = join(within, path)?;
                one_container(&whole).map(|()| whole)
            }
            (Some(Start::Host), _) => Ok(self.host()),
            (Some(_), None) => Ok(path.to_owned()),
            (Some(_), Some(within)) => Err(Error::invalid(format!("\"{path}\" is ours, and not in {within} (--in)"))),
        }
    }

    /// The target that is the container of this name.
    ///
    /// # Errors
    /// If no engine accepts the name.
    pub(crate) fn container(&self, name: &str) -> Result<String> {
        if !path::is_name(name) {
            return Err(Error::invalid(path::not_a_name(name)));
        }
        let path = escape(name);
        // What a path would take for our own namespaces is a name all the same.
        self.path(&if name == HOST { format!("docker:{path}") } else { path })
    }
}

/// The path that goes on from one to the other. Dots separate, whatever separates in the two.
fn join(one: &str, other: &str) -> Result<String> {
    let (mut names, more) = (path::split(one)?, path::split(other)?);
    names.extend(more);
    let text = |letters: &Vec<path::Letter>| escape(&letters.iter().map(|(c, _)| c).collect::<String>());
    Ok(names.iter().map(text).collect::<Vec<_>>().join("."))
}

/// A name, as a part of a path whose separators are dots.
fn escape(name: &str) -> String {
    name.replace('\\', r"\\").replace('.', r"\.")
}

/// The path of a single container: a link cannot go to all that match a pattern.
fn one_container(path: &str) -> Result<()> {
    if path.contains(['*', '?', '[']) {
        return Err(Error::failed(format!("a link goes to one container: \"{path}\" is a pattern")));
    }
    path::parse(path).map(drop)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_one_name_of_a_path() {
        let ours = Targets::default();
        assert_eq!(ours.container("clab-lab1-r1.a").unwrap(), r"clab-lab1-r1\.a");
        assert_eq!(path::parse(r"clab-lab1-r1\.a").unwrap(), ["clab-lab1-r1.a"]);
        assert_eq!((ours.container("host").unwrap(), ours.host()), ("docker:host".into(), "host".into()));
        assert!(ours.container("a b").is_err() && ours.container("a/b").is_err());
    }

    #[test]
    fn a_lab_lies_in_a_container() {
        for (within, path, whole) in [
            ("setup.olt_1", "lt_1", "setup.olt_1.lt_1"),
            ("setup/my.olt", "a.b", r"setup.my\.olt.a.b"),
            ("setup", "a.b/c", r"setup.a\.b.c"),
            ("pid:42", "a", "pid:42.a"),
            ("setup", "podman:web", "setup.podman:web"),
            ("setup", "host", "setup"),
        ] {
            assert_eq!(Targets::within(within).unwrap().path(path).unwrap(), whole);
        }
        let nested = Targets::within("setup.olt_1").unwrap();
        assert_eq!(
            (nested.container("r1.a").unwrap(), nested.host()),
            (r"setup.olt_1.r1\.a".into(), "setup.olt_1".into())
        );
        let there = Some(json!({"target": "setup.olt_1"}));
        assert_eq!(
            (nested.source(None).unwrap(), nested.source(Some(&"host".into())).unwrap()),
            (there.clone(), there)
        );
        assert_eq!(nested.source(Some(&"target".into())).unwrap(), Some("target".into()));
        assert!(nested.source(Some(&"blue".into())).is_err() && nested.source(Some(&42.into())).is_err());
        assert_eq!(Targets::default().source(None).unwrap(), None);
        for path in ["netns:blue", "file:/x", "pid:7"] {
            assert!(nested.path(path).is_err(), "{path}");
        }
        for within in ["host", "netns:blue", "a.*", ""] {
            assert!(Targets::within(within).is_err(), "{within}");
        }
    }
}
