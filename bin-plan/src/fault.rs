//! Faults of a plan: what is wrong, and where.

use std::fmt;

use nicon_core::Error;
use nicon_core::suggest::nearest;

/// A position in the text. Lines and columns count from 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Position {
    pub(crate) line: u32,
    pub(crate) column: u32,
}

/// Where a text begins, and what is missing in all of it is reported.
pub(crate) const START: Position = Position { line: 1, column: 1 };

/// An error at a position.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Fault {
    pub(crate) position: Position,
    pub(crate) message: String,
}

impl Position {
    /// A fault at this position.
    pub(crate) fn fault(self, message: impl Into<String>) -> Fault {
        Fault { position: self, message: message.into() }
    }
}

impl fmt::Display for Position {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.line, self.column)
    }
}

impl Fault {
    /// The fault as an error in the file `name`, formatted as by compilers: `links.yaml:4:15: ...`.
    pub(crate) fn prefix(self, name: &str) -> Error {
        Error::failed(format!("{name}:{}: {}", self.position, self.message))
    }
}

/// What other tools call some of the keys: `ip`, Docker and Compose, netplan, containerlab. The first of two for one word that is a
/// key where it stands is meant.
const SYNONYMS: &[(&str, &str)] = &[
    ("ip", "addr"),
    ("ip", "address"),
    ("ipv4", "addr"),
    ("ipv6", "addr"),
    ("address", "addr"),
    ("addresses", "addr"),
    ("gw", "gateway"),
    ("via", "gateway"),
    ("gateway4", "gateway"),
    ("gateway6", "gateway"),
    ("bridge", "master"),
    ("vrf", "master"),
    ("hwaddr", "mac"),
    ("lladdr", "mac"),
    ("macaddress", "mac"),
    ("type", "kind"),
    ("peer", "endpoints"),
    ("latency", "delay"),
    ("bandwidth", "rate"),
    ("qlen", "txqueuelen"),
    ("txqlen", "txqueuelen"),
];

/// The key among `known` that somebody meant who wrote another: by a word of another tool, or by one that is similar.
pub(crate) fn meant<'a>(written: &str, known: &[&'a str]) -> Option<&'a str> {
    let mut by_word = SYNONYMS.iter().filter(|(word, _)| *word == written).map(|(_, key)| *key);
    let by_word = by_word.find_map(|key| known.iter().find(|known| **known == key));
    by_word.copied().or_else(|| nearest(written, known.iter().copied()).first().copied())
}

/// How many names are listed at most: what takes more than two lines of a terminal helps nobody who does not know which to look for.
const MOST: usize = 16;

/// Names in a row, if they are so few that they are read. Of more, a message says where they are.
pub(crate) fn few(names: &[&str]) -> Option<String> {
    (names.len() <= MOST).then(|| names.join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_meant_is_a_key() {
        let known = ["addr", "gateway", "master", "up"];
        for (written, key) in [
            ("gw", Some("gateway")),
            ("bridge", Some("master")),
            ("ip", Some("addr")),
            ("gatewy", Some("gateway")),
            ("peer", None),
            ("type", None),
        ] {
            assert_eq!(meant(written, &known), key, "{written}");
        }
        assert_eq!(meant("ip", &["address", "mtu"]), Some("address"));
    }
}
