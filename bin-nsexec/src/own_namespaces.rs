//! The namespaces that we are in.

use std::ffi::CStr;
use std::sync::OnceLock;

use nicon_core::{Context, NsId, NsType, Result};
use nix::fcntl::AT_FDCWD;

/// Whether this namespace is ours, and the one that a child of ours would be in.
///
/// One that cannot be looked at is not: a PID namespace that is to be joined by the next child has no name before that.
pub(crate) fn is_own(ns_type: NsType, id: NsId) -> bool {
    let paths: &[&CStr] = match ns_type {
        NsType::Mnt => &[c"/proc/self/ns/mnt"],
        NsType::Uts => &[c"/proc/self/ns/uts"],
        NsType::Ipc => &[c"/proc/self/ns/ipc"],
        NsType::Net => &[c"/proc/self/ns/net"],
        NsType::Cgroup => &[c"/proc/self/ns/cgroup"],
        NsType::User => &[c"/proc/self/ns/user"],
        // Which PID namespace we are in ourselves does not matter: none can be joined but for the children.
        NsType::Pid => &[c"/proc/self/ns/pid_for_children"],
        NsType::Time => &[c"/proc/self/ns/time", c"/proc/self/ns/time_for_children"],
        _ => return false,
    };
    paths.iter().all(|path| NsId::at(AT_FDCWD, path).is_ok_and(|own| own == id))
}

/// The identity of our own user namespace, before any join. The kernel makes an inode to tell it, so it is asked once.
pub(crate) fn own_user_id() -> Result<NsId> {
    static OWN: OnceLock<NsId> = OnceLock::new();
    if let Some(id) = OWN.get() {
        return Ok(*id);
    }
    let id = NsId::at(AT_FDCWD, c"/proc/self/ns/user").context(|| "look at /proc/self/ns/user")?;
    Ok(*OWN.get_or_init(|| id))
}

#[cfg(test)]
mod tests {
    use nicon_core::Process;

    use super::*;

    #[test]
    fn our_own_are_ours() {
        let myself = Process::myself().unwrap();
        for ns_type in NsType::ALL {
            let Some(id) = myself.namespace_id(ns_type).unwrap() else { continue };
            assert!(is_own(ns_type, id), "{ns_type}");
            assert!(!is_own(ns_type, NsId { ino: 1, ..id }), "{ns_type}");
        }
    }
}
