//! What the texts of /proc tell of cgroups: `cgroups(7)`, `proc_pid_mountinfo(5)`.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use crate::container::is_id;
use crate::mountinfo::{Mount, mounts, unescape};

/// Controllers (none for v2) and path of a line of /proc/PID/cgroup; `None` if our cgroup namespace does not contain it.
#[must_use]
pub fn parse(line: &str) -> Option<(&str, &str)> {
    let (controllers, path) = line.split_once(':')?.1.split_once(':')?;
    // A cgroup that lies outside of our cgroup namespace is shown relative to its root.
    (path.starts_with('/') && !path.split('/').any(|part| part == "..")).then_some((controllers, path))
}

/// Hierarchy number and path of each line of /proc/PID/cgroup.
pub fn paths(cgroups: &str) -> impl Iterator<Item = (&str, &str)> {
    cgroups.lines().filter_map(|line| {
        let (hierarchy, rest) = line.split_once(':')?;
        Some((hierarchy, rest.split_once(':')?.1))
    })
}

/// Whether a cgroup is `around`, or below that.
#[must_use]
pub fn is_within(path: &str, around: &str) -> bool {
    path.strip_prefix(around).is_some_and(|below| below.is_empty() || below.starts_with('/'))
}

/// The path of a container's own cgroup, given one of the cgroups that its first process is in, and its ID.
///
/// That process may have moved, but, if it rules over no other cgroups, only to one below its own, which it may call anything. So of
/// 64 digits the outermost occurrence counts; any other ID must be the whole name, or follow a hyphen in that of a scope. Conmon's
/// scope is called after the container, too, and is beside it.
#[must_use]
pub fn own<'a>(path: &'a str, id: &str) -> Option<&'a str> {
    let ends = path.match_indices('/').map(|(at, _)| at).skip(1).chain([path.len()]);
    let mut above = ends.map(|end| &path[..end]);
    let is_called_so = |path: &&str| {
        let name = path.rsplit('/').next().unwrap_or_default();
        let scope = name.strip_suffix(".scope");
        if !is_id(id) {
            return name == id || scope.and_then(|scope| scope.rsplit('-').next()) == Some(id);
        }
        let before = scope.unwrap_or(name).strip_suffix(id);
        before.is_some_and(|before| !before.ends_with("conmon-") && !before.ends_with(|c: char| c.is_ascii_hexdigit()))
    };
    if is_id(id) { above.find(is_called_so) } else { Some(path).filter(is_called_so) }
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

    #[test]
    fn a_containers_own_cgroup_is_the_outermost_that_is_called_after_it() {
        let (a, b) = ("a".repeat(64), "b".repeat(64));
        for (path, own_path) in [
            (format!("/docker/{a}"), Some(format!("/docker/{a}"))),
            (format!("/docker/{a}/{b}"), Some(format!("/docker/{a}"))),
            (format!("/docker/{a}/x/{a}"), Some(format!("/docker/{a}"))),
            (format!("/../../docker/{b}/docker/{a}/init"), Some(format!("/../../docker/{b}/docker/{a}"))),
            (format!("/machine.slice/libpod-{a}.scope/container"), Some(format!("/machine.slice/libpod-{a}.scope"))),
            (format!("/machine.slice/libpod-conmon-{a}.scope"), None),
            (format!("/docker/{b}"), None),
            (format!("/{b}{a}"), None),
            (format!("/machine-libpod_pod_{a}.slice/x"), None),
            ("/".to_owned(), None),
        ] {
            assert_eq!(own(&path, &a), own_path.as_deref(), "{path}");
        }
        for (path, is_own) in [("/x/web", true), ("/x/runc-web.scope", true), ("/web/x", false), ("/xweb", false)] {
            assert_eq!(own(path, "web"), is_own.then_some(path), "{path}");
        }
    }

    #[test]
    fn what_is_below_a_cgroup_is_within_it() {
        assert!(is_within("/docker/a", "/docker/a") && is_within("/docker/a/b", "/docker/a"));
        assert!(!is_within("/docker/ab", "/docker/a") && !is_within("/x/docker/a", "/docker/a"));
        let cgroups = "2:cpu:/lab/x\n0::/a:b\n";
        assert!(paths(cgroups).eq([("2", "/lab/x"), ("0", "/a:b")]));
    }
}
