//! What it takes to look at a process: said where the kernel refuses.

use std::fs;

/// The capabilities that looking at a process takes, and, where a security module may refuse all the same, that: to be put
/// in brackets behind a message. `whose` names the process and its verb, as in "it has".
#[must_use]
pub fn to_look(whose: &str) -> String {
    let shown = fs::read_to_string("/proc/self/attr/apparmor/current").unwrap_or_default();
    let profile = confining(&shown).map(|profile| format!(", and our AppArmor profile {profile} must allow it"));
    format!("it takes CAP_SYS_PTRACE and all capabilities that {whose}{}", profile.unwrap_or_default())
}

/// The name of the profile that the kernel shows, where that refuses anything.
fn confining(shown: &str) -> Option<&str> {
    shown.trim_end().strip_suffix(" (enforce)")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_profile_that_is_enforced_confines() {
        assert_eq!(confining("docker-default (enforce)\n"), Some("docker-default"));
        assert_eq!((confining("unconfined\n"), confining("snap.x (complain)\n"), confining("")), (None, None, None));
    }
}
