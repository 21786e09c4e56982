//! Whether processes are in a container's own cgroups, by the lines of /proc/PID/cgroup (`cgroups(7)`).
//!
//! To be inside of a container is to be in its cgroup or below that. An ID in the name of a cgroup alone proves nothing:
//! conmon, which is outside, is in `libpod-conmon-ID.scope`, and a container's root makes cgroups of any name below its own.

use nicon_core::cgroup::{self, is_within, paths};
use nicon_core::container::{innermost_id, is_id};

use crate::engine::container::Container;

/// Where a process and its parent are, with regard to a container.
#[derive(Debug, PartialEq)]
pub(crate) enum Placement {
    /// The process is in the container's cgroups, and its parent is not: it is the first one there.
    First,
    /// The parent is in them, too.
    Inner,
    /// They tell nothing of the container, or contradict each other.
    Elsewhere,
}

/// Compares a process's cgroups with its parent's.
pub(crate) fn placement(cgroups: &str, parents: &str, container: &Container) -> Placement {
    let mut is_there = false;
    for (hierarchy, path) in paths(cgroups) {
        let mut parents = paths(parents).filter(|line| line.0 == hierarchy).map(|line| line.1);
        match own(path, container) {
            Some(own) if parents.any(|path| is_within(path, own)) => return Placement::Inner,
            Some(_) => is_there = true,
            // The engine leaves this hierarchy alone, where it left its parent.
            None if path == "/" || parents.any(|parents| parents == path) => {}
            None => return Placement::Elsewhere,
        }
    }
    if is_there { Placement::First } else { Placement::Elsewhere }
}

/// Whether of two processes one is, by its cgroups, in a container in which the other is not. The cgroup of conmon has the ID of a
/// container, but is beside that.
pub(crate) fn are_in_different_containers(cgroups: &str, of_other: &str) -> bool {
    paths(cgroups).any(|(hierarchy, path)| {
        let mut others = paths(of_other).filter(|line| line.0 == hierarchy);
        container_of(path) != others.find_map(|(_, path)| container_of(path))
    })
}

/// Whether a process is in a container by its cgroups.
pub(crate) fn is_in_a_container(cgroups: &str) -> bool {
    paths(cgroups).any(|(_, path)| container_of(path).is_some())
}

/// Whether a process is in the cgroup of a unit, or below, by its cgroups and those of the systemd whose unit it is: that has its units
/// in slices below the cgroup above its own. Whoever has been given a cgroup can make slices and units of any name below that.
pub(crate) fn is_in_unit(cgroups: &str, systemds: &str, unit: &str) -> bool {
    let is_in = |(hierarchy, path): (&str, &str)| {
        let systemds = paths(systemds).filter(|known| known.0 == hierarchy);
        systemds.filter_map(|(_, own)| own.strip_suffix("/init.scope")).any(|top| {
            let below = path.strip_prefix(top).and_then(|below| below.strip_prefix('/')).unwrap_or_default();
            below.split('/').find(|component| *component == unit || component.strip_suffix(".slice").is_none())
                == Some(unit)
        })
    };
    !unit.is_empty() && paths(cgroups).any(is_in)
}

/// The ID of the innermost container on a path of cgroups.
fn container_of(path: &str) -> Option<&str> {
    path.rsplit('/').filter(|component| !component.contains("conmon-")).find_map(innermost_id)
}

/// The container's own cgroup, if `path` is that or lies below it, and in no cgroup of another container on the way.
fn own<'a>(path: &'a str, container: &Container) -> Option<&'a str> {
    if is_id(&container.id) {
        let (above, last) = path.rmatch_indices('/').find_map(|(at, _)| {
            let component = path[at + 1..].split('/').next()?;
            Some((&path[..=at], component)).filter(|_| innermost_id(component).is_some())
        })?;
        let named = last.strip_suffix(".scope").unwrap_or(last).strip_suffix(container.id.as_str())?;
        return (!named.ends_with("conmon-")).then(|| &path[..above.len() + last.len()]);
    }
    // An ID that is an arbitrary name must be the whole last component, and the start time must have matched, too.
    let last = path.rsplit_once('/')?.1;
    let scope = last.strip_suffix(".scope").and_then(|scope| scope.rsplit('-').next());
    let is_name =
        last == container.id || scope == Some(&container.id) || container.cgroups.iter().any(|name| name == last);
    (container.starttime.is_some() && is_name).then_some(path)
}

