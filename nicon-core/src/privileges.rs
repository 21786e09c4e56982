//! The privileges that inspecting a process needs, for messages when the kernel refuses.

use std::fs;

use nix::unistd::geteuid;

/// What inspecting a process needs, to be appended to a message in brackets: root, unless we are root and lack a capability; the
/// capabilities; in a user namespace, that these count only in it and below; and, under a security profile, that this allows it.
/// `whose` is the process with its verb, as in "it has".
#[must_use]
pub fn ptrace_hint(whose: &str) -> String {
    let shown = fs::read_to_string("/proc/self/attr/apparmor/current").unwrap_or_default();
    let profile = confining(&shown).map(|profile| format!(", and our AppArmor profile {profile} must allow it"));
    let root = if geteuid().is_root() { "" } else { "root, or " };
    let map = fs::read_to_string("/proc/self/uid_map").unwrap_or_default();
    let below = if maps_all(&map) { "" } else { ", outside of our user namespace unless the process is in it" };
    format!("needs {root}CAP_SYS_PTRACE and every capability that {whose}{below}{}", profile.unwrap_or_default())
}

/// Whether this map, of `user_namespaces(7)`, is that of the first user namespace, or leaves nobody out.
fn maps_all(map: &str) -> bool {
    map.is_empty() || map.split_whitespace().eq(["0", "0", "4294967295"])
}

/// The name of the profile that the kernel shows, if it is enforced.
pub(crate) fn confining(shown: &str) -> Option<&str> {
    shown.trim_end().strip_suffix(" (enforce)")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_user_namespace_leaves_users_out() {
        assert!(maps_all("         0          0 4294967295\n") && maps_all(""));
        assert!(!maps_all("0 1000 1\n") && !maps_all("0 1000 1\n1 100000 65536\n"));
    }

    #[test]
    fn only_an_enforced_profile_confines() {
        assert_eq!(confining("docker-default (enforce)\n"), Some("docker-default"));
        assert_eq!((confining("unconfined\n"), confining("snap.x (complain)\n"), confining("")), (None, None, None));
    }
}
