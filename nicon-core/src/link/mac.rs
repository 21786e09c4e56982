//! Hardware addresses.

use std::fmt;
use std::str::FromStr;

use crate::{Error, Result};

/// A hardware address that an Ethernet link can be given.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Mac([u8; 6]);

impl Mac {
    /// The address of a single link, chosen locally (IEEE 802: the second bit of the first byte), that these bytes make.
    #[must_use]
    pub fn local(mut bytes: [u8; 6]) -> Self {
        bytes[0] = bytes[0] & !1 | 2;
        Self(bytes)
    }

    /// Its six bytes, as rtnetlink takes them.
    #[must_use]
    pub fn bytes(&self) -> Vec<u8> {
        self.0.to_vec()
    }
}

impl FromStr for Mac {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let refuse = |why: &str| Error::invalid(format!("\"{text}\" is not a hardware address: {why}"));
        let byte = |pair: &str| (pair.len() == 2).then(|| u8::from_str_radix(pair, 16).ok())?;
        let bytes: Option<Vec<u8>> = text.split(':').map(byte).collect();
        let bytes = bytes.and_then(|bytes| <[u8; 6]>::try_from(bytes).ok());
        let bytes = bytes.ok_or_else(|| refuse("it looks like 02:00:5e:00:53:01"))?;
        // The lowest bit of the first byte marks a group of receivers (IEEE 802); the kernel gives no link such a one.
        if bytes[0] & 1 == 1 {
            return Err(refuse("it is a multicast address"));
        }
        if bytes == [0; 6] {
            return Err(refuse("it is all zeroes"));
        }
        Ok(Self(bytes))
    }
}

impl fmt::Display for Mac {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex(&self.0))
    }
}

/// Any hardware address, as `ip link` prints it.
#[must_use]
pub fn hex(bytes: &[u8]) -> String {
    const DIGITS: [char; 16] = ['0', '1', '2', '3', '4', '5', '6', '7', '8', '9', 'a', 'b', 'c', 'd', 'e', 'f'];
    let mut text = String::with_capacity(bytes.len() * 3);
    for byte in bytes {
        text.extend([DIGITS[usize::from(byte >> 4)], DIGITS[usize::from(byte & 0xf)], ':']);
    }
    text.pop();
    text
}

/// The bytes of what [`hex`] printed.
#[must_use]
pub fn bytes(text: &str) -> Option<Vec<u8>> {
    text.split(':').map(|pair| u8::from_str_radix(pair, 16).ok()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_that_a_link_can_have() {
        assert_eq!("02:00:5E:00:53:01".parse::<Mac>().unwrap().to_string(), "02:00:5e:00:53:01");
        for text in ["", "02", "02:00:5e:00:53", "02:00:5e:00:53:01:02", "2:0:5e:0:53:1", "01:00:5e:00:00:01"] {
            assert!(text.parse::<Mac>().is_err(), "{text}");
        }
        assert!("00:00:00:00:00:00".parse::<Mac>().is_err());
        assert!("0g:00:00:00:00:00".parse::<Mac>().is_err());
    }
}