/// The container's own cgroups, as its first process tells of them, which is proved to be in them: the path of each hierarchy where it
/// has one. What the container calls those that it makes below is nothing to go by.
pub(crate) fn own_cgroups(cgroups: &str, container: &Container) -> Vec<(String, String)> {
    let own = |(hierarchy, path): (&str, &str)| {
        let path = if is_id(&container.id) { cgroup::own(path, &container.id) } else { own(path, container) };
        Some((hierarchy.to_owned(), path?.to_owned()))
    };
    paths(cgroups).filter_map(own).collect()
}

/// Whether a process is in all of these cgroups, or below: see [`own_cgroups`].
pub(crate) fn are_around(own: &[(String, String)], cgroups: &str) -> bool {
    let is_in = |(hierarchy, own): &(String, String)| {
        paths(cgroups).any(|(known, path)| known == hierarchy && is_within(path, own))
    };
    !own.is_empty() && own.iter().all(is_in)
}

/// Whether this cgroup, of whichever hierarchy, is one of these or below: see [`own_cgroups`].
pub(crate) fn is_below(own: &[(String, String)], cgroup: &str) -> bool {
    own.iter().any(|(_, own)| is_within(cgroup, own))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn container(id: &str) -> Container {
        Container { id: id.to_owned(), ..Container::default() }
    }

    #[test]
    fn the_first_process_of_a_container() {
        let (a, b) = ("a".repeat(64), "b".repeat(64));
        for (cgroups, parents) in [
            (format!("0::/docker/{b}\n"), "0::/system.slice/docker.service\n".to_owned()),
            (format!("0::/system.slice/docker-{b}.scope/init\n"), "0::/system.slice/containerd.service\n".to_owned()),
            (format!("0::/../../docker/{a}/docker/{b}\n"), format!("0::/../../docker/{a}\n")),
            (
                format!("2:cpu:/lab/{b}\n1:name=systemd:/lab/{b}\n0::/\n"),
                "2:cpu:/\n1:name=systemd:/x\n0::/\n".to_owned(),
            ),
            (
                format!("0::/machine.slice/libpod-{b}.scope/container\n"),
                format!("0::/machine.slice/libpod-conmon-{b}.scope\n"),
            ),
            (
                format!("0::/machine.slice/machine-libpod_pod_{a}.slice/libpod-{b}.scope\n"),
                format!("0::/machine.slice/machine-libpod_pod_{a}.slice/libpod-conmon-{b}.scope\n"),
            ),
            (
                format!("0::/system.slice/q.service/libpod-payload-{b}\n"),
                "0::/system.slice/q.service/runtime\n".to_owned(),
            ),
            // A node of kind on a machine with both versions: the engine in it leaves that of version 2 alone.
            (
                format!("2:cpu:/docker/{a}/kubelet/pod1/{b}\n0::/docker/{a}\n"),
                format!("2:cpu:/docker/{a}\n0::/docker/{a}\n"),
            ),
        ] {
            assert_eq!(placement(&cgroups, &parents, &container(&b)), Placement::First, "{cgroups}{parents}");
            assert_ne!(placement(&cgroups, &parents, &container(&a)), Placement::First, "{cgroups}{parents}");
            assert_eq!(placement(&cgroups, &cgroups, &container(&b)), Placement::Inner, "{cgroups}");
        }
    }

    #[test]
    fn a_parent_in_the_container_by_any_line() {
        let (of_b, b) = (format!("0::/x\n0::/docker/{}\n", "b".repeat(64)), "b".repeat(64));
        assert_eq!(placement(&of_b, &of_b, &container(&b)), Placement::Inner);
    }

    #[test]
    fn a_process_elsewhere() {
        let (a, b) = ("a".repeat(64), "b".repeat(64));
        for cgroups in [
            "0::/\n".to_owned(),
            "0::/user.slice\n".to_owned(),
            String::new(),
            format!("0::/{a}{b}\n"),
            format!("2:cpu:/{a}\n0::/{b}\n"),
            format!("0::/machine.slice/libpod-conmon-{b}.scope\n"),
            format!("0::/docker/{b}/docker/{a}\n"),
            format!("0::/x-{b}.slice/y\n"),
        ] {
            assert_eq!(
                placement(&cgroups, "2:cpu:/\n0::/init.scope\n", &container(&b)),
                Placement::Elsewhere,
                "{cgroups}"
            );
        }
    }

    #[test]
    fn a_container_is_around_what_is_at_or_below_its_own_cgroups() {
        let (a, b) = ("a".repeat(64), "b".repeat(64));
        let first = format!("2:cpu:/lab/{a}\n0::/docker/{a}/init.scope\n");
        let own = own_cgroups(&first, &container(&a));
        assert_eq!(own, [("2".to_owned(), format!("/lab/{a}")), ("0".to_owned(), format!("/docker/{a}"))]);
        assert!(are_around(&own, &first) && are_around(&own, &format!("2:cpu:/lab/{a}\n0::/docker/{a}/docker/{b}\n")));
        for other in [
            format!("2:cpu:/lab/{a}\n0::/docker/{b}\n"),
            format!("2:cpu:/lab/{a}x\n0::/docker/{a}\n"),
            format!("2:cpu:/elsewhere/{a}\n0::/docker/{b}/docker/{a}\n"),
            String::new(),
        ] {
            assert!(!are_around(&own, &other), "{other}");
        }
        assert!(is_below(&own, &format!("/docker/{a}/x")) && !is_below(&own, &format!("/docker/{b}/{a}")));
        assert!(own_cgroups(&first, &container(&b)).is_empty() && !are_around(&[], &first));
        let hidden = format!("0::/docker/{a}/{b}\n");
        assert_eq!(own_cgroups(&hidden, &container(&a)), [("0".to_owned(), format!("/docker/{a}"))]);
    }

    #[test]
    fn processes_in_different_containers() {
        let (a, b) = ("a".repeat(64), "b".repeat(64));
        let (none, conmons) = ("0::/system.slice/x.service\n", format!("0::/machine.slice/libpod-conmon-{b}.scope\n"));
        let (of_a, below_a) = (format!("2:cpu:/docker/{a}\n0::/\n"), format!("2:cpu:/docker/{a}/docker/{b}\n0::/\n"));
        for (cgroups, others, expected) in [
            (none, none, false),
            (&conmons, none, false),
            (&of_a, none, true),
            (&of_a, &of_a, false),
            (&below_a, &of_a, true),
            (&of_a, &below_a, true),
            ("2:cpu:/\n0::/x\n", &of_a, true),
            (&format!("0::/docker/{a}/libpod-conmon-{b}.scope\n"), &format!("0::/docker/{a}/init.scope\n"), false),
        ] {
            assert_eq!(are_in_different_containers(cgroups, others), expected, "{cgroups}{others}");
        }
    }

    #[test]
    fn a_process_in_a_unit() {
        let (unit, ours) = ("machine-a.scope", "1:name=systemd:/init.scope\n0::/init.scope\n");
        let inside = "0::/docker/x/init.scope\n";
        for (cgroups, systemds, expected) in [
            ("0::/machine.slice/machine-a.scope/payload\n", ours, true),
            ("1:name=systemd:/machine.slice/machine-a.scope\n0::/\n", ours, true),
            ("0::/machine-a.scope\n", ours, true),
            ("0::/a.slice/a-b.slice/machine-a.scope\n", ours, true),
            ("0::/docker/x/machine.slice/machine-a.scope\n", inside, true),
            ("0::/docker/x/machine.slice/machine-a.scope\n", ours, false),
            ("0::/docker/xy/machine.slice/machine-a.scope\n", inside, false),
            ("0::/machine.slice/machine-a.scope\n", inside, false),
            ("0::/machine.slice/machine-a.scope\n", "0::/\n", false),
            ("0::/machine.slice/machine-b.scope/payload/machine-a.scope\n", ours, false),
            ("0::/machine.slice/machine-b.scope/x.slice/machine-a.scope\n", ours, false),
            ("0::/machine.slice/xmachine-a.scope\n", ours, false),
            ("0::/\n", ours, false),
        ] {
            assert_eq!(is_in_unit(cgroups, systemds, unit), expected, "{cgroups}{systemds}");
        }
        assert!(is_in_unit("0::/a.slice/b.service\n", ours, "a.slice"));
        assert!(!is_in_unit("0::/a.slice//x\n", ours, ""));
    }

    #[test]
    fn a_cgroup_may_have_a_plain_name() {
        let web =
            Container { id: "web".into(), starttime: Some(1), cgroups: vec!["made-up".into()], ..Container::default() };
        for of_web in ["0::/web\n", "4:memory:/x/web\n0::/\n", "0::/system.slice/runc-web.scope\n", "0::/x/made-up\n"] {
            assert_eq!(placement(of_web, "4:memory:/x\n0::/x\n", &web), Placement::First, "{of_web}");
        }
        for of_another in ["0::/xweb\n", "0::/web/below\n", "0::/\n", "", "0::/web.scope.d\n"] {
            assert_eq!(placement(of_another, "0::/x\n", &web), Placement::Elsewhere, "{of_another}");
        }
        let untimed = Container { starttime: None, ..web };
        assert_eq!(placement("0::/web\n", "0::/x\n", &untimed), Placement::Elsewhere);
    }
}
