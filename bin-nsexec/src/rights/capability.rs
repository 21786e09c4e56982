//! Capabilities: what the target has, and giving up what goes beyond it.

use nicon_core::proc::status_field;
use nicon_core::{Context, Error, NsId, NsType, Process, Result};
use nix::errno::Errno;
use nix::sys::prctl;

use crate::sys::capability::{self as sys, Capabilities};

/// `CAP_SYS_ADMIN` of linux/capability.h, which every join takes.
const SYS_ADMIN: u32 = 21;

/// Whether we may join namespaces as we are.
pub(crate) fn may_join() -> Result<bool> {
    Ok(own()?.effective & (1 << SYS_ADMIN) != 0)
}

fn own() -> Result<Capabilities> {
    Capabilities::get().context(|| "read our own capabilities")
}

/// The most that the command may have.
#[derive(Debug, PartialEq)]
pub(crate) struct Limits {
    bounding: u64,
    permitted: u64,
    ambient: u64,
}

impl Limits {
    /// What the target has. Its capabilities count in its own user namespace: for a command in another one, `user`, they are worth
    /// nothing. Without `is_its_user` the command runs as another user than the target, who gets no ambient ones.
    ///
    /// `status` is the text of its /proc/PID/status.
    pub(crate) fn of(target: &Process, status: &str, user: NsId, is_its_user: bool) -> Result<Self> {
        let limits = Self::parse(status)
            .ok_or_else(|| Error::failed("the target's status in /proc does not tell the capabilities"))?;
        let is_same = target.namespace_id(NsType::User)?.is_none_or(|targets| targets == user);
        let permitted = if is_same { limits.permitted } else { 0 };
        let ambient = if is_its_user { limits.ambient & permitted } else { 0 };
        Ok(Self { permitted, ambient, ..limits })
    }

    fn parse(status: &str) -> Option<Self> {
        let set = |name| u64::from_str_radix(status_field(status, name)?, 16).ok();
        Some(Self { bounding: set("CapBnd")?, permitted: set("CapPrm")?, ambient: set("CapAmb").unwrap_or_default() })
    }

    /// Takes what goes beyond the limits out of the bounding set, and for good: no program can give it back.
    ///
    /// This takes capabilities itself, and is done before they are given up.
    pub(crate) fn bound(&self) -> Result<()> {
        // An exec would give the root user all that the bounding set has.
        let allowed = self.bounding & self.permitted;
        let has_excess = own()?.permitted & !allowed != 0;
        for capability in (0..64).filter(|capability| allowed & (1 << capability) == 0) {
            match sys::drop_bounding(capability) {
                // Beyond the last one that the kernel knows.
                Err(Errno::EINVAL) => break,
                Err(Errno::EPERM) if sys::is_bounding(capability) != Ok(true) => {}
                // We may not, but have no more than is allowed: with no_new_privs an exec cannot add to that.
                Err(Errno::EPERM) if !has_excess => break,
                dropped => dropped.context(|| "limit the command's capabilities")?,
            }
        }
        prctl::set_no_new_privs().context(|| "set no_new_privs")
    }

    /// Whether the target has capabilities that survive an exec although it is not root.
    pub(crate) fn has_ambient(&self) -> bool {
        self.ambient != 0
    }

    /// Gives up what goes beyond the limits now. Ambient are those that are so for the target.
    pub(crate) fn drop_excess(&self) -> Result<()> {
        let Capabilities { permitted, inheritable, .. } = own()?;
        let permitted = permitted & self.permitted;
        let ambient = self.ambient & permitted;
        let limited = Capabilities { effective: permitted, permitted, inheritable: inheritable & permitted | ambient };
        limited.set().context(|| "limit our capabilities")?;
        make_ambient(ambient)
    }
}

/// Has the capabilities that we hold survive the exec, for a user who is not root.
pub(crate) fn keep_across_exec() -> Result<()> {
    let Capabilities { permitted, .. } = own()?;
    let kept = Capabilities { effective: permitted, permitted, inheritable: permitted };
    kept.set().context(|| "keep the capabilities")?;
    make_ambient(permitted)
}

/// Makes these the ambient ones, and no other.
fn make_ambient(capabilities: u64) -> Result<()> {
    sys::clear_ambient().context(|| "keep the capabilities")?;
    for capability in (0..64).filter(|capability| capabilities & (1 << capability) != 0) {
        match sys::raise_ambient(capability) {
            // After entering a user namespace all are permitted, even those unknown to this kernel.
            Ok(()) | Err(Errno::EINVAL) => {}
            Err(errno) => return Err(Error::os(format!("keep capability {capability}"), errno)),
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sets_of_a_status() {
        let status = "Name:\tx\nCapInh:\t0000000000000000\nCapPrm:\t00000000a80425fb\nCapBnd:\t000001fffeffffff\nCapAmb:\t0000000000000400\n";
        let expected = Limits { bounding: 0x1ff_feff_ffff, permitted: 0xa804_25fb, ambient: 0x400 };
        assert_eq!(Limits::parse(status), Some(expected));
        assert_eq!(Limits::parse("CapPrm:\t1\n"), None);
    }
}
