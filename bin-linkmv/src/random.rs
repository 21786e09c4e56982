//! The kernel's random bytes.

use nicon_core::{Context, Result};
use rustix::rand::{GetRandomFlags, getrandom};

/// As many of them as asked for: `getrandom(2)`.
///
/// # Errors
/// If the kernel gives none.
pub(crate) fn bytes<const N: usize>() -> Result<[u8; N]> {
    let mut bytes = [0; N];
    let filled = getrandom(&mut bytes, GetRandomFlags::empty()).map_err(std::io::Error::from);
    filled.context(|| "get random bytes")?;
    Ok(bytes)
}
