//! The name that a new link has at first where the kernel refuses the one that is asked for.
//!
//! Before Linux 6.15 the kernel refuses a name that another link has in the namespace from which the new one is made, though it is
//! free where the new one goes: a container's `eth0` on the host's. The link is then made under an interim name, and renamed.

use nicon_core::hash::hash;
use nicon_core::link::LinkName;

/// The interim name of a link that is to be called `name`. It is always the same, so that a run finds the link that an earlier one left
/// half-made.
pub(crate) fn interim_name(name: &LinkName) -> String {
    // Of the 64 bits as many as the name has room for.
    format!("nicon{:010x}", hash(name.as_str()) & 0xff_ffff_ffff)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn interim_names_are_names_of_links() {
        let interim = |name: &str| interim_name(&name.parse().unwrap());
        assert_eq!(interim("eth0").len(), LinkName::MAX);
        assert!(interim("eth0").parse::<LinkName>().is_ok() && interim("eth0") != interim("eth1"));
    }
}
