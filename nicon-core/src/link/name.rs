//! The names of links.

use std::fmt;
use std::str::FromStr;

use crate::{Error, Result};

/// A name that the kernel accepts for a link (`dev_valid_name` in net/core/dev.c), and takes literally: `%` would make
/// it a pattern.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LinkName(String);

impl LinkName {
    /// The longest name, in bytes: `IFNAMSIZ` of linux/if.h, less the closing zero.
    pub const MAX: usize = 15;

    /// The name itself.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for LinkName {
    type Err = Error;

    fn from_str(name: &str) -> Result<Self> {
        let refuse = |why: &str| Err(Error::failed(format!("\"{name}\" is not a link name: {why}")));
        match name {
            "" => refuse("it is empty"),
            "." | ".." => refuse("it is taken by the file system"),
            _ if name.len() > Self::MAX => refuse(&format!("it is longer than {} bytes", Self::MAX)),
            _ => match name.chars().find(|&c| is_forbidden(c)) {
                Some(c) => refuse(&format!("it contains {c:?}")),
                None => Ok(Self(name.to_owned())),
            },
        }
    }
}

impl fmt::Display for LinkName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

fn is_forbidden(c: char) -> bool {
    matches!(c, '/' | ':' | '%') || c.is_whitespace() || c.is_control()
}

/// What a link has for an alias: any short text.
#[derive(Clone, Debug)]
pub struct Alias(String);

impl Alias {
    /// The longest alias, in bytes: `IFALIASZ` of linux/if.h, less the closing zero.
    pub const MAX: usize = 255;

    /// The text itself.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for Alias {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        if text.len() > Self::MAX || text.contains(char::is_control) {
            let max = Self::MAX;
            return Err(Error::failed(format!("an alias has at most {max} bytes, and no control characters")));
        }
        Ok(Self(text.to_owned()))
    }
}

/// A name that a link has beside its own.
#[derive(Clone, Debug)]
pub struct AltName(String);

impl AltName {
    /// The longest alternative name, in bytes: `ALTIFNAMSIZ` of linux/if.h, less the closing zero.
    pub const MAX: usize = 127;

    /// The name itself.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for AltName {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let forbidden = |c: char| matches!(c, '/' | '%') || c.is_whitespace() || c.is_control();
        if text.is_empty() || text.len() > Self::MAX || text.contains(forbidden) {
            let max = Self::MAX;
            return Err(Error::failed(format!(
                "\"{text}\" is not an alternative name: up to {max} bytes, no space, / or %"
            )));
        }
        Ok(Self(text.to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_link_has_beside_its_name() {
        assert!("x".repeat(127).parse::<AltName>().is_ok() && "x".repeat(255).parse::<Alias>().is_ok());
        for text in ["", "a b", "a/b", "a%d", "a\n", &"x".repeat(128)] {
            assert!(text.parse::<AltName>().is_err(), "{text}");
        }
        assert!("up link".parse::<Alias>().is_ok());
        assert!("a\nb".parse::<Alias>().is_err() && "x".repeat(256).parse::<Alias>().is_err());
    }

    #[test]
    fn names_that_the_kernel_takes() {
        for name in ["eth0", "a", "veth-0.100@x", "123456789012345", "größe"] {
            assert_eq!(name.parse::<LinkName>().unwrap().as_str(), name);
        }
        for name in ["", ".", "..", "1234567890123456", "a b", "a/b", "a:b", "a\tb", "a\nb", "eth%d", "a\u{a0}b", "a\0"]
        {
            assert!(name.parse::<LinkName>().is_err(), "{name:?}");
        }
    }
}
