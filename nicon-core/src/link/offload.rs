//! Work that a link does for the kernel, or the kernel for a link: `ethtool -K`.

use std::fmt;
use std::str::FromStr;

use serde_json::Value;

use crate::{Error, Record, Result};

/// An offload that is to be switched, by a name that `ethtool -K` takes: `tx-checksumming=off`. Which ones there are only the kernel
/// knows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OffloadSpec {
    /// Its name, or that of a group of them.
    pub name: String,
    /// Whether it is switched on.
    pub on: bool,
}

impl OffloadSpec {
    /// Those of a record's field `offload`.
    ///
    /// # Errors
    /// The first that cannot be understood.
    pub fn from_record(record: &Record) -> Result<Vec<Self>> {
        match record.get("offload") {
            None | Some(Value::Null) => Ok(Vec::new()),
            Some(Value::Object(offloads)) => offloads
                .iter()
                .map(|(name, on)| match on {
                    Value::Bool(on) => Self::new(name, *on),
                    _ => Err(Error::invalid(format!("field \"offload\": {name}: expected true or false"))),
                })
                .collect(),
            Some(_) => Err(Error::invalid("field \"offload\": expected an object like {\"tx-checksumming\": false}")),
        }
    }

    fn new(name: &str, on: bool) -> Result<Self> {
        let is_name = |byte: u8| byte.is_ascii_alphanumeric() || b"-_".contains(&byte);
        if name.is_empty() || !name.bytes().all(is_name) {
            return Err(Error::invalid(format!("\"{name}\" is not the name of an offload (ethtool -k lists them)")));
        }
        Ok(Self { name: name.to_owned(), on })
    }
}

impl FromStr for OffloadSpec {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let on = |word: &str| match word {
            "on" => Some(true),
            "off" => Some(false),
            _ => None,
        };
        let parts = text.split_once('=').and_then(|(name, word)| Some((name, on(word)?)));
        let (name, on) = parts.ok_or_else(|| Error::invalid(format!("\"{text}\" is not an offload like tso=off")))?;
        Self::new(name, on)
    }
}

impl fmt::Display for OffloadSpec {
    /// As `ethtool -K` takes it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.name, if self.on { "on" } else { "off" })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn offloads_by_name() {
        let texts = |line: &str| {
            let offloads = OffloadSpec::from_record(&Record::parse(line).unwrap())?;
            Ok::<_, Error>(offloads.iter().map(ToString::to_string).collect::<Vec<_>>())
        };
        assert_eq!(
            texts(r#"{"offload":{"tx-checksumming":false,"gro":true}}"#).unwrap(),
            ["tx-checksumming off", "gro on"]
        );
        assert_eq!("tso=off".parse::<OffloadSpec>().unwrap().to_string(), "tso off");
        for line in [r#"{"offload":"tso"}"#, r#"{"offload":{"tso":"off"}}"#, r#"{"offload":{"":true}}"#] {
            assert!(texts(line).is_err(), "{line}");
        }
        for text in ["tso", "tso=", "tso=no", "=on", "t so=on"] {
            assert!(text.parse::<OffloadSpec>().is_err(), "{text}");
        }
    }
}
