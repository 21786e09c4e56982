//! The runner's own namespaces.

use crate::{requirements::tool, run::output_within, signals::keep_ignored_signals_to_ourselves};
use nix::{
    mount::{MsFlags, mount},
    sched::{CloneFlags, unshare},
    unistd::geteuid,
};
use std::time::Duration;

/// Puts the calling process in a private mount and network namespace with an empty `/run`.
///
/// The machine's own Docker is out of sight then, the lab's may sit at the default socket, and links, mounts and
/// `ip netns` names of a test end with its processes. The PID namespace stays the machine's, so PIDs are the real ones. How
/// this process was started, such as in the background, is out of its children's sight as well.
/// A thread that runs already would stay behind: call this first.
///
/// # Errors
/// When not root, or when the kernel refuses.
pub fn isolate() -> Result<(), String> {
    if !geteuid().is_root() {
        return Err("isolate: must be root".into());
    }
    unshare(CloneFlags::CLONE_NEWNS | CloneFlags::CLONE_NEWNET)
        .map_err(|errno| format!("unshare mount and network namespace: {errno}"))?;
    mount(None::<&str>, "/", None::<&str>, MsFlags::MS_REC | MsFlags::MS_PRIVATE, None::<&str>)
        .map_err(|errno| format!("make mounts private: {errno}"))?;
    mount(Some("tmpfs"), "/run", Some("tmpfs"), MsFlags::empty(), Some("mode=755"))
        .map_err(|errno| format!("mount a tmpfs on /run: {errno}"))?;
    keep_ignored_signals_to_ourselves()?;
    let mut loopback = tool("ip");
    loopback.args(["link", "set", "lo", "up"]);
    output_within(&mut loopback, Duration::from_secs(10))?.ok().map(drop)
}
