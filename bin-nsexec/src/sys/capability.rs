//! Capabilities: `capabilities(7)`.

use std::ffi::{c_int, c_ulong};

use nix::errno::Errno;

/// The capability sets of the calling process, as `capset(2)` takes them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Capabilities {
    pub(crate) effective: u64,
    pub(crate) permitted: u64,
    pub(crate) inheritable: u64,
}

/// `_LINUX_CAPABILITY_VERSION_3` of linux/capability.h: two words of 32 bits a set.
const CAPABILITY_VERSION: u32 = 0x2008_0522;

#[repr(C)]
struct CapabilityHeader {
    version: u32,
    pid: c_int,
}

#[repr(C)]
#[derive(Clone, Copy, Default)]
struct CapabilityWord {
    effective: u32,
    permitted: u32,
    inheritable: u32,
}

impl Capabilities {
    /// `capget(2)` of the calling process.
    pub(crate) fn get() -> nix::Result<Self> {
        let header = CapabilityHeader { version: CAPABILITY_VERSION, pid: 0 };
        let mut words = [CapabilityWord::default(); 2];
        // SAFETY: this version of the call writes two words.
        Errno::result(unsafe { libc::syscall(libc::SYS_capget, &raw const header, words.as_mut_ptr()) })?;
        let join = |set: fn(&CapabilityWord) -> u32| u64::from(set(&words[0])) | u64::from(set(&words[1])) << 32;
        Ok(Self {
            effective: join(|word| word.effective),
            permitted: join(|word| word.permitted),
            inheritable: join(|word| word.inheritable),
        })
    }

    /// `capset(2)` of the calling process.
    pub(crate) fn set(self) -> nix::Result<()> {
        let header = CapabilityHeader { version: CAPABILITY_VERSION, pid: 0 };
        // The low and the high half of each set.
        let half = |set: u64, shift: u32| u32::try_from((set >> shift) & u64::from(u32::MAX)).unwrap_or_default();
        let words = [0, 32].map(|shift| CapabilityWord {
            effective: half(self.effective, shift),
            permitted: half(self.permitted, shift),
            inheritable: half(self.inheritable, shift),
        });
        // SAFETY: this version of the call reads two words.
        Errno::result(unsafe { libc::syscall(libc::SYS_capset, &raw const header, words.as_ptr()) }).map(drop)
    }
}

fn prctl(option: c_int, first: u32, second: u32) -> nix::Result<c_int> {
    // SAFETY: the options below take plain numbers.
    Errno::result(unsafe { libc::prctl(option, c_ulong::from(first), c_ulong::from(second), 0_u64, 0_u64) })
}

/// Whether the bounding set has a capability; EINVAL beyond the last one that the kernel knows.
pub(crate) fn is_bounding(capability: u32) -> nix::Result<bool> {
    prctl(libc::PR_CAPBSET_READ, capability, 0).map(|answer| answer == 1)
}

/// Takes a capability out of the bounding set.
pub(crate) fn drop_bounding(capability: u32) -> nix::Result<()> {
    prctl(libc::PR_CAPBSET_DROP, capability, 0).map(drop)
}

/// Puts a capability in the ambient set, which survives an exec.
pub(crate) fn raise_ambient(capability: u32) -> nix::Result<()> {
    prctl(libc::PR_CAP_AMBIENT, libc::PR_CAP_AMBIENT_RAISE.cast_unsigned(), capability).map(drop)
}

/// Empties the ambient set.
pub(crate) fn clear_ambient() -> nix::Result<()> {
    prctl(libc::PR_CAP_AMBIENT, libc::PR_CAP_AMBIENT_CLEAR_ALL.cast_unsigned(), 0).map(drop)
}
