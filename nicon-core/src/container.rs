//! Container IDs, as they occur in the names of cgroups.

/// The number of hexadecimal digits of an ID.
const DIGITS: usize = 64;

/// The number of digits to which engines shorten an ID when they print it.
pub const SHORT: usize = 12;

/// Whether a text is an ID as Docker, containerd, Podman and CRI-O make them: 64 hexadecimal digits in lower case.
#[must_use]
pub fn is_id(text: &str) -> bool {
    text.len() == DIGITS && text.chars().all(is_digit)
}

/// Whether a text can be the beginning of an ID: 1 to 64 of its digits.
#[must_use]
pub fn begins_id(text: &str) -> bool {
    (1..=DIGITS).contains(&text.len()) && text.chars().all(is_digit)
}

/// Whether a container's ID or name is meant by a word that does not say which: a name is taken for the beginning of an ID
/// only if it has as many digits as engines print. Fewer may be anybody's name.
#[must_use]
pub fn is_short_id(word: &str) -> bool {
    word.len() >= SHORT && begins_id(word)
}

/// The ID of the innermost container in a line of /proc/PID/cgroup, in any engine's notation: `/docker/ID`,
/// `docker-ID.scope`, `/docker/ID/init`.
#[must_use]
pub fn innermost_id(line: &str) -> Option<&str> {
    line.rsplit(|c| !is_digit(c)).find(|word| word.len() == DIGITS)
}

/// The ID of the innermost container in /proc/PID/cgroup. The last line that has one counts; that of cgroup v2 is the
/// very last.
#[must_use]
pub fn id(cgroup: &str) -> Option<&str> {
    cgroup.lines().rev().find_map(innermost_id)
}

fn is_digit(c: char) -> bool {
    matches!(c, '0'..='9' | 'a'..='f')
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
        assert_eq!(id(&format!("4:cpu:/docker/{outer}/docker/{inner}\n0::/\n")), Some(inner.as_str()));
        for none in ["0::/\n", "0::/user.slice/user-0.slice", &format!("0::/{outer}0"), &format!("0::/{}", &outer[1..])]
        {
            assert_eq!(id(none), None, "{none}");
        }
    }

    #[test]
    fn an_id_is_64_lower_case_hexadecimal_digits() {
        assert!(is_id(&"0a".repeat(32)));
        for name in ["web", &"0A".repeat(32), &"0a".repeat(31), &"0a".repeat(33), &"0g".repeat(32)] {
            assert!(!is_id(name), "{name}");
        }
    }

    #[test]
    fn few_digits_are_a_name() {
        for (text, begins, is_short) in [
            ("c6d", true, false),
            ("0123456789a", true, false),
            ("0123456789ab", true, true),
            (&"0a".repeat(32)[..], true, true),
            (&"0a".repeat(33), false, false),
            ("0123456789AB", false, false),
            ("0123456789-b", false, false),
            ("", false, false),
        ] {
            assert_eq!((begins_id(text), is_short_id(text)), (begins, is_short), "{text}");
        }
    }
}
