//! The least that a walk over all processes must do: to read the links that are named of each, and to compare them.
//!
//! `nicon-bench-walk net:[4026531840]` reads one link, and `nicon-bench-walk net pid mnt` three.
#![allow(unsafe_code, reason = "nix's readlinkat allocates, and the floor must not")]

use std::os::fd::{AsFd, AsRawFd};

use nix::dir::Dir;
use nix::fcntl::{OFlag, open, openat};
use nix::sys::stat::Mode;

const DIR: OFlag = OFlag::O_PATH.union(OFlag::O_DIRECTORY);

fn main() -> nix::Result<()> {
    let wanted: Vec<String> = std::env::args().skip(1).collect();
    let mut listing = Dir::open("/proc", OFlag::O_RDONLY, Mode::empty())?;
    let proc = open("/proc", DIR, Mode::empty())?;
    let mut found = 0;
    for entry in listing.iter() {
        let entry = entry?;
        let Ok(pid) = entry.file_name().to_str() else { continue };
        if !pid.starts_with(|c: char| c.is_ascii_digit()) {
            continue;
        }
        if let [only] = &wanted[..] {
            found += usize::from(is(&proc, &format!("{pid}/ns/{}\0", name(only)), only));
        } else if let Ok(links) = openat(&proc, format!("{pid}/ns").as_str(), DIR, Mode::empty()) {
            found += wanted.iter().filter(|link| is(&links, &format!("{}\0", name(link)), link)).count();
        }
    }
    println!("{found}");
    Ok(())
}

fn name(link: &str) -> &str {
    link.split(':').next().unwrap_or_default()
}

/// Whether the link at a path, which ends with a NUL, is the one that is wanted.
fn is(dir: impl AsFd, path: &str, wanted: &str) -> bool {
    let mut link = [0_u8; 64];
    let dir = dir.as_fd().as_raw_fd();
    // SAFETY: `path` ends with a NUL, and the call is told the length of `link`.
    let length = unsafe { libc::readlinkat(dir, path.as_ptr().cast(), link.as_mut_ptr().cast(), link.len()) };
    usize::try_from(length).is_ok_and(|length| &link[..length] == wanted.as_bytes())
}
