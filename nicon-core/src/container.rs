//! The container that a cgroup tells.

/// The ID of the innermost container in the text of /proc/PID/cgroup: the last run of 64 hexadecimal digits, which is how
/// Docker, containerd, Podman and CRI-O name a container's cgroup, bare or inside of a name (`docker-ID.scope`).
#[must_use]
pub fn id(cgroup: &str) -> Option<&str> {
    let mut runs = cgroup.split(|c: char| !c.is_ascii_alphanumeric());
    runs.rfind(|run| run.len() == 64 && run.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f')))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_innermost_id() {
        let (outer, inner) = ("0a".repeat(32), "f1".repeat(32));
        assert_eq!(id(&format!("0::/docker/{outer}\n")), Some(outer.as_str()));
        assert_eq!(id(&format!("0::/docker/{outer}/docker/{inner}/init.scope\n")), Some(inner.as_str()));
        assert_eq!(id(&format!("0::/system.slice/docker-{inner}.scope")), Some(inner.as_str()));
        assert_eq!(id(&format!("0::/kubepods/burstable/podx/cri-containerd-{inner}.scope")), Some(inner.as_str()));
        for none in ["0::/\n", "0::/user.slice/user-0.slice", &format!("0::/{outer}0"), &format!("0::/{}", &outer[1..])]
        {
            assert_eq!(id(none), None, "{none}");
        }
    }
}
