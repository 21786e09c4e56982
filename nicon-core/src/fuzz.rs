//! Entry points of the fuzz targets: what the kernel tells of processes in /proc, which holds names that anybody may choose.

use crate::{privileges, proc};

/// Any text of /proc about a process: whatever reads it ends, and a command's name shifts no fields.
///
/// # Panics
/// If that does not hold.
pub fn proc(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    let _ = (proc::nspid(&text), proc::uids(&text), proc::pidfd_pid(&text));
    let _ = (proc::hides(bytes), proc::may_ptrace(&text), privileges::confining(&text));
    if let Some(end) = bytes.iter().rposition(|byte| *byte == b')') {
        let renamed = [b"7 (x", &bytes[end..]].concat();
        assert_eq!(proc::Stat::parse(bytes), proc::Stat::parse(&renamed), "{text}");
    }
}
