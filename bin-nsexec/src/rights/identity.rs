//! Who a process is: its user and groups.

use nicon_core::proc::status_field;
use nicon_core::{Error, Process, Result};

/// What the kernel shows for an ID that has no number in our user namespace.
pub(crate) const OVERFLOW: u32 = 65534;

/// User and groups of a process, as numbers of our user namespace.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Identity {
    /// The effective one: what the process may do as.
    pub(crate) uid: u32,
    pub(crate) gid: u32,
    pub(crate) groups: Vec<u32>,
}

impl Identity {
    /// That of a process.
    ///
    /// The owner of its directory in /proc would not do: once the process is gone, the kernel shows root as the owner.
    pub(crate) fn of(process: &Process) -> Result<Self> {
        Self::in_status(&process.read("status")?)
    }

    /// That in the text of /proc/PID/status.
    pub(crate) fn in_status(status: &str) -> Result<Self> {
        Self::parse(status).ok_or_else(|| Error::failed("the target's status in /proc does not tell user and groups"))
    }

    fn parse(status: &str) -> Option<Self> {
        let numbers = |name| {
            let field = status_field(status, name)?;
            field.split_whitespace().map(|number| number.parse().ok()).collect::<Option<Vec<u32>>>()
        };
        // Real, effective, saved, of the file system.
        let effective = |name| numbers(name)?.get(1).copied();
        Some(Self { uid: effective("Uid")?, gid: effective("Gid")?, groups: numbers("Groups")? })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn users_of_a_status() {
        let status = "Name:\tx\nUid:\t0\t1000\t2\t3\nGid:\t4\t5\t6\t7\nGroups:\t8 9 \nNStgid:\t1\n";
        assert_eq!(Identity::parse(status), Some(Identity { uid: 1000, gid: 5, groups: vec![8, 9] }));
        assert!(
            Identity::parse("Uid:\t0\t0\t0\t0\nGid:\t0\t0\t0\t0\nGroups:\t\n").is_some_and(|id| id.groups.is_empty())
        );
        assert_eq!(Identity::parse("Uid:\t0\nGid:\t0\t0\t0\t0\nGroups:\t\n"), None);
    }
}
