//! A container as its engine tells of it, and whether a word means it.

use nicon_core::Error;
use nicon_core::container::{SHORT, is_id, is_short_id};

use crate::engine::labels::Labels;
use crate::engine::pod::Pod;
use crate::rootfs::directory::FileId;

/// A container that an engine lists. Nothing about it is proved.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Summary {
    pub(crate) id: String,
    /// A name that the engine accepts, or its ID if it has none.
    pub(crate) name: String,
    /// The engine's namespace in which it is, if it has any.
    pub(crate) namespace: Option<String>,
    pub(crate) pod: Option<Pod>,
}

/// Which containers to list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Filter {
    /// Those with a process, including paused ones.
    Running,
    Any,
}

/// A running container, as its engine describes it.
#[derive(Debug, Default, PartialEq)]
pub(crate) struct Container {
    /// 64 hexadecimal digits; with containerd and runc, any name.
    pub(crate) id: String,
    pub(crate) name: String,
    /// The engine's namespace in which it is, if it has any.
    pub(crate) namespace: Option<String>,
    /// The PID of its first process, in the engine's own PID namespace.
    pub(crate) inner_pid: i32,
    /// The ID for which its shim was started, if not its own: containers of a pod have one shim.
    pub(crate) sandbox: Option<String>,
    pub(crate) pod: Option<Pod>,
    /// Its labels, if they were read.
    pub(crate) labels: Option<Labels>,
    /// When that process started, in clock ticks since boot, if the engine records it.
    pub(crate) starttime: Option<u64>,
    /// Names that its cgroup may have instead of its ID.
    pub(crate) cgroups: Vec<String>,
    /// The bundle that the PID was read from, if any: the working directory of the container's shim.
    pub(crate) bundle: Option<FileId>,
    /// The process that started it and stays beside it, if that is how it is known.
    pub(crate) monitor: Option<Monitor>,
    /// The unit in which systemd has registered it, if it has.
    pub(crate) unit: Option<String>,
    /// The user who had systemd register it there, if that is known.
    pub(crate) registrant: Option<u32>,
}

/// A process that stays beside a container.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Monitor {
    /// In our own PID namespace.
    pub(crate) pid: i32,
    pub(crate) starttime: u64,
}

impl Container {
    /// Its ID, shortened as engines print it.
    pub(crate) fn short_id(&self) -> &str {
        short(&self.id)
    }
}

/// The first twelve digits of an ID; a name is kept whole.
pub(crate) fn short(id: &str) -> &str {
    if is_id(id) { &id[..SHORT] } else { id }
}

/// How a container is meant by a word.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fit {
    /// The word is its name, or its whole ID.
    Exact,
    /// The word is the beginning of its ID, and long enough to be no name.
    ShortId,
}

/// How `asked` means the container with this ID and name, if it does. Engines take even a single digit for an ID, so that a
/// name which nobody has would lead to a container that happens to have such an ID.
pub(crate) fn fit(asked: &str, id: &str, name: &str) -> Option<Fit> {
    if name == asked || id == asked {
        return Some(Fit::Exact);
    }
    (is_short_id(asked) && is_id(id) && id.starts_with(asked)).then_some(Fit::ShortId)
}

/// A name without the slash that engines put before it.
pub(crate) fn bare(name: &str) -> &str {
    name.strip_prefix('/').unwrap_or(name)
}

/// The error for a container without a process.
pub(crate) fn not_running(name: &str) -> Error {
    Error::no(format!("container \"{name}\" is not running"))
}

#[cfg(test)]
mod tests {
    use super::*;

    const ID: &str = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";

    #[test]
    fn a_name_is_exact_and_an_id_is_no_less_than_engines_print() {
        assert_eq!(fit("web", ID, "web"), Some(Fit::Exact));
        assert_eq!(fit(ID, ID, "web"), Some(Fit::Exact));
        assert_eq!(fit(&ID[..12], ID, &ID[..12]), Some(Fit::Exact), "a name before an ID");
        assert_eq!(fit(&ID[..12], ID, "web"), Some(Fit::ShortId));
        for (asked, id, name) in
            [(&ID[..11], ID, "web"), ("we", ID, "web"), ("0123456789ab", "0123456789abc", "web"), ("a", "a-b", "a-b")]
        {
            assert_eq!(fit(asked, id, name), None, "{asked} {id} {name}");
        }
    }
}
