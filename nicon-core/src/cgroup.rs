//! What the texts of /proc tell of cgroups: `cgroups(7)`, `proc_pid_mountinfo(5)`.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use crate::mountinfo::{Mount, mounts, unescape};

/// Controllers (none for v2) and path of a line of /proc/PID/cgroup; `None` if our cgroup namespace does not contain it.
#[must_use]
pub fn parse(line: &str) -> Option<(&str, &str)> {
    let (controllers, path) = line.split_once(':')?.1.split_once(':')?;
    // A cgroup that lies outside of our cgroup namespace is shown relative to its root.
    (path.starts_with('/') && !path.split('/').any(|part| part == "..")).then_some((controllers, path))
}

/// The mounts of cgroup file systems among the lines of /proc/self/mountinfo.
#[must_use]
pub fn cgroup_mounts(mountinfo: &[u8]) -> Vec<Mount<'_>> {
    mounts(mountinfo).filter(|mount| mount.fs_type.starts_with(b"cgroup")).collect()
}

/// Where the cgroup `path` of a hierarchy is mounted.
#[must_use]
pub fn directory(mounts: &[Mount<'_>], controllers: &str, path: &str) -> Option<PathBuf> {
    mounts.iter().find_map(|mount| {
        let is_it = match (mount.fs_type, controllers) {
            (b"cgroup2", "") => true,
            (b"cgroup", "") => false,
            (b"cgroup", _) => controllers.split(',').all(|controller| mount.has_option(controller)),
            _ => false,
        };
        if !is_it {
            return None;
        }
        let below = Path::new(path).strip_prefix(OsStr::from_bytes(mount.root)).ok()?;
        Some(Path::new(OsStr::from_bytes(&unescape(mount.point))).join(below))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const MOUNTS: &str = "\
30 25 0:26 / /sys/fs/cgroup ro - tmpfs tmpfs ro
31 30 0:27 / /sys/fs/cgroup/cpu,cpuacct rw - cgroup cgroup rw,cpu,cpuacct
32 30 0:28 / /sys/fs/cgroup/systemd rw - cgroup cgroup rw,xattr,name=systemd
33 30 0:29 /box /mnt/a\\040b rw shared:9 - cgroup2 cgroup2 rw";

    #[test]
    fn a_cgroup_is_found_where_its_hierarchy_is_mounted() {
        let found = |line| {
            parse(line).and_then(|(controllers, path)| directory(&cgroup_mounts(MOUNTS.as_bytes()), controllers, path))
        };
        assert_eq!(found("1:name=systemd:/x"), Some("/sys/fs/cgroup/systemd/x".into()));
        assert_eq!(found("2:cpu,cpuacct:/docker/1"), Some("/sys/fs/cgroup/cpu,cpuacct/docker/1".into()));
        assert_eq!(found("0::/box/in:side"), Some("/mnt/a b/in:side".into()));
        assert_eq!(found("0::/elsewhere"), None);
        assert_eq!(found("0::/../box"), None);
        assert_eq!(found("3:memory:/x"), None);
    }
}
