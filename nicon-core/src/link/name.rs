//! The names of links, and what they are called besides.

use std::fmt;
use std::str::FromStr;

use crate::{Error, Result};

/// A text that a link has, and that keeps a rule of the kernel's.
macro_rules! text_of_a_link {
    ($(#[$doc:meta])* $Text:ident, $rule:ident, $(#[$max_doc:meta])* MAX = $max:literal) => {
        $(#[$doc])*
        #[derive(Clone, Debug, PartialEq, Eq)]
        pub struct $Text(String);

        impl $Text {
            $(#[$max_doc])*
            pub const MAX: usize = $max;

            /// The text itself.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl FromStr for $Text {
            type Err = Error;

            fn from_str(text: &str) -> Result<Self> {
                $rule(text)?;
                Ok(Self(text.to_owned()))
            }
        }

        impl fmt::Display for $Text {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
    };
}

text_of_a_link!(
    /// A name that the kernel accepts for a link (`dev_valid_name` in net/core/dev.c), and takes literally: `%` would make
    /// it a pattern.
    LinkName,
    check_name,
    /// The longest name, in bytes: `IFNAMSIZ` of linux/if.h, less the closing zero.
    MAX = 15
);

text_of_a_link!(
    /// What a link has for an alias: any short text.
    Alias,
    check_alias,
    /// The longest alias, in bytes: `IFALIASZ` of linux/if.h, less the closing zero.
    MAX = 255
);

text_of_a_link!(
    /// A name that a link has beside its own.
    AltName,
    check_altname,
    /// The longest alternative name, in bytes: `ALTIFNAMSIZ` of linux/if.h, less the closing zero.
    MAX = 127
);

fn check_name(name: &str) -> Result<()> {
    let refuse = |why: &str| Err(Error::invalid(format!("\"{name}\" is not a link name: {why}")));
    match name {
        "" => refuse("it is empty"),
        "." | ".." => refuse("it is taken by the file system"),
        // `sysctl_dev_name_is_allowed` in include/linux/inetdevice.h.
        "all" | "default" => refuse("the kernel keeps it for settings (/proc/sys/net/ipv4/conf)"),
        _ if name.len() > LinkName::MAX => refuse(&format!("it is longer than {} bytes", LinkName::MAX)),
        _ => match name.chars().find(|&c| matches!(c, '/' | ':' | '%') || c.is_whitespace() || c.is_control()) {
            Some(c) => refuse(&format!("it contains {c:?}")),
            None => Ok(()),
        },
    }
}

fn check_alias(text: &str) -> Result<()> {
    if text.len() > Alias::MAX || text.contains(char::is_control) {
        return Err(Error::invalid(format!("an alias has at most {} bytes, and no control characters", Alias::MAX)));
    }
    Ok(())
}

fn check_altname(text: &str) -> Result<()> {
    let forbidden = |c: char| matches!(c, '/' | '%') || c.is_whitespace() || c.is_control();
    if text.is_empty() || text.len() > AltName::MAX || text.contains(forbidden) {
        let max = AltName::MAX;
        return Err(Error::invalid(format!(
            "\"{text}\" is not an alternative name: up to {max} bytes, no space, / or %"
        )));
    }
    Ok(())
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
        for name in [
            "",
            ".",
            "..",
            "all",
            "default",
            "1234567890123456",
            "a b",
            "a/b",
            "a:b",
            "a\tb",
            "a\nb",
            "eth%d",
            "a\u{a0}b",
            "a\0",
        ] {
            assert!(name.parse::<LinkName>().is_err(), "{name:?}");
        }
    }
}
