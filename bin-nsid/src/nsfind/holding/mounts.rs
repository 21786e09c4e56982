//! Namespaces that are mounted on a file, as by `ip netns add`. The kernel lists them in /proc/PID/mountinfo.

use std::ffi::OsString;
use std::os::unix::ffi::OsStringExt;

use nicon_core::mountinfo::{mounts, unescape};
use nicon_core::{NsType, ns};

/// A mounted namespace.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct MountedNs {
    /// The mount's ID, unique among the mounts of the machine.
    pub(crate) id: u64,
    /// Type and inode number of the namespace.
    pub(crate) namespace: (NsType, u64),
    /// Where it is mounted, below the root directory of the process whose mountinfo this is.
    pub(crate) path: OsString,
}

/// The mounted namespaces in a list of mounts.
pub(crate) fn of(mountinfo: &[u8]) -> impl Iterator<Item = MountedNs> {
    mounts(mountinfo).filter(|mount| mount.fs_type == b"nsfs").filter_map(|mount| {
        let namespace = ns::parse_link(std::str::from_utf8(mount.root).ok()?)?;
        Some(MountedNs { id: mount.id, namespace, path: OsString::from_vec(unescape(mount.point).into_owned()) })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_mounts_of_namespaces_are_parsed() {
        let netns = br"242 25 0:4 net:[4026532546] /run/netns/a\040b\134\012 rw shared:7 master:1 - nsfs nsfs rw";
        let mount = MountedNs { id: 242, namespace: (NsType::Net, 4_026_532_546), path: "/run/netns/a b\\\n".into() };
        assert!(of(netns).eq([mount]));
        for other in [
            &b"22 27 0:21 / /proc rw,relatime - proc proc rw"[..],
            b"22 27 0:21 /net:[1] /x rw - tmpfs nsfs rw",
            b"22 27 0:21 net:[1] /x rw - ext4 nsfs rw",
            b"22 27",
            b"",
        ] {
            assert_eq!(of(other).next(), None);
        }
    }
}
