//! What the texts of /proc tell of cgroups: `cgroups(7)`, `proc_pid_mountinfo(5)`.

use std::path::{Path, PathBuf};

/// Controllers (none for v2) and path of a line of /proc/PID/cgroup.
pub(crate) fn parse(line: &str) -> Option<(&str, &str)> {
    let (controllers, path) = line.split_once(':')?.1.split_once(':')?;
    // A cgroup that lies outside of our cgroup namespace is shown relative to its root.
    (path.starts_with('/') && !path.split('/').any(|part| part == "..")).then_some((controllers, path))
}

/// Where the cgroup `path` of a hierarchy is mounted, by the lines of /proc/self/mountinfo.
pub(crate) fn directory(mounts: &str, controllers: &str, path: &str) -> Option<PathBuf> {
    mounts.lines().find_map(|line| {
        let (mount, filesystem) = line.split_once(" - ")?;
        let mut fields = mount.split(' ').skip(3);
        let (root, point) = (fields.next()?, fields.next()?);
        let mut filesystem = filesystem.split(' ');
        let is_it = match (filesystem.next()?, controllers) {
            ("cgroup2", "") => true,
            ("cgroup", "") => false,
            ("cgroup", _) => {
                let options: Vec<&str> = filesystem.nth(1)?.split(',').collect();
                controllers.split(',').all(|controller| options.contains(&controller))
            }
            _ => false,
        };
        let below = Path::new(path).strip_prefix(root).ok()?;
        is_it.then(|| Path::new(&unescape(point)).join(below))
    })
}

/// mountinfo writes space, tab, newline and backslash in octal.
fn unescape(field: &str) -> String {
    let escapes = [(r"\040", " "), (r"\011", "\t"), (r"\012", "\n"), (r"\134", "\\")];
    escapes.iter().fold(field.to_owned(), |text, (code, character)| text.replace(code, character))
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
        let found = |line| parse(line).and_then(|(controllers, path)| directory(MOUNTS, controllers, path));
        assert_eq!(found("1:name=systemd:/x"), Some("/sys/fs/cgroup/systemd/x".into()));
        assert_eq!(found("2:cpu,cpuacct:/docker/1"), Some("/sys/fs/cgroup/cpu,cpuacct/docker/1".into()));
        assert_eq!(found("0::/box/in:side"), Some("/mnt/a b/in:side".into()));
        assert_eq!(found("0::/elsewhere"), None);
        assert_eq!(found("0::/../box"), None);
        assert_eq!(found("3:memory:/x"), None);
    }
}
