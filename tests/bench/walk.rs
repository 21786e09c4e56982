//! The least that a walk over all processes must do: one readlinkat for each, of the link that is named, and a comparison.
#![allow(unsafe_code, reason = "nix's readlinkat allocates, and the floor must not")]

use std::os::fd::AsRawFd;

use nix::dir::Dir;
use nix::fcntl::OFlag;
use nix::sys::stat::Mode;

fn main() -> nix::Result<()> {
    let wanted = std::env::args().nth(1).unwrap_or_default();
    let file = format!("/ns/{}\0", wanted.split(':').next().unwrap_or_default());
    let mut listing = Dir::open("/proc", OFlag::O_RDONLY, Mode::empty())?;
    let proc = nix::fcntl::open("/proc", OFlag::O_PATH, Mode::empty())?;
    let (mut path, mut link) = ([0_u8; 64], [0_u8; 64]);
    let mut found = 0;
    for entry in listing.iter() {
        let entry = entry?;
        let name = entry.file_name().to_bytes();
        if !name[0].is_ascii_digit() {
            continue;
        }
        path[..name.len()].copy_from_slice(name);
        path[name.len()..name.len() + file.len()].copy_from_slice(file.as_bytes());
        // SAFETY: `path` ends with the NUL of `file`, and the call is told the length of `link`.
        let length =
            unsafe { libc::readlinkat(proc.as_raw_fd(), path.as_ptr().cast(), link.as_mut_ptr().cast(), link.len()) };
        if usize::try_from(length).is_ok_and(|length| &link[..length] == wanted.as_bytes()) {
            found += 1;
        }
    }
    println!("{found}");
    Ok(())
}
