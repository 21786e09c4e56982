//! The name that a link is to get.

use std::fmt;
use std::str::FromStr;

use super::LinkName;
use crate::{Error, Result};

/// A name, or a pattern such as `eth%d`, for whose `%d` the kernel takes the lowest number that makes a free name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NewName {
    /// A name.
    Name(LinkName),
    /// A pattern.
    Pattern(String),
}

impl NewName {
    /// The name or the pattern itself.
    #[must_use]
    pub fn as_str(&self) -> &str {
        match self {
            Self::Name(name) => name.as_str(),
            Self::Pattern(pattern) => pattern,
        }
    }

    /// Whether a link of this name has what was asked for.
    #[must_use]
    pub fn fits(&self, name: &str) -> bool {
        match self {
            Self::Name(wanted) => wanted.as_str() == name,
            Self::Pattern(pattern) => {
                let number =
                    pattern.split_once("%d").and_then(|(front, back)| name.strip_prefix(front)?.strip_suffix(back));
                number.is_some_and(|number| number.parse::<u32>().is_ok())
            }
        }
    }
}

impl FromStr for NewName {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        match text.split_once("%d") {
            // The kernel puts at least one digit there.
            Some((front, back)) if format!("{front}0{back}").parse::<LinkName>().is_ok() => {
                Ok(Self::Pattern(text.to_owned()))
            }
            _ => Ok(Self::Name(text.parse()?)),
        }
    }
}

impl fmt::Display for NewName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_have_one_place_for_a_number() {
        let parse = |text: &str| text.parse::<NewName>();
        assert!(matches!(parse("eth0"), Ok(NewName::Name(_))));
        assert!(parse("eth%d").unwrap().fits("eth12"));
        assert!(parse("a%db").unwrap().fits("a0b") && !parse("a%db").unwrap().fits("a0"));
        for text in ["%", "eth%s", "a%d%d", "eth%", "%d/", "a b%d", "fifteen-bytes-x%d"] {
            assert!(parse(text).is_err(), "{text}");
        }
    }
}
